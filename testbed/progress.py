"""What the tool shows while it works: a live display on a terminal, one line for each step elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

_console = Console(file=sys.stderr, highlight=False)


class Step:
    """A piece of long work that is under way."""

    def __init__(self, display: Progress | None, name: str, total: int | None) -> None:
        self._display = display
        self._task = display.add_task(name, total=total) if display else None

    def advance(self) -> None:
        if self._display and self._task is not None:
            self._display.advance(self._task)


def say(message: str) -> None:
    _console.print(message, soft_wrap=True, markup=False)


@contextmanager
def step(name: str, total: int | None = None) -> Iterator[Step]:
    """Shows a step while it runs, with a bar when its `total` is known, and how long it took.

    Nothing more when it fails: the error speaks.
    """
    start = time.monotonic()
    if _console.is_terminal:
        with _live(counted=total is not None) as display:
            yield Step(display, name, total)
    else:
        say(f"{name} ...")
        yield Step(None, name, total)
    say(f"{name}: {time.monotonic() - start:.1f} s")


def _live(*, counted: bool) -> Progress:
    bar = (BarColumn(), MofNCompleteColumn()) if counted else ()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), *bar, TimeElapsedColumn())
    return Progress(*columns, console=_console, transient=True)
