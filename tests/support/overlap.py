"""Two operators at once: one is held up in a write that it has decided, while the other goes on.

`overlaps` enumerates the writes of a history's last edit, and what the other may have done until they land.
Each is compared with one operator alone, to which the same happens: the first is killed where it would have
been held up.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from typing_extensions import override

from pintle.domain.resources import (
    MODEL_DEPLOYMENTS,
    SERVICES,
)
from tests.support.endstate import Write, state, writes_of
from tests.support.faults.oracles import untold
from tests.support.histories import VERSIONS, Edit, perform
from tests.support.watchman import Watchman
from tests.support.world import NAME, NAMESPACE, World

# How long the other operator has the cluster to itself, and how long both have it afterwards.
ALONE, TOGETHER = 10.0, 60.0
# A version that no history declares.
NEXT = 9


Meanwhile: TypeAlias = Callable[[World, str], None]


def flipped_back(world: World, before: str) -> None:
    """Somebody goes back to the version before."""
    world.apply(version=before)


def flipped_forward(world: World, _: str) -> None:
    """Somebody declares yet another version."""
    world.apply(version=NEXT)


def scaled(world: World, _: str) -> None:
    """Somebody wants more pods."""
    world.apply(replicas=4)


def scaled_and_back(world: World, _: str) -> None:
    """Somebody wants more pods, and then as many as before: a count alone does not tell of it."""
    world.apply(replicas=4)
    world.run(5)
    world.apply(replicas=2)


def at_rest(_: World, __: str) -> None:
    """Nobody does anything: the other operator finishes what the first has begun."""


def made_again(world: World, _: str) -> None:
    """Somebody deletes the object and makes it again, as it was."""
    spec = world.body["spec"]
    world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, NAME)
    world.apply(**spec)


MEANWHILE: tuple[Meanwhile, ...] = (
    flipped_back,
    flipped_forward,
    scaled,
    scaled_and_back,
    at_rest,
    made_again,
)


@dataclass(frozen=True)
class Overlap:
    """One interleaving: a write of the last edit is held up."""

    edits: tuple[Edit, ...]
    write: Write
    meanwhile: Meanwhile

    @override
    def __str__(self) -> str:
        return f"{self.write}, {self.meanwhile.__name__}"

    def differences(self) -> Iterator[str]:
        """What is wrong with it, in words; nothing, where all is as it should be.

        The first operator sees what goes on while it is held up, or it sees nothing until its pass is over.
        """
        alone = self._run(Ending.KILLED)
        for ending in (Ending.SEEING, Ending.BLIND):
            both = self._run(ending)
            found, wanted = state(both.world), state(alone.world)
            if both.untouched:
                # The other has had no reason to write the Service, so that a late switch is as good as one
                # right before the edit: it comes, and what is declared follows.
                wanted["served"] = _without_detour(found["served"], wanted["served"])
            for key in wanted:
                if wanted[key] != found[key]:
                    yield f"{self}, {ending.value}: {key} is {found[key]}, and {wanted[key]} with one alone"
            yield from (f"{self}, {ending.value}: {wrong}" for wrong in (*alone.wrong, *both.wrong))

    def _run(self, ending: "Ending") -> "_Outcome":
        world = World(*VERSIONS)
        for edit in self.edits[:-1]:
            perform(world, edit)
        versions = [str(edit.spec["version"]) for edit in self.edits if "version" in edit.spec]
        outcome = _Outcome(world, Watchman(world, blind=ending is Ending.BLIND).wrong)
        first = world.operator

        def meanwhile() -> None:
            if ending is Ending.BLIND:
                first.watch.hold()
            world.overlap()
            before = world.api.find(SERVICES, NAMESPACE, NAME)
            self.meanwhile(world, versions[-2:][0])
            world.run(ALONE)
            outcome.untouched = before is not None and before == world.api.find(SERVICES, NAMESPACE, NAME)

        error = asyncio.CancelledError() if ending is Ending.KILLED else None
        held = self.write.fault(error, meanwhile=meanwhile)
        world.cluster.faults.append(held)
        perform(world, self.edits[-1])
        assert held.seen >= held.ordinal, "the write was held up"
        if ending is Ending.BLIND:
            first.watch.release()
        world.run(TOGETHER)
        outcome.wrong.extend(untold(world.status))
        return outcome


class Ending(Enum):
    """What becomes of the operator that is held up. `KILLED` is the other one alone."""

    KILLED = "killed"
    SEEING = "seeing"
    BLIND = "blind"


@dataclass
class _Outcome:
    world: World
    wrong: list[str]
    untouched: bool = False


def overlaps(edits: tuple[Edit, ...]) -> Iterator[Overlap]:
    """All interleavings of a history."""
    for write in writes_of(edits):
        for meanwhile in MEANWHILE:
            yield Overlap(edits, write, meanwhile)


def _without_detour(found: list[str], wanted: list[str]) -> list[str]:
    """`wanted`, with a late switch and the one that follows it if `found` has them."""
    detour = found[len(wanted) :]
    return found if len(detour) == 2 and detour[1:] == wanted[-1:] else wanted
