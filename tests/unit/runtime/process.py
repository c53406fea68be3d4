"""`pintle-runtime serve` as a real process."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = (sys.executable, "-m", "pintle_runtime.cli")
READY_SECONDS = 120


def environment(root: Path, **variables: str) -> dict[str, str]:
    """A container's variables: nothing of pytest's, the machine's certificates and proxies kept."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_", "PINTLE_", "PYTEST_"))
    }
    source = str(Path(__file__).parents[3] / "runtime")
    return (
        kept
        | {"PINTLE_ROOT": str(root), "PYTHONPATH": source, "MLFLOW_DISABLE_TELEMETRY": "true"}
        | variables
    )


class Server:
    """One running server; use as a context, which kills what is left of it."""

    def __init__(self, root: Path, **variables: str) -> None:
        self.root, self.port = root, free_port()
        self.log: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [*PROGRAM, "serve"],
            env=environment(root, PINTLE_PORT=str(self.port), **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"event": line})

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def request(
        self, method: str, path: str, body: str | None = None, content_type: str = "application/json"
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, headers in lower case, body."""
        with contextlib.closing(self.connect()) as connection:
            return exchange(connection, method, path, body, content_type)

    def wait_until_ready(self) -> None:
        for _ in self.polls("become ready"):
            with contextlib.suppress(ConnectionError):
                if self.request("GET", "/readyz")[0] == http.client.OK:
                    return

    def wait_for_end(self) -> tuple[int, dict[str, Any]]:
        """The exit code and the termination message."""
        code = self.process.wait(READY_SECONDS)
        self._reader.join()
        path = self.root / "dev/termination-log"
        return code, json.loads(path.read_text()) if path.exists() else {}

    def polls(self, what: str) -> Iterator[None]:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log
            yield
            time.sleep(0.02)
        raise TimeoutError(f"the server did not {what} in {READY_SECONDS} s: {self.log}")

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: str | None = None,
    content_type: str = "application/json",
) -> tuple[int, dict[str, str], bytes]:
    connection.request(method, path, body, {"Content-Type": content_type} if body is not None else {})
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return response.status, headers, response.read()
