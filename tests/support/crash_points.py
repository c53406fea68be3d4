"""What may happen to a write, and every write of a clean run with each of these happening to it.

A run is a world in which something is done once. A clean one says what is written; each run after it has one
of these writes go wrong, and is compared with the clean one.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from pintle.errors import Conflict, Invalid, Unavailable
from tests.support.fake_cluster import Fault, Request
from tests.support.world import World

KILLS: dict[str, tuple[Callable[[], BaseException], bool]] = {
    "killed before it": (asyncio.CancelledError, False),
    "killed after it": (asyncio.CancelledError, True),
}
ERRORS: dict[str, tuple[Callable[[], BaseException], bool]] = {
    "answer lost": (lambda: Unavailable("lost"), True),
    "409": (lambda: Conflict("injected", status=409), False),
    "422": (lambda: Invalid("injected", status=422), False),
    "429": (lambda: Unavailable("injected", status=429, after=1), False),
    "500": (lambda: Unavailable("injected", status=500), False),
    "503": (lambda: Unavailable("injected", status=503), False),
}


class Run(Protocol):
    """One run of something in a world of its own."""

    @property
    def world(self) -> World: ...

    def act(self) -> None:
        """Do it; what may go wrong goes wrong here."""


R = TypeVar("R", bound=Run)


def writes(run: Run) -> list[tuple[Request, int]]:
    """Each write of a run with its ordinal among those of its kind and name."""
    return _points(r for r in run.world.cluster.requests if r.verb not in ("get", "list"))


def assert_survived(
    name: str,
    written: list[tuple[Request, int]],
    make: Callable[[], R],
    wrong: Callable[[R, str], object],
    *,
    all_reached: bool = True,
) -> None:
    """See that nothing is `wrong` after any of these writes has gone wrong, in any way, each in its own run.

    `wrong` has the run and what happened to the write; it gives what is otherwise than in a clean run, if
    anything is. Each write has to come again in its run, but where not `all_reached`.
    """
    ways = {**KILLS, **ERRORS}
    failed = []
    for write, ordinal in written:
        for what, (error, committed) in ways.items():
            run = make()
            fault = Fault(write.verb, write.resource, write.name, ordinal, error(), committed)
            run.world.cluster.faults.append(fault)
            run.act()
            assert fault.seen >= ordinal or not all_reached, f"{write} {ordinal} was not reached"
            if found := wrong(run, what):
                failed.append(f"{write.verb} {write.resource} {write.name} #{ordinal}, {what}: {found}")
    count = len(written) * len(ways)
    print(f"{name}: {len(written)} writes, {count - len(failed)} of {count} points survived")
    assert not failed, "\n".join(failed)  # said in words: pytest explains no assertion of this module


def unlike(found: dict[str, object], clean: dict[str, object]) -> dict[str, object]:
    """What is otherwise in the end of a run than in that of a clean one."""
    return {k: v for k, v in found.items() if v != clean[k]}


def _points(requests: Iterable[Request]) -> list[tuple[Request, int]]:
    counts: Counter[tuple[str, str, str]] = Counter()
    found = []
    for write in requests:
        key = (write.verb, write.resource, write.name)
        counts[key] += 1
        found.append((write, counts[key]))
    return found
