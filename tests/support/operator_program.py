"""The operator as a process: `python -m pintle`, its probes and its log."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.support.ports import free_port
from tests.support.schemas import REPOSITORY
from tests.support.waiting import until

START_SECONDS = 60.0


class OperatorProcess:
    """Starts it in `directory`, again if it has ended; one log for all of its lives.

    `settings` are environment variables, and go before those that are set here.
    """

    def __init__(self, directory: Path, kubeconfig: Path, **settings: str) -> None:
        self._directory = directory
        self._log = directory / "operator.log"
        self._port = free_port()
        self._environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(REPOSITORY / "operator"),
            "KUBECONFIG": str(kubeconfig),
            "PINTLE_HTTP_PORT": str(self._port),
            "POD_NAMESPACE": "default",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        """Start it, and wait for nothing."""
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pintle"],
                env=self._environ,
                cwd=self._directory,
                stdout=output,
                stderr=output,
            )
        self.starts += 1

    @property
    def pid(self) -> int:
        """Its process ID."""
        assert self.process
        return self.process.pid

    def kill(self) -> None:
        """SIGKILL, wherever it is."""
        if self.process:
            self.process.kill()

    def wait(self, within: float | None = 30) -> int:
        """Wait until it has ended, by whatever cause; its exit status."""
        assert self.process
        return self.process.wait(timeout=within)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self.process
        self.process.send_signal(number)

    def stop(self) -> int:
        """Send SIGTERM and give the exit status; a process that does not end is a failure."""
        self.signal(signal.SIGTERM)
        return self.wait(15)

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of an answer of its HTTP server; 0 where nobody listens."""
        try:
            with urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:  # one of which is that no answer comes in time
            return 0, str(error)

    def until(self, path: str, status: int, within: float = START_SECONDS) -> str:
        """Wait until a path is answered with this status; the text."""
        until(lambda: self.get(path)[0] == status, within=within, what=f"{path} {status}", now=self.log)
        return self.get(path)[1]

    def log(self) -> str:
        return self._log.read_text()


@contextmanager
def started(directory: Path, kubeconfig: Path, **settings: str) -> Iterator[OperatorProcess]:
    """Start the operator, and kill it in the end."""
    operator = OperatorProcess(directory, kubeconfig, **settings)
    operator.start()
    try:
        yield operator
    finally:
        operator.kill()
        operator.wait()
