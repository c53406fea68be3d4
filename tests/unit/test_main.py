"""What the process does when something ends that must not."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from pintle import __main__ as main
from pintle.controller import Controller
from pintle.domain import Key
from pintle.settings import Settings
from pintle.wiring import Parts
from pintle.workqueue import WorkQueue
from tests.support.virtual_time import run_virtually


class Watches:
    def __init__(self) -> None:
        self.running = False

    def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False


class Resync:
    """Works for an hour, then fails."""

    async def run(self, interval: float) -> None:
        await asyncio.sleep(interval * 6)
        raise RuntimeError("a fault of our own")


class Follower:
    """Waits for its turn, which never comes."""

    async def acquire(self) -> None:
        await asyncio.Event().wait()


class Metrics:
    def reconciled(self, outcome: str, seconds: float) -> None:
        assert (outcome, seconds) == ("ok", 1.0)


def parts(done: list[Key], leadership: Follower | None = None) -> Parts:
    queues = (WorkQueue[Key](), WorkQueue[Key](), WorkQueue[Key]())

    async def reconcile(key: Key) -> None:
        await asyncio.sleep(1)
        done.append(key)

    controllers = tuple(Controller("thing", queue, reconcile, Metrics()) for queue in queues)  # type: ignore[arg-type] # the one method that is called
    made = SimpleNamespace(
        watches=Watches(), resync=Resync(), queues=queues, controllers=controllers, leadership=leadership
    )
    return cast("Parts", made)


def test_the_process_ends_with_the_error_when_a_part_of_it_fails() -> None:
    async def run() -> None:
        made = parts([])
        with pytest.raises(RuntimeError, match="our own"):
            await main._stand_by(made, Settings(), asyncio.Event())
        assert not cast("Watches", made.watches).running

    run_virtually(run())


def test_a_follower_ends_too_when_a_part_of_it_fails() -> None:
    """It would wait for its turn with what it knows growing old."""

    async def run() -> None:
        made = parts([], Follower())
        with pytest.raises(RuntimeError, match="our own"):
            await asyncio.wait_for(main._stand_by(made, Settings(), asyncio.Event()), 86_400)
        assert not cast("Watches", made.watches).running

    run_virtually(run())


def test_passes_under_way_end_before_the_process_does() -> None:
    async def run() -> None:
        done: list[Key] = []
        made, stop = parts(done), asyncio.Event()
        for number in range(20):
            made.queues[0].add(Key("ml", f"m{number}"))
        working = asyncio.create_task(main._stand_by(made, Settings(workers=8), stop))
        await asyncio.sleep(0.5)
        stop.set()
        await working
        assert len(done) == 8
        assert asyncio.get_running_loop().time() == 1

    run_virtually(run())
