"""A real MLflow server on loopback, for tests that need one. Import the fixtures into your ``conftest.py``.

    from tests.support.mlflow_server import mlflow_server, mlflow_server_with_users

They are shared by all tests of a run: use a model name of your own (`model_name`), and stop no server
that you did not start yourself with `MlflowServer.start`.
"""

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest

from tests.support.ports import free_port

ADMIN, ADMIN_PASSWORD = "admin", "admin-of-the-tests"
START_SECONDS = 300


class MlflowServer:
    """`mlflow server` with SQLite and an artifact directory, one worker, in a directory of its own.

    With `users`, MLflow's basic-auth application: an administrator, and nobody else may read anything.
    With `prefix`, such as `/mlflow`, everything is under that path. `hosts` are names that it may be asked
    by, as `--allowed-hosts` takes them, if not those of MLflow's default.
    """

    def __init__(self, directory: Path, *, users: bool = False, prefix: str = "", hosts: str = "") -> None:
        self.directory = directory
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}{prefix}"
        self._users = users
        self._prefix = prefix
        self._hosts = hosts
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """The end of what the server printed."""
        return (self.directory / "server.log").read_text(errors="replace")[-4000:]

    def start(self) -> None:
        """Start it, again at the same address if it ran before, and wait until it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self.directory}/registry.db"]
        command += ["--artifacts-destination", str(self.directory / "artifacts")]
        if self._hosts:
            command += ["--allowed-hosts", self._hosts]
        if self._prefix:
            command += ["--static-prefix", self._prefix]
        if self._users:
            command += ["--app-name", "basic-auth"]
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # its worker is a process of its own: a group can be ended whole
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it, and wait until it and its worker are gone."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            # Asked politely, it would wait for the connections that clients keep open.
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)

    def administer(self, method: str, what: str, body: Mapping[str, str], *, api: str = "2.0") -> None:
        """One request of `ADMIN` to the users' REST interface; MLflow's client of it takes 2 s to import."""
        secret = b64encode(f"{ADMIN}:{ADMIN_PASSWORD}".encode()).decode()
        request = Request(  # noqa: S310 - an address of our own making
            f"{self.uri}/api/{api}/mlflow/{what}",
            data=json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Basic {secret}", "Content-Type": "application/json"},
        )
        with urlopen(request, timeout=30):  # noqa: S310 - as above
            pass

    def _environment(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "_MLFLOW_"))}
        settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        if self._users:
            ini = self.directory / "auth.ini"
            ini.write_text(
                "[mlflow]\n"
                "default_permission = NO_PERMISSIONS\n"
                f"database_uri = sqlite:///{self.directory}/users.db\n"
                f"admin_username = {ADMIN}\n"
                f"admin_password = {ADMIN_PASSWORD}\n"
                "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
            )
            settings |= {"MLFLOW_AUTH_CONFIG_PATH": str(ini), "MLFLOW_FLASK_SERVER_SECRET_KEY": "for-tests"}
        return inherited | settings

    def _wait(self) -> None:
        assert self._process
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            code = self._process.poll()
            assert code is None, f"the MLflow server ended with {code}:\n{self.log}"
            try:
                with urlopen(f"{self.uri}/health", timeout=5):  # noqa: S310 - an address of our own making
                    return
            except (URLError, HTTPException, OSError):
                time.sleep(0.1)
        raise AssertionError(f"the MLflow server did not answer within {START_SECONDS} s:\n{self.log}")


def model_name(prefix: str = "model") -> str:
    """A name that no other test uses."""
    return f"{prefix}-{uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A server that anybody may use."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mlflow_server_with_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A server, under a path, that asks who you are: `ADMIN` with `ADMIN_PASSWORD`, and whom he makes."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow-users"), users=True, prefix="/some/path")
    server.start()
    yield server
    server.stop()
