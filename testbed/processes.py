"""Long-running processes, known by PID and start time, as PIDs are used again."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PPID, _START_TIME = 1, 19  # fields of /proc/PID/stat counted from the one after the name; see proc(5)


@dataclass(frozen=True)
class Process:
    """A process that was seen; `started` is in clock ticks since boot."""

    pid: int
    started: int


def running(pid: int) -> Process | None:
    """The process with this PID; None when there is none, or only its unread exit status is left."""
    fields = _stat(pid)
    if fields is None:
        return None
    if fields[0] == "Z":
        _reap(pid)
        return None
    return Process(pid, int(fields[_START_TIME]))


def alive(process: Process) -> bool:
    return running(process.pid) == process


def spawn(argv: Sequence[str], log: Path, environ: Mapping[str, str]) -> Process:
    """Starts a program in a session of its own, its output appended to `log`.

    `argv[0]` is an absolute path. Not `subprocess`: a Popen object insists on being waited for, and these
    processes outlive the tool.

    Raises:
        OSError: the program cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        argv[0],
        list(argv),
        environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    return running(pid) or Process(pid, 0)


def child_of(wrapper: Process, timeout: float = 5.0) -> Process | None:
    """The one child of a wrapper such as nsenter, waited for; None if the wrapper ended without one."""

    def child() -> Process | None:
        return next((process for process, parent in _all() if parent == wrapper.pid), None)

    wait_until(lambda: child() is not None or not alive(wrapper), timeout)
    return child()


def with_command_line(argv: Sequence[str]) -> Process | None:
    """The running process that was started with exactly these arguments."""
    for process, _ in _all():
        if command_line(process.pid) == list(argv):
            return process
    return None


def all_processes() -> Iterator[Process]:
    return (process for process, _ in _all())


def command_line(pid: int) -> list[str]:
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [part.decode(errors="replace") for part in raw.split(b"\0")[:-1]]


def stop(process: Process, grace: float) -> None:
    """Ends a process: SIGTERM, then SIGKILL after `grace` seconds (at once when it is 0)."""
    if grace > 0:
        _signal(process, signal.SIGTERM)
        if wait_until(lambda: not alive(process), grace):
            return
    _signal(process, signal.SIGKILL)
    wait_until(lambda: not alive(process), 10)


def wait_until(condition: Callable[[], bool], timeout: float, interval: float = 0.02) -> bool:
    """Whether the condition came true within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)
    return True


def _signal(process: Process, number: signal.Signals) -> None:
    if alive(process):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return


def _all() -> Iterator[tuple[Process, int]]:
    for entry in os.listdir("/proc"):  # noqa: PTH208 - a Path for each of a thousand processes is slow
        if entry.isdigit() and (fields := _stat(int(entry))) and fields[0] != "Z":
            yield Process(int(entry), int(fields[_START_TIME])), int(fields[_PPID])


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()  # the name before it may itself hold blanks and brackets


def _reap(pid: int) -> None:
    """Forgets a dead process if it was started by this very run; otherwise that is for its parent."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
