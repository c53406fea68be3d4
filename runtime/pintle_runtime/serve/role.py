"""The pod's role, which the operator writes as an annotation and the kubelet into a file."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pintle_runtime import log

if TYPE_CHECKING:
    from pathlib import Path

CHECK_SECONDS = 0.1
STANDBY = "standby"


class Role:
    """Whether this pod stands by. Anything but `standby`, or no file, means that it does not."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._checked = float("-inf")
        self._standby = False

    def is_standby(self) -> bool:
        """At most one read of a small file in a tenth of a second, however many requests there are."""
        now = time.monotonic()
        if now - self._checked >= CHECK_SECONDS:
            self._checked = now
            standby = self._read() == STANDBY
            if standby != self._standby:
                self._standby = standby
                log.info("role changed", standby=standby)
        return self._standby

    def _read(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8").strip()
        except OSError:
            return ""
