"""Where figures go."""

import sys


def line(text: str) -> None:
    """Write a line, at once: a measurement takes minutes, and somebody waits for it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
