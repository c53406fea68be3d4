"""Reading a cluster's logs."""

import subprocess
import sys
from pathlib import Path

from testbed.components import tail
from testbed.errors import TestbedError


def show(folder: Path, name: str | None, lines: int) -> None:
    """Prints the last lines of one component's log, or of each."""
    if name is not None:
        print(tail(find(folder, name), lines))
        return
    for log in sorted(folder.glob("*.log")):
        print(f"==> {log} <==\n{tail(log, lines)}\n")


def follow(folder: Path, name: str | None) -> None:
    """Prints what is added to one log, or to each but the audit log, until it is interrupted."""
    every = [log for log in sorted(folder.glob("*.log")) if log.stem != "audit"]
    sys.stdout.flush()
    subprocess.run(
        ["tail", "--lines=5", "--follow=name", *([find(folder, name)] if name else every)], check=False
    )


def find(folder: Path, name: str) -> Path:
    """A component's log file.

    Raises:
        TestbedError: there is no such log.
    """
    log = folder / f"{name}.log"
    if not log.exists():
        known = ", ".join(sorted(path.stem for path in folder.glob("*.log")))
        raise TestbedError(f"there is no log of {name!r} in {folder}; there are {known}")
    return log
