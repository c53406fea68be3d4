"""The command line `pintle-runtime fetch|install|serve`: one step of a model pod each."""

from __future__ import annotations

import importlib
import signal
import sys
from typing import TYPE_CHECKING

from pintle_runtime import log, termination
from pintle_runtime.mounts import Mounts
from pintle_runtime.termination import Refused

if TYPE_CHECKING:
    from types import FrameType

USAGE = "usage: pintle-runtime fetch|install|serve"
UNCLASSIFIED = 1


def main() -> None:
    """Run one step; exits with the code of its outcome (see `termination.Reason`)."""
    step = sys.argv[1] if len(sys.argv) == 2 else ""  # noqa: PLR2004  # the program and the step
    if step not in {"fetch", "install", "serve"}:
        sys.exit(USAGE)
    log.configure()
    mounts = Mounts.from_environment()
    # As PID 1 a process without a handler would ignore this signal; `serve` takes it over once it listens.
    signal.signal(signal.SIGTERM, _end)
    sys.exit(_run(step, mounts))


def _run(step: str, mounts: Mounts) -> int:
    try:
        # Each step imports only what it needs: fetch starts in 0.2 s.
        importlib.import_module(f"pintle_runtime.{step}").run(mounts)
    except Refused as refused:
        log.error("refused", reason=refused.reason.title, message=refused.message)
        return termination.refuse(mounts.termination, refused)
    except Exception as error:  # noqa: BLE001  # the last line of defence: it is told, and is nobody's fault yet
        log.error("the step failed", exc_info=True, step=step)
        termination.write(
            mounts.termination, {"reason": "Error", "message": f"{step}: {type(error).__name__}: {error}"}
        )
        return UNCLASSIFIED
    return 0


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
