"""What `Watches` does about watching tasks that go, and about those that do not."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from pintle import watches
from pintle.watches import Operate, StopFlag, Watches

ALL = frozenset({"watcher for pods", "watcher for services"})
DEADLINE = 20.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same waits, each a twentieth as long."""
    for name in (
        "_RESTART_FIRST",
        "_RESTART_LIMIT",
        "_WELL_SECONDS",
        "_LOOK_SECONDS",
        "_STOP_SECONDS",
        "_GONE_SECONDS",
        "_SICK_SECONDS",
    ):
        monkeypatch.setattr(watches, name, getattr(watches, name) / 20)


@asynccontextmanager
async def started(operate: Operate) -> AsyncIterator[Watches]:
    made = Watches(operate, lambda: ALL)
    made.start()
    try:
        yield made
    finally:
        await made.stop()


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


class Runs:
    """Stands for kopf: its first run loses a watcher, and leaves another behind that is hard to end."""

    def __init__(self, *, cancels: int, slow_to_begin: float = 0.0) -> None:
        self.count = 0
        self.ended: list[float] = []
        self.left: list[asyncio.Task[None]] = []
        self.cancels = cancels
        self._slow = slow_to_begin

    async def __call__(self, stop: StopFlag) -> None:
        self.count += 1
        pods, services = sorted(ALL)
        if self.count == 1:
            self.left.append(asyncio.create_task(self._watch_on(), name=pods))
            await stop.wait()
            self.left[0].cancel()
            return
        first = asyncio.create_task(asyncio.sleep(3600), name=pods)
        await asyncio.sleep(self._slow)
        second = asyncio.create_task(asyncio.sleep(3600), name=services)
        try:
            await stop.wait()
        finally:
            self.ended.append(time.monotonic())
            first.cancel()
            second.cancel()

    async def _watch_on(self) -> None:
        """As a watcher whose pause-waiter was cancelled first: it takes its own cancellation for a pause."""
        while self.cancels > 0:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)
            self.cancels -= 1


@pytest.mark.parametrize("cancels", [1, 2, 3])
async def test_a_watcher_that_outlives_its_run_does_not_end_the_next(cancels: int) -> None:
    """Seen with a watch cut in mid-JSON: every run was ended after a second, for good."""
    runs = Runs(cancels=cancels)
    async with started(runs) as made:
        await until(lambda: runs.count == 2, "no second run")
        assert runs.left[0].done()
        begun = time.monotonic()
        await until(lambda: time.monotonic() - begun > 2 * watches._GONE_SECONDS, "time passes")
        assert runs.count == 2
        assert made.problem() == ""


async def test_a_run_has_its_time_to_begin_whatever_was_missing_before() -> None:
    runs = Runs(cancels=1, slow_to_begin=watches._GONE_SECONDS / 4)
    async with started(runs) as made:
        await until(
            lambda: runs.count >= 2 and made._look_result.missing == frozenset(), "not all are watched"
        )
        assert runs.count == 2


async def test_what_never_ends_is_left_behind() -> None:
    """Better two watchers of a kind than none."""
    runs = Runs(cancels=10**6)
    async with started(runs) as made:
        await until(lambda: runs.count == 2, "no second run")
        assert not runs.left[0].done()
        await until(lambda: made._look_result.missing == frozenset(), "not all are watched")
        assert runs.count == 2
        runs.cancels = 0


async def test_what_comes_to_be_watched_is_watched_from_the_next_run_on() -> None:
    """As when the definitions of a kind are installed, and taken away again."""
    kinds, runs = set(ALL), []

    async def operate(stop: StopFlag) -> None:
        runs.append(set(kinds))
        tasks = [asyncio.create_task(asyncio.sleep(3600), name=name) for name in sorted(kinds)]
        await stop.wait()
        for task in tasks:
            task.cancel()

    made = Watches(operate, lambda: frozenset(kinds))
    made.start()
    try:
        await until(lambda: made._look_result.missing == frozenset(), "not all are watched")
        kinds.add("watcher for httproutes")
        await until(lambda: len(runs) == 2, "no second run")
        await until(lambda: made._look_result.missing == frozenset(), "the new one is not watched")
        kinds.discard("watcher for httproutes")
        begun = time.monotonic()
        await until(lambda: time.monotonic() - begun > 2 * watches._GONE_SECONDS, "time passes")
        assert runs == [ALL, ALL | {"watcher for httproutes"}], "one that is not needed any more does no harm"
        assert made.problem() == ""
    finally:
        await made.stop()
