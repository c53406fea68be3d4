"""Pods that run out of memory, and pods that are evicted: a version is not rejected for either by itself."""

import json
import time
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from demo.traffic import Declared
from pintle.domain.resources import PODS
from tests.e2e.conftest import Figure
from tests.support.deployed import Deployed, condition, ended, epoch, restarts
from tests.support.load import assert_faultless, load
from tests.support.predicting import COLUMNS
from tests.support.rest import Json
from tests.support.rig import LINEAR, Rig, version_of
from tests.support.waiting import until

LIMIT_SECONDS = 15.0
HUNGRY, TOO_LARGE = version_of("hungry"), version_of("too-large")
RESOURCES = {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "768Mi"}}
# Back from an end: the kubelet waits 10 s before the second start, 20 s before the third.

BACK_SECONDS = 90.0
# A flower over which the model runs out of memory; whoever asks gets no answer.
METRE_LARGE = json.dumps({"dataframe_split": {"columns": COLUMNS, "data": [[100.0, 3.5, 1.4]]}})
_ASK = """
import sys, urllib.error, urllib.request
request = urllib.request.Request(sys.argv[1], sys.argv[2].encode(), {"content-type": "application/json"})
try:
    urllib.request.urlopen(request, timeout=30).read()
except (OSError, urllib.error.URLError) as error:
    print("no answer:", error)
"""


@pytest.fixture(scope="module")
def pair(rig: Rig, namespace: str) -> Iterator[Deployed]:
    """Two pods of a model that some input makes run out of memory."""
    deployed = Deployed(rig.kube, namespace, "pair")
    deployed.serve(HUNGRY, replicas=2, resources=RESOURCES)
    yield deployed
    deployed.delete()


def test_one_of_two_pods_runs_out_of_memory(rig: Rig, pair: Deployed, figure: Figure) -> None:
    pair.ready(HUNGRY, within=BACK_SECONDS)
    one, other = pair.pods(HUNGRY)
    before = restarts(one)
    seconds = _run_out_of_memory(rig, pair, one)
    pair.ready(HUNGRY, within=BACK_SECONDS)
    after = {p["metadata"]["uid"]: restarts(p) for p in pair.pods()}
    assert after == {one["metadata"]["uid"]: before + 1, other["metadata"]["uid"]: restarts(other)}
    _assert_nothing_rejected(pair)
    figure(f"Degraded and OOMKilled {seconds:.1f} s after the container's end; the other pod served on")


@pytest.mark.slow
def test_one_of_two_pods_is_evicted(rig: Rig, pair: Deployed, figure: Figure) -> None:
    pair.ready(HUNGRY, within=BACK_SECONDS)
    one, other = pair.pods(HUNGRY)
    with load(pair, rate=20) as traffic:
        assert rig.kube.evict(pair.namespace, one["metadata"]["name"]) == HTTPStatus.CREATED
        evicted = time.time()
        degraded = condition(pair.refused("Degraded", within=LIMIT_SECONDS), "Ready")
        seconds = time.time() - evicted
        assert "serves with 1 of 2 pods" in degraded["message"], degraded
        # The budget holds: of two pods, one may be away.
        refused = rig.kube.evict(pair.namespace, other["metadata"]["name"])
        assert refused == HTTPStatus.TOO_MANY_REQUESTS
        pair.ready(HUNGRY)
        said = assert_faultless(traffic.stop(), Declared(0, {HUNGRY}))
    assert other["metadata"]["uid"] in pair.serving_pods()
    _assert_nothing_rejected(pair)
    figure(f"Degraded {seconds:.1f} s after the eviction, and replaced; {said}")


