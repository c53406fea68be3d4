"""The registry stopped, and all that can happen then: what runs serves on, what starts waits and says so."""

import time
from collections.abc import Iterator

import pytest

from demo.traffic import Declared
from pintle.domain.resources import PODS
from tests.e2e.conftest import Figure
from tests.support import install
from tests.support.deployed import Deployed, condition, fetched
from tests.support.load import assert_faultless
from tests.support.rest import Json
from tests.support.rig import BOOSTED, LINEAR, NAMES, Rig
from tests.support.rollbacks import REPLICAS, Pair, pair
from tests.support.waiting import until

# After its return, until all have their artifacts: `fetch` tries again at least every 30 s.
BACK_SECONDS = 60.0
ROLLBACK_SECONDS = 2.0
WORDS = "fetching the model from registry mlflow"


@pytest.fixture
def three(rig: Rig, namespace: str) -> Iterator[Pair]:
    """Version 3 serves, version 2 stands by, and version 1 is kept without pods."""
    with pair(rig, namespace) as two:
        two.deployed.edit(version=int(NAMES))
        two.deployed.ready(NAMES)
        until(lambda: not two.deployed.uids(LINEAR), within=90, what="version 1 has no pods")
        two.serving, two.other = NAMES, BOOSTED
        yield two


@pytest.mark.slow
def test_registry_stopped(rig: Rig, three: Pair, figure: Figure) -> None:
    iris = three.deployed
    began = time.time()
    with rig.mlflow.stopped():
        _the_operator_restarts(rig, iris)
        _a_pod_is_deleted(rig, iris)
        _more_replicas_are_asked_for(iris)
        rollback = three.roll_back()
        _to_a_kept_version_without_pods(iris)
    back = time.time()
    waiting = 2 * (REPLICAS + 1)
    until(
        lambda: len(fetched(_pods(iris))) >= waiting,
        within=BACK_SECONDS,
        what="all that waited has its artifact",
        now=iris.pods,
    )
    started = time.time() - back
    iris.ready(LINEAR)
    until(lambda: len(_ready(iris)) >= waiting, within=180, what="all pods are ready")
    took = time.time() - back
    declared = Declared(0, {NAMES})
    declared.allow(rollback.edited, {NAMES, BOOSTED})
    declared.allow(back - 1, {BOOSTED, LINEAR})
    said = assert_faultless((r for r in three.traffic.stop() if r.began > began), declared)
    assert rollback.asked <= ROLLBACK_SECONDS
    figure(
        f"warm rollback {rollback.seconds * 1e3:.0f} ms after the edit; {started:.1f} s after the registry's "
        f"return all that had waited had its artifact, {took:.1f} s after it all was ready; {said}"
    )


def _the_operator_restarts(rig: Rig, iris: Deployed) -> None:
    before, pods = iris.children_but_status(), iris.uids()
    install.await_another_operator(rig.kube, install.kill_operator(rig.kube))
    iris.edit(revisionHistoryLimit=6)
    iris.ready(NAMES, within=30)
    assert (iris.children_but_status(), iris.uids()) == (before, pods)


def _a_pod_is_deleted(rig: Rig, iris: Deployed) -> None:
    doomed, other = iris.pods(NAMES)
    rig.kube.delete(PODS, iris.namespace, doomed["metadata"]["name"])
    _waits(iris, "Degraded", f"version {NAMES} serves with 1 of {REPLICAS} pods", WORDS)
    assert iris.serving_pods().keys() == {other["metadata"]["uid"]}


def _more_replicas_are_asked_for(iris: Deployed) -> None:
    serving = iris.serving_pods()
    iris.edit(replicas=REPLICAS + 1)
    _waits(iris, "Degraded", f"version {NAMES} serves with 1 of {REPLICAS + 1} pods", WORDS)
    until(lambda: len(iris.pods(NAMES)) >= REPLICAS + 1, within=30, what="more pods wait", now=iris.uids)
    assert iris.serving_pods() == serving


def _to_a_kept_version_without_pods(iris: Deployed) -> None:
    """Version 2 serves by now, with the pods that it stood by with."""
    serving = iris.serving_pods()
    assert len(serving) == REPLICAS
    iris.edit(version=int(LINEAR))
    _waits(iris, "Starting", WORDS, f"version {BOOSTED} keeps serving")
    assert condition(iris.body(), "Resolved")["status"] == "True", "a kept version needs no answer"
    assert iris.serving_pods() == serving


def _waits(iris: Deployed, reason: str, *words: str) -> None:
    iris.refused(reason, within=30)
    until(
        lambda: all(word in condition(iris.body(), "Ready")["message"] for word in words),
        within=15,
        what=f"the condition says: {', '.join(words)}",
        now=lambda: condition(iris.body(), "Ready"),
    )


def _pods(iris: Deployed) -> list[Json]:
    """Those of the two versions that are to run, without any on its way out."""
    pods = (*iris.pods(LINEAR), *iris.pods(BOOSTED))
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def _ready(iris: Deployed) -> list[Json]:
    return [p for p in _pods(iris) if condition(p, "Ready")["status"] == "True"]
