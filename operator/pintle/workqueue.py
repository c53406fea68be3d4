"""A queue of keys with the semantics of client-go's workqueue, on asyncio.

- A key that waits is in the queue once, however often it is added.
- A key that is added while it is worked on waits again when that work is done, and not before:
  one key is never worked on twice at once.
- A key may be added later (`add_after`; the earliest time wins), or later each time
  (`add_rate_limited`, until `forget`).

Times are those of the running loop's clock, in seconds. All methods are called in that loop.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

BACKOFF_FIRST = 0.25
BACKOFF_LIMIT = 60.0


class ShutDown(Exception):
    """The queue gives no more keys."""


class WorkQueue(Generic[K]):
    """Keys to work on. `jitter` gives values in [0, 1); backoff is shortened by up to a quarter of itself."""

    def __init__(self, *, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._waiting: deque[K] = deque()
        self._since: dict[K, float] = {}  # dirty keys, and when each was added
        self._started: dict[K, float] = {}  # keys being worked on, and since when
        self._later: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._wanted: deque[asyncio.Future[None]] = deque()
        self._shut_down = False

    def add(self, key: K) -> None:
        """Have a key worked on as soon as a worker is free."""
        if self._shut_down or key in self._since:
            return
        self._since[key] = asyncio.get_running_loop().time()
        if key not in self._started:
            self._push(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Add a key in so many seconds; sooner if it was to be added sooner already."""
        if self._shut_down:
            return
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        planned = self._later.get(key)
        if planned and planned.when() <= loop.time() + seconds:
            return
        if planned:
            planned.cancel()
        self._later[key] = loop.call_later(seconds, self._due, key)

    def add_rate_limited(self, key: K, *, first: float | None = None, least: float = 0) -> float:
        """Add a key after its backoff, which doubles each time, and return the seconds until then.

        Args:
            key: what failed.
            first: the backoff of a first failure, BACKOFF_FIRST if left out.
            least: what to wait at least, such as a server asked for.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        # The exponent is bounded: a key that fails for days must not overflow a float.
        backoff = min((first or BACKOFF_FIRST) * 2.0 ** min(failures, 32), BACKOFF_LIMIT)
        seconds = max(backoff * (1 - 0.25 * self._jitter()), least)
        self.add_after(key, seconds)
        return seconds

    def forget(self, key: K) -> None:
        """Start a key's backoff anew: it was worked on with success."""
        self._failures.pop(key, None)

    async def get(self) -> K:
        """Wait for a key and take it; `done` gives it back. Raises ShutDown."""
        while not self._waiting:
            if self._shut_down:
                raise ShutDown
            wanted = asyncio.get_running_loop().create_future()
            self._wanted.append(wanted)
            try:
                await wanted
            except asyncio.CancelledError:
                # A key may have been announced to this waiter just before it was cancelled.
                if wanted.done() and not wanted.cancelled():
                    self._announce()
                raise
            finally:
                if wanted in self._wanted:
                    self._wanted.remove(wanted)
        if self._shut_down:
            raise ShutDown
        key = self._waiting.popleft()
        del self._since[key]
        self._started[key] = asyncio.get_running_loop().time()
        return key

    def done(self, key: K) -> None:
        """Say that the work on a key has ended, however it ended."""
        del self._started[key]
        if key in self._since:
            self._push(key)

    def depth(self) -> int:
        """How many keys wait; keys that are to be added later do not count."""
        return len(self._since)

    def oldest_age(self, now: float) -> float:
        """Seconds for which the oldest key has waited or been worked on, 0 if there is none."""
        return max(0.0, now - min([*self._since.values(), *self._started.values()], default=now))

    def shut_down(self) -> None:
        """Give no more keys; keys that wait are dropped, as the next start finds them again."""
        self._shut_down = True
        for handle in self._later.values():
            handle.cancel()
        self._later.clear()
        while self._wanted:
            self._announce()

    async def run(self, work: Callable[[K], Awaitable[None]], *, workers: int) -> None:
        """Work on keys, at most `workers` at a time, until `shut_down`; then end with the last of them.

        `work` must not raise: what to do about a failure is its own to decide. If it does, the
        other workers are cancelled and the error is raised here, in an ExceptionGroup.
        """
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._work(work), name=f"queue worker {number}")

    async def _work(self, work: Callable[[K], Awaitable[None]]) -> None:
        while True:
            try:
                key = await self.get()
            except ShutDown:
                return
            try:
                await work(key)
            finally:
                self.done(key)

    def _due(self, key: K) -> None:
        self._later.pop(key, None)
        self.add(key)

    def _push(self, key: K) -> None:
        self._waiting.append(key)
        self._announce()

    def _announce(self) -> None:
        while self._wanted:
            wanted = self._wanted.popleft()
            if not wanted.done():
                wanted.set_result(None)
                return
