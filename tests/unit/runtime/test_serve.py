"""`serve` as a real process: readiness, headers, metrics, roles, the end of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.waiting import until
from tests.unit.runtime.conftest import Pod, unwarned
from tests.unit.runtime.process import Server, exchange
from tests.unit.runtime.test_hostile_artifacts import BOMB

with unwarned():
    import mlflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Slow enough to be caught in the middle, by a file that the test makes when it has seen what it wants.
GATED = """
import pathlib, time
from mlflow.pyfunc import PythonModel, load_model
from mlflow.models import set_model

class Gated(PythonModel):
    def load_context(self, context):
        self.wait("load")

    def predict(self, context, model_input: list[float], params=None) -> list[float]:
        self.wait("predict")
        return [1.0] * len(model_input)

    def wait(self, what):
        folder = pathlib.Path("GATES")
        (folder / f"{what}-reached").touch()
        while not (folder / f"{what}-open").exists():
            time.sleep(0.01)

set_model(Gated())
"""


@pytest.fixture(scope="module")
def served(saved: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One ready server, for the tests that only look at it."""
    pod = Pod(tmp_path_factory.mktemp("served") / "pod")
    pod.hold(saved("linear"))
    with pod.serve() as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def example(saved: Callable[[str], Path]) -> str:
    return (saved("linear") / "serving_input_example.json").read_text()


class Gates:
    """What a gated model waits for, and what it has reached."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def open(self, what: str) -> None:
        (self._folder / f"{what}-open").touch()

    def wait_for(self, server: Server, what: str) -> None:
        for _ in server.polls(f"reach {what}"):
            if (self._folder / f"{what}-reached").exists():
                return


@pytest.fixture
def gates(pod: Pod, tmp_path: Path) -> Gates:
    """Makes the pod's model one that waits at its gates."""
    script = tmp_path / "gated.py"
    script.write_text(GATED.replace("GATES", str(tmp_path / "gates")))
    with unwarned():
        mlflow.pyfunc.save_model(pod.mounts.model, python_model=script, pip_requirements=["mlflow"])
    return Gates(tmp_path / "gates")


def test_answers_carry_the_revision(served: Server, example: str) -> None:
    status, headers, body = served.request("POST", "/invocations", example)
    assert status == 200
    assert len(json.loads(body)["predictions"]) == 3
    assert headers["pintle-model"] == "iris/3"
    assert headers["pintle-revision"] == "iris-v3-1a2b3c4d"
    assert "connection" not in headers
    assert "server" not in headers


def test_connections_are_kept(served: Server, example: str) -> None:
    with contextlib.closing(served.connect()) as connection:
        exchange(connection, "POST", "/invocations", example)
        socket = connection.sock
        for _ in range(3):
            assert exchange(connection, "POST", "/invocations", example)[0] == 200
            assert connection.sock is socket


def test_versions(served: Server) -> None:
    versions = json.loads(served.request("GET", "/version")[2])
    assert {"mlflow", "pintle-runtime", "python"} == set(versions)
    assert versions["mlflow"] == "3.17.2"


def test_metrics_count_predictions_and_not_probes(served: Server, example: str) -> None:
    def counts() -> dict[str, float]:
        lines = served.request("GET", "/metrics")[2].decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    before = counts()
    served.request("POST", "/invocations", example)
    served.request("POST", "/invocations", "{")
    served.request("GET", "/readyz")
    after = counts()
    for name in ('pintle_model_requests_total{code="200"}', 'pintle_model_requests_total{code="400"}'):
        assert after[name] - before.get(name, 0) == 1
    name = "pintle_model_request_duration_seconds_count"
    assert after[name] - before[name] == 2
    assert after["pintle_model_requests_in_flight"] == 0
    assert 'pintle_model_info{model="iris",revision="iris-v3-1a2b3c4d",version="3"}' in after
    assert after["process_resident_memory_bytes"] > 0


def test_a_standby_closes_connections_and_a_serving_pod_does_not(served: Server) -> None:
    role = served.root / "etc/pintle/podinfo/role"
    for value, closes in (("standby", True), ("serving", False)):
        role.write_text(value)
        for _ in served.polls(f"take the role {value}"):
            headers = served.request("GET", "/livez")[1]
            if (headers.get("connection") == "close") is closes:
                break


def test_the_log_is_json(served: Server) -> None:
    ready: list[dict[str, Any]] = []
    for _ in served.polls("log that it is ready"):  # which it says once it is
        ready = [entry for entry in list(served.log) if entry["event"] == "ready"]
        if ready:
            break
    assert ready[0]["proof"] == "passed"
    assert all("time" in entry for entry in served.log), served.log


def test_loading_is_answered_and_sigterm_ends_it_at_once(pod: Pod, gates: Gates) -> None:
    with pod.serve(PINTLE_DRAIN_SECONDS="600") as server:
        gates.wait_for(server, "load")
        assert server.request("GET", "/livez")[0] == 200
        status, _, body = server.request("GET", "/readyz")
        assert (status, json.loads(body)) == (503, {"ready": False, "doing": "loading the model"})
        server.terminate()
        assert server.wait_for_end() == (0, {})


