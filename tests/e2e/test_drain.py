"""A drain while a candidate is on its way: only the pods behind the Service are spared, one at a time."""

from http import HTTPStatus

import pytest

from demo.traffic import Declared
from tests.e2e.conftest import Figure
from tests.support.deployed import Deployed, condition
from tests.support.load import assert_faultless, load
from tests.support.rest import Json
from tests.support.rig import BOOSTED, LINEAR, NAMES, Rig
from tests.support.waiting import until

REPLICAS = 2
# More than the one node of a test bed has.
NO_ROOM = {"requests": {"cpu": "1000", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Deployed:
    """Version 2 serves, version 1 stands by, and version 3 finds no room."""
    deployed = Deployed(rig.kube, namespace)
    deployed.serve(LINEAR, BOOSTED, replicas=REPLICAS)
    deployed.edit(version=int(NAMES), resources=NO_ROOM, rollout={"capacityWaitSeconds": 600})
    until(lambda: len(deployed.pods(NAMES)) == REPLICAS, within=60, what="the candidate has its pods")
    return deployed


def test_evictions_while_a_candidate_is_pending(rig: Rig, iris: Deployed, figure: Figure) -> None:
    """As `kubectl drain` asks for them: all pods, again and again while one is refused."""
    until(
        lambda: "waiting for room" in condition(iris.body(), "Ready")["message"],
        within=30,
        what="the candidate waits for room",
        now=lambda: condition(iris.body(), "Ready"),
    )
    waiting = {name: version for version in (NAMES, LINEAR, BOOSTED) for name in _names(iris.pods(version))}
    assert len(waiting) == 3 * REPLICAS
    refused: list[str] = []
    with load(iris, rate=20) as traffic:
        for name, version in list(waiting.items()):
            answer = rig.kube.evict(iris.namespace, name)
            if version != BOOSTED:
                assert answer == HTTPStatus.CREATED, (
                    f"the eviction of {name}, which is not needed, was refused"
                )
            if answer == HTTPStatus.CREATED:
                del waiting[name]
        assert len(waiting) == REPLICAS - 1, "one of those that serve goes at once"

        def gone() -> bool:
            for name in list(waiting):
                if rig.kube.evict(iris.namespace, name) == HTTPStatus.CREATED:
                    del waiting[name]
                else:
                    refused.append(name)
            return not waiting

        until(gone, within=120, what="the last pod that serves goes when another is ready", now=iris.uids)
        until(lambda: len(iris.serving_pods()) == REPLICAS, within=120, what="others serve")
        said = assert_faultless(traffic.stop(), Declared(0, {BOOSTED}))
    assert refused, "the budget protects nobody"
    body = iris.refused("Starting")
    assert body["status"]["serving"]["version"] == BOOSTED
    assert body["status"]["standby"]["version"] == LINEAR
    assert not body["status"].get("rejected")
    iris.edit(version=int(LINEAR), resources=None)
    iris.ready(LINEAR)
    figure(f"{3 * REPLICAS} pods evicted, {len(refused)} evictions refused meanwhile; {said}")


def _names(pods: list[Json]) -> list[str]:
    return [pod["metadata"]["name"] for pod in pods]
