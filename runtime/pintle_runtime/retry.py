"""Trying again for as long as it takes: what is passing must not count against a version."""

from __future__ import annotations

import itertools
import random
import time
from typing import TYPE_CHECKING, TypeVar

from pintle_runtime import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
T = TypeVar("T")


class Transient(Exception):
    """A fault that may pass: the network's, the registry's, or access that is not granted yet."""

    def __init__(self, message: str, *, after: float | None = None) -> None:
        """`after`: seconds that the other side asked us to wait."""
        super().__init__(message)
        self.after = after


def delays() -> Iterator[float]:
    """Seconds between attempts: doubling from half a second to 30, a quarter of each left to chance."""
    for step in itertools.count():
        longest = min(FIRST_SECONDS * 2.0 ** min(step, 10), LONGEST_SECONDS)
        yield longest * random.uniform(0.75, 1.0)  # noqa: S311  # spreads load, guards nothing


def until_done(
    attempt: Callable[[], T],
    *,
    what: str,
    before_another: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Call `attempt` until it does not raise `Transient`; each failure is logged, with the wait after it."""
    for delay in delays():
        try:
            return attempt()
        except Transient as fault:
            wait = delay if fault.after is None else min(max(fault.after, delay), LONGEST_SECONDS)
            log.warning(
                f"waiting to {what}", cause=log.without_credentials(str(fault)), retry_seconds=round(wait, 1)
            )
        sleep(wait)
        before_another()
    raise AssertionError  # delays() never ends
