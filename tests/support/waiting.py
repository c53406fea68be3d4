"""Waiting for a condition, with a deadline: what the end-to-end tests do instead of sleeping."""

import asyncio
import time
from collections.abc import Callable
from typing import Literal, TypeVar

T = TypeVar("T")

EVERY_SECONDS = 0.05


def until(
    condition: Callable[[], T | Literal[False] | None],
    *,
    within: float,
    what: str,
    now: Callable[[], object] = lambda: "",
) -> T:
    """The first answer of `condition` that is true, asked every 50 ms.

    After `within` seconds it ends in an AssertionError; `now` says what there is instead, for its message.
    """
    deadline = time.monotonic() + within
    while True:
        if answer := condition():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}; now: {now()}")
        time.sleep(EVERY_SECONDS)


async def until_async(
    condition: Callable[[], T | Literal[False] | None],
    *,
    within: float,
    what: str,
    now: Callable[[], object] = lambda: "",
) -> T:
    """As `until`, for what goes on in this very loop."""
    deadline = time.monotonic() + within
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}; now: {now()}")
        await asyncio.sleep(EVERY_SECONDS)
    return answer
