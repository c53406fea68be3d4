"""When each watch last heard anything: how long this operator may have been deaf to a kind."""

import time
from collections.abc import Callable, Iterable

_PREFIX = "watcher for "


class Hearing:
    """`heard` may be called from any thread. `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    def heard(self, watcher: str) -> None:
        """Note a sign of life of a watching task (`handlers.watchers`)."""
        self._last[watcher] = self._clock()

    def ages(self, expected: Iterable[str]) -> dict[str, float]:
        """Seconds since each kind was heard of, by its plural; of several watches of it, the quietest counts.

        `expected` are the tasks that there should be. One that has not been heard yet is as old as the first
        question about it, so that a watch that never comes up is seen too.
        """
        now = self._clock()
        ages: dict[str, float] = {}
        for watcher in expected:
            kind = watcher.removeprefix(_PREFIX).partition(".")[0]
            ages[kind] = max(ages.get(kind, 0.0), now - self._last.setdefault(watcher, now))
        return ages