@pytest.mark.slow
def test_a_candidate_that_always_runs_out_of_memory(rig: Rig, namespace: str, figure: Figure) -> None:
    """Only the deadline decides, in the words of the pod; what serves serves on."""
    iris, deadline = Deployed(rig.kube, namespace), 20
    rollout = {"progressDeadlineSeconds": deadline}
    iris.serve(LINEAR, resources=RESOURCES, rollout=rollout)
    with iris.untouched():
        iris.edit(version=int(TOO_LARGE))
        pod = until(lambda: next(filter(ended, iris.pods(TOO_LARGE)), None), within=60, what="it has ended")
        said = iris.body()["status"]
        assert not said.get("rejected"), "one end is not the version's fault"
        body = iris.refused("DeadlineExceeded", within=deadline + LIMIT_SECONDS)
        waited = time.time() - (ended(pod) or 0.0)
        ready = condition(body, "Ready")
        assert "code 137 OOMKilled" in ready["message"], ready
        assert f"version {LINEAR} keeps serving" in ready["message"], ready
        iris.edit(version=int(LINEAR))
        iris.ready(LINEAR, within=10)
    iris.delete()
    figure(f"DeadlineExceeded {waited:.0f} s after the first end ({deadline} s of patience), not before")


@pytest.mark.slow
def test_a_candidate_that_always_runs_out_of_memory_is_degraded_before(
    rig: Rig, namespace: str, figure: Figure
) -> None:
    """From the third end on; as there is time left, it is not given up."""
    large = Deployed(rig.kube, namespace, "large")
    large.create(version=int(TOO_LARGE), resources=RESOURCES)
    body = large.refused("Degraded", within=180)
    ready = condition(body, "Ready")
    (pod,) = large.pods()
    assert restarts(pod) >= 3
    assert "code 137 OOMKilled" in ready["message"], ready
    assert condition(body, "Reconciling")["status"] == "True"
    _assert_nothing_rejected(large)
    large.edit(version=int(LINEAR))
    large.ready(LINEAR)
    large.delete()
    figure(f"Degraded after {restarts(pod)} ends: {ready['message']}")


@pytest.mark.slow
def test_a_single_replica_that_always_runs_out_of_memory(rig: Rig, namespace: str, figure: Figure) -> None:
    """What serves is never rejected, however often it ends; each time the condition says why."""
    single = Deployed(rig.kube, namespace, "single")
    single.serve(HUNGRY, resources=RESOURCES)
    (pod,) = single.pods()
    seconds = []
    for _ in range(4):
        seconds.append(_run_out_of_memory(rig, single, pod))
        body = single.body()
        assert condition(body, "Available")["status"] == "False", body["status"]
        single.ready(HUNGRY, within=240)
        _assert_nothing_rejected(single)
    assert single.uids() == {pod["metadata"]["uid"]}
    single.delete()
    figure(f"Degraded {', '.join(f'{s:.1f}' for s in seconds)} s after each end; nothing rejected")


def _run_out_of_memory(rig: Rig, deployed: Deployed, pod: Json) -> float:
    """Have a pod killed for its memory; seconds from its end to the condition that says so."""
    name = pod["metadata"]["name"]
    before = restarts(rig.kube.get(PODS, deployed.namespace, name))
    printed = rig.mlflow.run(_ASK, f"http://{pod['status']['podIP']}:8080/invocations", METRE_LARGE)
    assert "no answer" in printed, "the model has an answer"

    def killed() -> float | None:
        return _killed(rig.kube.get(PODS, deployed.namespace, name), before)

    ended_at = until(killed, within=30, what=f"the kubelet says that {name} was killed")
    until(
        lambda: _says(deployed, "Degraded", "code 137 OOMKilled"),
        within=LIMIT_SECONDS,
        what="the condition says that the pod was killed for its memory",
        now=lambda: condition(deployed.body(), "Ready"),
    )
    return time.time() - ended_at


def _killed(pod: Json, before: int) -> float | None:
    """When its container was killed for its memory, the last time."""
    (status,) = pod["status"]["containerStatuses"]
    state = status["lastState"] if status["restartCount"] > before else status["state"]
    last = state.get("terminated", {})
    return epoch(last["finishedAt"]) if last.get("reason") == "OOMKilled" else None


def _says(deployed: Deployed, reason: str, words: str) -> bool:
    ready = condition(deployed.body(), "Ready")
    return ready["reason"] == reason and words in ready["message"]


def _assert_nothing_rejected(deployed: Deployed) -> None:
    assert not deployed.body()["status"].get("rejected")
    for record in deployed.records():
        assert "pintle.dev/rejected" not in record["metadata"].get("annotations", {})
