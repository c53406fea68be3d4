"""Asyncio without waiting: a loop whose clock jumps to the next timer when nothing else is to do."""

import asyncio
import selectors
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from typing_extensions import override

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Instead of sleeping until the next timer, moves the clock there."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout is None:
            # No timer is left: only real I/O can go on, and a test without any would hang for ever.
            return ready or super().select(timeout)
        self.now += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`loop.time()` starts at 0 and moves only when all tasks wait."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    @override
    def time(self) -> float:
        return self._virtual.now


def run_virtually(coroutine: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, with virtual time: an hour's backoff takes a few milliseconds."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)


async def settle(rounds: Iterable[int] = range(20)) -> None:
    """Let every task that can run do so."""
    for _ in rounds:
        await asyncio.sleep(0)
