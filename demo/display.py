"""What the demo shows: lines that stay, a live line on a terminal while it waits, and a tape for the SVG."""

import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.text import Text

WIDTH = 110


class Display:
    """Prints to the screen, and from `record` on to the tape too."""

    def __init__(self, console: Console | None = None) -> None:
        self.screen = console or _screen()
        self._tape: Console | None = None
        self._pulse: Callable[[], str] = lambda: ""

    def record(self) -> None:
        self._tape = Console(
            file=io.StringIO(), record=True, width=WIDTH, force_terminal=True, color_system="truecolor"
        )

    def save(self, path: Path, title: str) -> None:
        """Write what was recorded as a picture."""
        if self._tape is not None:
            self._tape.save_svg(str(path), title=title)

    def print(self, *things: RenderableType) -> None:
        for console in self._consoles():
            console.print(*things, highlight=False)

    def line(self, text: str, style: str = "") -> None:
        """One line, cut nowhere and read as it is."""
        self.print(Text(text, style=style))

    def heading(self, text: str) -> None:
        self.print(Text(""), Rule(Text(text, style="bold cyan"), align="left", style="dim"))

    def show_pulse(self, pulse: Callable[[], str]) -> None:
        """What the live line shows besides what is waited for."""
        self._pulse = pulse

    @contextmanager
    def waiting(self, what: str) -> Iterator[Callable[[], None]]:
        """Gives a function to call while waiting: it keeps the live line up to date."""
        began = time.monotonic()
        if not self.screen.is_terminal:
            yield lambda: None
            return
        with self.screen.status(what) as status:

            def tick() -> None:
                status.update(f"{what}  [dim]{time.monotonic() - began:4.1f} s   {self._pulse()}[/dim]")

            yield tick

    def _consoles(self) -> list[Console]:
        return [self.screen, *([self._tape] if self._tape else [])]


def _screen() -> Console:
    """As wide as the terminal; as the picture where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=WIDTH)