def test_sigterm_ends_it_before_it_listens(pod: Pod) -> None:
    """As PID 1, a process without a handler would not hear of it, and stay for all of its grace."""
    pod.mounts.revision.unlink()
    os.mkfifo(pod.mounts.revision)

    def reading() -> int | None:
        with contextlib.suppress(OSError):  # nobody reads there yet
            return os.open(pod.mounts.revision, os.O_WRONLY | os.O_NONBLOCK)
        return None

    with pod.serve() as server:
        held = until(reading, within=60, what="it reads its revision")
        server.terminate()
        assert server.wait_for_end() == (128 + signal.SIGTERM, {})
    os.close(held)


def test_sigterm_keeps_answering_and_loses_no_request(pod: Pod, gates: Gates) -> None:
    gates.open("load")
    body = json.dumps({"inputs": [1.0, 2.0]})
    with pod.serve(PINTLE_DRAIN_SECONDS="5") as server, contextlib.closing(server.connect()) as idle:
        server.wait_until_ready()
        exchange(idle, "GET", "/livez")
        answers: list[tuple[int, dict[str, str], bytes]] = []
        in_flight = threading.Thread(
            target=lambda: answers.append(server.request("POST", "/invocations", body))
        )
        in_flight.start()
        gates.wait_for(server, "predict")
        server.terminate()
        headers: dict[str, str] = {}
        for _ in server.polls("stop being ready"):
            status, headers, said = server.request("GET", "/readyz")
            if status == 503:
                assert json.loads(said)["doing"] == "draining"
                break
        # New connections and pooled ones are still served, and told to go elsewhere.
        assert exchange(idle, "GET", "/livez")[1]["connection"] == "close"
        assert headers["connection"] == "close"
        for _ in server.polls("stop accepting"):
            try:
                server.request("GET", "/livez")
            except ConnectionError:
                break
        assert in_flight.is_alive()
        gates.open("predict")
        in_flight.join()
        assert [(status, headers["pintle-model"]) for status, headers, _ in answers] == [(200, "iris/3")]
        assert server.wait_for_end() == (0, {})


def test_a_second_sigterm_ends_the_wait(pod: Pod, saved: Callable[[str], Path]) -> None:
    pod.hold(saved("linear"))
    with pod.serve(PINTLE_DRAIN_SECONDS="600") as server:
        server.wait_until_ready()
        server.terminate()
        for _ in server.polls("drain"):
            if server.request("GET", "/readyz")[0] == 503:
                break
        server.terminate()
        assert server.wait_for_end()[0] == 0


ENDS: dict[str, tuple[str, dict[str, Any], int, dict[str, str]]] = {
    "a broken answer": ("nan", {}, 15, {"reason": "ProofFailed", "message": "prediction[0] is NaN"}),
    "a crash while loading": (
        "crash-on-load",
        {},
        14,
        {
            "reason": "LoadFailed",
            "message": "the model does not load: FileNotFoundError: "
            "lookup table /data/species.csv is not part of the model",
        },
    ),
    "a proof that hangs": (
        "slow",
        {"proof": {"mode": "Auto", "timeoutSeconds": 1}},
        15,
        {"reason": "ProofFailed", "message": "the model's example was not answered within 1 s"},
    ),
    "a death of its own": ("killed-on-load", {}, 137, {}),
}


@pytest.mark.parametrize("case", ENDS.values(), ids=ENDS)
def test_ends_with_the_code_of_its_reason(
    pod: Pod, saved: Callable[[str], Path], case: tuple[str, dict[str, Any], int, dict[str, str]]
) -> None:
    variant, revised, code, said = case
    pod.hold(saved(variant))
    pod.revise(**revised)
    with pod.serve() as server:
        assert server.wait_for_end() == (code, said)


def test_changed_bytes_end_it(pod: Pod, saved: Callable[[str], Path]) -> None:
    pod.hold(saved("linear"))
    pod.revise(contentDigest=f"sha256:{'0' * 64}")
    with pod.serve() as server:
        code, said = server.wait_for_end()
    assert (code, said["reason"]) == (11, "ArtifactChanged")


def test_an_alias_bomb_in_mlmodel_is_never_written_out(pod: Pod, saved: Callable[[str], Path]) -> None:
    pod.hold(saved("linear"))
    lines = "".join(f"  {line}\n" for line in BOMB.splitlines())
    with (pod.mounts.model / "MLmodel").open("a") as file:
        file.write(f"bomb:\n{lines}")
    with pod.serve() as server:
        server.wait_until_ready()
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        kilobytes = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])
        assert kilobytes < 1 << 20, "the model serves, with what one takes that has no bomb"
    # The control: there is one. Each line holds the one before ten times.
    held = yaml.safe_load(BOMB)
    size = 1
    for name in "abcdefghi":
        size *= len(held[name])
    assert size == 10**9


def test_a_broken_revision_is_nobodys_fault(pod: Pod) -> None:
    pod.mounts.revision.write_text("{}")
    ended = pod.run("serve")
    assert (ended.code, ended.said["reason"]) == (1, "Error")
    assert "revision.json: revision is None" in ended.said["message"]
