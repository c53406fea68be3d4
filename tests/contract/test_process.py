"""The operator as a process: `python -m pintle` against a real API server, and without one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import orjson
import pytest
import yaml
from aiohttp.test_utils import unused_port

from testbed import api
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]


class Operator:
    """A running operator, its probes and its log."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, output: IO[bytes]) -> None:
        self.process = process
        self._port = port
        self._output = output

    def get(self, path: str) -> tuple[int, str]:
        """Status and text; 0 where nobody listens."""
        try:
            with urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except (URLError, ConnectionError) as error:
            return 0, str(error)

    def until(self, path: str, status: int) -> str:
        until(lambda: self.get(path)[0] == status or None, within=60, what=f"{path} {status}", now=self.log)
        return self.get(path)[1]

    def stop(self) -> int:
        """Send SIGTERM and give the exit status; a process that does not end is a failure."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)

    def log(self) -> str:
        self._output.seek(0)
        return self._output.read().decode()


@contextmanager
def started(tmp_path: Path, kubeconfig: Path, **settings: str) -> Iterator[Operator]:
    port = unused_port()
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "operator"),
        "KUBECONFIG": str(kubeconfig),
        "PINTLE_HTTP_PORT": str(port),
        "POD_NAMESPACE": "default",
        **settings,
    }
    with (tmp_path / "log").open("wb+") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pintle"], env=environ, cwd=tmp_path, stdout=output, stderr=output
        )
        try:
            yield Operator(process, port, output)
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def operator(
    tmp_path: Path,
    api_server: api.Cluster,
    crds: None,  # noqa: ARG001 - installs them
    namespace: str,
) -> Iterator[Operator]:
    settings = {"PINTLE_NAMESPACES": namespace, "POD_NAMESPACE": namespace}
    with started(tmp_path, api_server.kubeconfig, **settings) as operator:
        yield operator


# How the leader ends, and after how many seconds another one leads.
ENDS = {"handed over": (signal.SIGTERM, 3.0), "killed": (signal.SIGKILL, 20.0)}


@pytest.mark.parametrize("ended", ENDS)
def test_another_operator_takes_over(
    ended: str, operator: Operator, tmp_path: Path, api_server: api.Cluster, namespace: str
) -> None:
    end, within = ENDS[ended]
    until(lambda: "leader" in operator.get("/readyz")[1], within=60, what="a leader", now=operator.log)
    settings = {"PINTLE_NAMESPACES": namespace, "POD_NAMESPACE": namespace, "POD_NAME": "another"}
    (tmp_path / "another").mkdir()
    with started(tmp_path / "another", api_server.kubeconfig, **settings) as another:
        another.until("/readyz", 200)
        assert "follower" in another.get("/readyz")[1]
        assert another.get("/healthz")[0] == 200
        operator.process.send_signal(end)
        operator.process.wait(timeout=15)
        began = time.monotonic()
        until(lambda: "leader" in another.get("/readyz")[1], within=60, what="the other one leads")
        assert time.monotonic() - began <= within
        assert "leader" not in operator.get("/readyz")[1]


def test_it_becomes_ready_tells_how_it_is_and_ends_when_told(operator: Operator) -> None:
    assert "synced" in operator.until("/readyz", 200)
    health = operator.until("/healthz", 200)
    assert [line[:4] for line in health.splitlines()] == ["[+] "] * 3
    metrics = operator.get("/metrics")[1]
    assert 'pintle_queue_depth{queue="deployments"} 0.0' in metrics
    assert 'pintle_api_requests_total{code="200",verb="list"}' in metrics
    assert operator.stop() == 0
    lines = [orjson.loads(line) for line in operator.log().splitlines()]
    assert [line["message"] for line in lines if line["logger"] == "__main__"] == [
        "pintle starts",
        "pintle stops",
    ]
    # kopf may complain: it is stopped while it is still finding its kinds.
    assert [line for line in lines if line["level"] != "INFO" and not line["logger"].startswith("kopf")] == []


def test_it_waits_for_an_api_server_and_ends_when_told(tmp_path: Path, api_server: api.Cluster) -> None:
    config = yaml.safe_load(api_server.kubeconfig.read_text())
    for cluster in config["clusters"]:
        cluster["cluster"]["server"] = f"https://127.0.0.1:{unused_port()}"
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    with started(tmp_path, kubeconfig) as operator:
        operator.until("/healthz", 200)
        status, text = operator.get("/readyz")
        assert status == 503
        assert "the first list is under way" in text
        until(lambda: "no answer from the API server" in operator.log() or None, within=30, what="a warning")
        assert operator.stop() == 0


def test_a_setting_that_is_wrong_ends_the_start(tmp_path: Path, api_server: api.Cluster) -> None:
    with started(tmp_path, api_server.kubeconfig, PINTLE_WORKERS="many") as operator:
        assert operator.process.wait(timeout=30) == 1
        assert "PINTLE_WORKERS='many': Input should be a valid integer" in operator.log()


def test_without_credentials_it_says_what_to_do(tmp_path: Path) -> None:
    with started(tmp_path, tmp_path / "absent") as operator:
        assert operator.process.wait(timeout=30) == 1
        assert "Set KUBECONFIG, or run in a pod" in operator.log()
