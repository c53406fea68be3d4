"""What the server knows about itself: read by every request, written by the loader and the signal handler."""

from __future__ import annotations

import threading
import time


class State:
    """Loading -> ready -> draining. Each change is one assignment, so readers need no lock."""

    def __init__(self) -> None:
        self.doing = "starting"
        self.ready = False
        self.draining = False
        self.drain_until = float("inf")
        """time.monotonic() when the server stops accepting."""
        self._ending = threading.Lock()

    def open(self) -> None:
        self.doing = "serving"
        self.ready = True

    def drain(self, seconds: float) -> None:
        """Stop being ready and answer for `seconds` more; at once where called again, or never ready."""
        again = self.draining or not self.ready
        self.draining = True
        self.doing = "draining"
        self.drain_until = time.monotonic() + (0 if again else seconds)

    def end_once(self) -> bool:
        """Whether the caller is the one who may end the process; later callers wait for it to end."""
        return self._ending.acquire(blocking=False)
