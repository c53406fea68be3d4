"""Where words go: results to stdout, what goes on meanwhile to stderr, on a terminal as one live line."""

import shutil
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta

from kubectl_pintle.text import duration, visible

_CLEAR = "\r\x1b[K"


class Screen:
    """Prints. Without a terminal a line of progress is printed when its words change, not every second."""

    def __init__(self) -> None:
        self._live = False
        self._last = ""

    def print(self, lines: Iterable[str]) -> None:
        """Print a result. What others wrote into a line can neither end it nor steer the terminal."""
        self._clear()
        print("\n".join(visible(line) for line in lines), flush=True)

    def say(self, text: str) -> None:
        """Say what goes on; it stays. kubectl's own words may be several lines."""
        self._clear()
        print("\n".join(visible(line) for line in text.split("\n")), file=sys.stderr, flush=True)

    def progress(self, words: str, elapsed: timedelta) -> None:
        """Say how far it is."""
        words = visible(words)
        if sys.stderr.isatty():
            width = shutil.get_terminal_size().columns - 1
            text = f"{duration(int(elapsed.total_seconds()))}  {words}"
            print(
                _CLEAR + (text if len(text) <= width else text[: width - 1] + "…"),
                end="",
                file=sys.stderr,
                flush=True,
            )
            self._live = True
        elif words != self._last:
            print(words, file=sys.stderr, flush=True)
        self._last = words

    def _clear(self) -> None:
        if self._live:
            print(_CLEAR, end="", file=sys.stderr, flush=True)
            self._live = False


def now() -> datetime:
    """The one place that knows the time."""
    return datetime.now().astimezone()
