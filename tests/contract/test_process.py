"""The operator as a process: `python -m pintle` against a real API server, and without one."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import yaml

from testbed import api
from tests.support.operator_program import OperatorProcess, started
from tests.support.ports import free_port
from tests.support.waiting import until


@pytest.fixture
def operator(
    tmp_path: Path,
    api_server: api.Cluster,
    crds: None,  # noqa: ARG001 - installs them
    namespace: str,
) -> Iterator[OperatorProcess]:
    settings = {"PINTLE_NAMESPACES": namespace, "POD_NAMESPACE": namespace}
    with started(tmp_path, api_server.kubeconfig, **settings) as operator:
        yield operator


# How the leader ends, and after how many seconds another one leads: some 2 and 17, loose for a busy machine
# (to the second: tests/unit/test_leadership.py). One that waited for the Lease's end would take 15 at least.
ENDS = {"handed over": (signal.SIGTERM, 12.0), "killed": (signal.SIGKILL, 40.0)}


@pytest.mark.parametrize("ended", ENDS)
def test_another_operator_takes_over(
    ended: str, operator: OperatorProcess, tmp_path: Path, api_server: api.Cluster, namespace: str
) -> None:
    end, within = ENDS[ended]
    until(lambda: "leader" in operator.get("/readyz")[1], within=60, what="a leader", now=operator.log)
    settings = {"PINTLE_NAMESPACES": namespace, "POD_NAMESPACE": namespace, "POD_NAME": "another"}
    (tmp_path / "another").mkdir()
    with started(tmp_path / "another", api_server.kubeconfig, **settings) as another:
        another.until("/readyz", 200)
        assert "follower" in another.get("/readyz")[1]
        assert another.get("/healthz")[0] == 200
        operator.signal(end)
        operator.wait()
        began = time.monotonic()
        until(lambda: "leader" in another.get("/readyz")[1], within=60, what="the other one leads")
        assert time.monotonic() - began <= within
        assert "leader" not in operator.get("/readyz")[1]


def test_it_becomes_ready_tells_how_it_is_and_ends_when_told(operator: OperatorProcess) -> None:
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
        cluster["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
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
        assert operator.wait() == 1
        assert "PINTLE_WORKERS='many': Input should be a valid integer" in operator.log()


def test_without_credentials_it_says_what_to_do(tmp_path: Path) -> None:
    with started(tmp_path, tmp_path / "absent") as operator:
        assert operator.wait() == 1
        assert "Set KUBECONFIG, or run in a pod" in operator.log()
