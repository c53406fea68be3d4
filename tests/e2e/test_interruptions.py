"""The operator killed and MLflow stopped in the middle of a version change."""

import time
from collections.abc import Callable

import pytest

from demo.traffic import Declared, Traffic
from pintle.domain import Resource
from pintle.domain.resources import CONTROLLER_REVISIONS, PODS
from tests.e2e.conftest import Figure
from tests.support import install
from tests.support.deployed import Deployed, condition
from tests.support.load import FOLLOW_SECONDS, assert_faultless, load
from tests.support.rest import Json
from tests.support.rig import BOOSTED, LINEAR, NAMES, Rig
from tests.support.watching import watching

RATE = 20.0


def _is_there(_: Json) -> bool:
    return True


def _serves(pod: Json) -> bool:
    return any("running" in c["state"] for c in pod["status"].get("containerStatuses", ()))


def _is_ready(pod: Json) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))


# When the operator is killed: what has just been seen of the new version.
MOMENTS: dict[str, tuple[Resource, Callable[[Json], bool]]] = {
    "recorded": (CONTROLLER_REVISIONS, _is_there),
    "proving": (PODS, _serves),
    "ready": (PODS, _is_ready),
}


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Deployed:
    return Deployed(rig.kube, namespace).serve(LINEAR, replicas=2)


@pytest.mark.parametrize("moment", MOMENTS)
def test_operator_killed_during_a_change(moment: str, rig: Rig, iris: Deployed, figure: Figure) -> None:
    """A new shape of the version before, so that each change starts pods anew."""
    old, new = _next_versions(iris)
    resource, seen = MOMENTS[moment]
    known = {child["metadata"]["uid"] for child in iris.children(resource)}
    with load(iris, rate=RATE) as traffic, watching(rig.api_client, resource, iris.namespace) as watch:
        serving = iris.serving_pods()
        declared = Declared(time.time(), {old, new})
        edited = time.time()
        iris.edit(version=int(new), rolloutToken=moment)
        watch.first(
            lambda body: _is_of(body, new) and body["metadata"]["uid"] not in known and seen(body),
            within=120,
            what=f"version {new} is {moment}",
        )
        gone = install.kill_operator(rig.kube)
        install.await_another_operator(rig.kube, gone)
        back = time.time()
        iris.ready(new)
        took = time.time() - edited
        assert serving.items() <= iris.serving_pods_of(old).items(), "pods that served were touched"
        _assert_faultless(iris, traffic, declared, new)
    figure(
        f"killed when {moment}: operator back after {back - edited:.1f} s, change complete after {took:.1f} s"
    )


def test_registry_stopped_and_operator_killed_during_a_change(
    rig: Rig, iris: Deployed, figure: Figure
) -> None:
    """With neither of them, a change waits and what serves serves; a rollback does not even wait."""
    warm = Deployed(rig.kube, iris.namespace, "warm")
    warm.serve(LINEAR, BOOSTED)
    old, new = _next_versions(iris)
    with (
        load(iris, rate=RATE) as traffic,
        watching(rig.api_client, CONTROLLER_REVISIONS, iris.namespace) as watch,
    ):
        serving = iris.serving_pods()
        declared = Declared(time.time(), {old, new})
        known = {child["metadata"]["uid"] for child in iris.children(CONTROLLER_REVISIONS)}
        try:
            iris.edit(version=int(new), rolloutToken="without a registry")
            watch.first(
                lambda body: _is_of(body, new) and body["metadata"]["uid"] not in known,
                within=30,
                what=f"version {new} is recorded",
            )
            rig.mlflow.stop()
            gone = install.kill_operator(rig.kube)
            install.await_another_operator(rig.kube, gone)
            # Not yet asked for, and so not known: it waits for the registry, and says so.
            warm.edit(version=int(NAMES))
            waiting = condition(warm.refused("RegistryUnavailable", within=60), "Ready")
            assert "version 2 keeps serving" in waiting["message"], waiting
            began = time.time()
            warm.edit(version=int(LINEAR))
            warm.ready(LINEAR, within=15)
            rolled_back = time.time() - began
            # Warm pods of the new version's earlier shape may have taken over at once; the old ones stay.
            assert serving.items() <= iris.serving_pods_of(old).items(), "pods that served were touched"
        finally:
            rig.mlflow.start()
        iris.ready(new)
        assert serving.items() <= iris.serving_pods_of(old).items(), "pods that served were touched"
        _assert_faultless(iris, traffic, declared, new)
    figure(f"rolled back in {rolled_back:.1f} s without a registry; the change completed when it came back")


def _next_versions(iris: Deployed) -> tuple[str, str]:
    """What is declared and serves, and what to change to."""
    old = str(iris.body()["spec"]["version"])
    iris.ready(old)
    return old, BOOSTED if old == LINEAR else LINEAR


def _is_of(body: Json, version: str) -> bool:
    labels = body["metadata"].get("labels", {})
    wanted = {"pintle.dev/deployment": "iris", "pintle.dev/version": version}
    return bool(wanted.items() <= labels.items())


def _assert_faultless(iris: Deployed, traffic: Traffic, declared: Declared, new: str) -> None:
    begun = time.time()
    alone = begun + FOLLOW_SECONDS
    declared.allow(alone, {new})
    traffic.wait(lambda log: log.requests[-1].began > alone + 1, 30, "answers of the new version")
    requests = traffic.stop()
    assert_faultless(requests, declared)
    assert {r.version for r in requests} == {*declared.during(begun - 3600, begun)}, iris
