"""Running other programs to their end."""

import subprocess
from collections.abc import Mapping, Sequence

from testbed.errors import TestbedError


def run(command: Sequence[str], *, stdin: str | None = None, environ: Mapping[str, str] | None = None) -> str:
    """The standard output of a command.

    Raises:
        TestbedError: the command failed, or is not there.
    """
    try:
        done = subprocess.run(command, input=stdin, env=environ, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise TestbedError(f"{command[0]} is not installed") from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()
        raise TestbedError(f"`{' '.join(command)}` failed with {done.returncode}: {words}")
    return done.stdout


def succeeds(command: Sequence[str]) -> bool:
    """Whether a command exists and ends with 0."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
