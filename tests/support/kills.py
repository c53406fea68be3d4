"""The operator killed before a write or after it, or left without its answer: at every write of an edit."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from typing_extensions import override

from pintle.errors import Unavailable
from tests.support.endstate import Write, state, writes_of
from tests.support.histories import VERSIONS, Edit, by_version, perform
from tests.support.watchman import Watchman
from tests.support.world import World

# How long the cluster is without an operator.
DOWN = 5.0
AFTERWARDS = 60.0


class Mishap(Enum):
    """What happens at a write."""

    KILLED_BEFORE = "killed before it"
    KILLED_AFTER = "killed after it"
    ANSWER_LOST = "its answer is lost"

    @property
    def error(self) -> BaseException:
        """What the operator's request ends with."""
        if self is Mishap.ANSWER_LOST:
            return Unavailable("connection reset by peer")
        return asyncio.CancelledError()


@dataclass(frozen=True)
class Point:
    """One write of a history's last edit, and what happens at it."""

    edits: tuple[Edit, ...]
    write: Write
    mishap: Mishap

    @override
    def __str__(self) -> str:
        return f"{self.write}, {self.mishap.value}"

    def differences(self, undisturbed: World) -> Iterator[str]:
        """What is wrong with it, in words; nothing, where all is as it is when nothing happens."""
        world = _played(self.edits[:-1])
        watchman = Watchman(world)
        fault = self.write.fault(self.mishap.error, committed=self.mishap is not Mishap.KILLED_BEFORE)
        world.cluster.faults.append(fault)
        perform(world, self.edits[-1])
        assert fault.seen >= fault.ordinal, "it happened"
        if world.operator.killed:
            world.run(DOWN)
            world.start_operator()
        world.run(AFTERWARDS)
        wanted, found = _end(undisturbed), _end(world)
        for key in wanted:
            if wanted[key] != found[key]:
                yield f"{self}: {key} is {found[key]}, and {wanted[key]} where nothing happens"
        yield from (f"{self}: {wrong}" for wrong in watchman.wrong)


def points(edits: tuple[Edit, ...]) -> Iterator[Point]:
    """Everything that may happen in the last edit of a history."""
    for write in writes_of(edits):
        for mishap in Mishap:
            yield Point(edits, write, mishap)


def undisturbed(edits: tuple[Edit, ...]) -> World:
    """What all of them are compared with."""
    world = _played(edits)
    world.run(AFTERWARDS)
    return world


def _played(edits: tuple[Edit, ...]) -> World:
    world = World(*VERSIONS)
    for edit in edits:
        perform(world, edit)
    return world


def _end(world: World) -> dict[str, object]:
    """The end state, and all pods that there have been."""
    return state(world) | {"made": by_version(world.pods_made), "gone": by_version(world.pods_gone)}
