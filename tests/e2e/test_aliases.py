"""An alias of a real registry: followed, moved, moved back, taken away, and kept through an outage."""

import json
import time
from collections.abc import Iterator

import pytest

from demo.traffic import Declared
from tests.e2e.conftest import Figure
from tests.support import install
from tests.support.deployed import Deployed, condition, is_ready
from tests.support.load import assert_faultless, load
from tests.support.rest import Json
from tests.support.rig import BOOSTED, LINEAR, Rig, version_of
from tests.support.waiting import until

RATE = 20.0
POLL_SECONDS = 5
ALIAS = "e2e-champion"
STUCK = version_of("too-large")


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Iterator[Deployed]:
    """Two pods that serve what the alias names, the linear model, over a connection that looks often."""
    rig.mlflow.set_alias("iris", ALIAS, LINEAR)
    rig.connect(namespace, "polled", rig.mlflow.uri, poll_seconds=POLL_SECONDS)
    deployed = Deployed(rig.kube, namespace)
    deployed.create(alias=ALIAS, replicas=2, registryRef={"name": "polled"})
    deployed.ready(LINEAR)
    yield deployed
    rig.mlflow.delete_alias("iris", ALIAS)


def wanted(iris: Deployed) -> str:
    return str(iris.body()["status"]["wanted"])


def moved(rig: Rig, iris: Deployed, version: str, *, within: float = 180) -> float:
    """Move the alias and wait until that version serves; the seconds from one to the other."""
    begun = time.time()
    rig.mlflow.set_alias("iris", ALIAS, version)

    def done() -> Json | None:
        body = iris.body()
        return body if is_ready(body, version) else None

    until(done, within=within, what=f"{iris} follows to version {version}", now=iris.body)
    return time.time() - begun


def test_moves_under_load(rig: Rig, iris: Deployed, figure: Figure) -> None:
    begun = time.time()
    with load(iris, rate=RATE) as traffic:
        pods = iris.uids(LINEAR)
        forth = moved(rig, iris, BOOSTED)
        assert wanted(iris) == f"{ALIAS}->{BOOSTED}"
        both = iris.uids()
        back = moved(rig, iris, LINEAR, within=60)
        assert iris.uids() == both, "back to the standby, with no new pod"
        assert pods <= both
        counts = assert_faultless(traffic.requests(), Declared(begun, {LINEAR, BOOSTED}))
    figure(f"followed in {forth:.1f} s, back in {back:.1f} s, polls every {POLL_SECONDS} s; {counts}")


@pytest.mark.slow
def test_there_and_back_during_a_rollout(rig: Rig, iris: Deployed) -> None:
    """To a version that is never ready, as it does not fit into memory, and back."""
    moved(rig, iris, LINEAR)
    with iris.untouched():
        rig.mlflow.set_alias("iris", ALIAS, STUCK)
        until(lambda: len(iris.pods(STUCK)) == 2, within=60, what=f"two pods of version {STUCK} start")
        rig.mlflow.set_alias("iris", ALIAS, LINEAR)
        until(lambda: not iris.pods(STUCK), within=60, what=f"the pods of version {STUCK} are taken away")
        iris.ready(LINEAR)


def test_gone_and_set_again(rig: Rig, iris: Deployed) -> None:
    moved(rig, iris, LINEAR)
    with iris.untouched():
        rig.mlflow.set_alias("iris", "e2e-other", BOOSTED)
        rig.mlflow.delete_alias("iris", ALIAS)
        body = iris.refused("AliasNotFound", within=60)
        assert "it has e2e-other" in condition(body, "Ready")["message"]
        assert condition(body, "Available")["status"] == "True"
        rig.mlflow.delete_alias("iris", "e2e-other")
        rig.mlflow.set_alias("iris", ALIAS, LINEAR)
        iris.ready(LINEAR, within=60)


@pytest.mark.slow
def test_kept_through_a_restart_with_the_registry_down(rig: Rig, iris: Deployed) -> None:
    moved(rig, iris, LINEAR)
    with iris.untouched():
        rig.mlflow.stop()
        try:
            gone = install.kill_operator(rig.kube)
            install.await_another_operator(rig.kube, gone)
            # An edit that only the new operator can have answered.
            iris.edit(replicas=2, revisionHistoryLimit=6)
            body = iris.ready(LINEAR, within=60)
            assert wanted(iris) == f"{ALIAS}->{LINEAR}"
            assert condition(body, "Resolved")["status"] == "True"
        finally:
            rig.mlflow.start()
    moved(rig, iris, BOOSTED)


def test_held_by_a_version(rig: Rig, iris: Deployed) -> None:
    rig.mlflow.set_alias("iris", ALIAS, BOOSTED)
    iris.edit(version=int(LINEAR))
    iris.ready(LINEAR)
    assert wanted(iris) == f"{LINEAR} (held)"
    iris.edit(version=None)
    iris.ready(BOOSTED)
    assert wanted(iris) == f"{ALIAS}->{BOOSTED}"


@pytest.mark.slow
def test_a_model_made_again(rig: Rig, namespace: str, iris: Deployed) -> None:
    """The same number, registered anew: other pods, and the way back to the ones before stays warm."""
    del iris
    rig.mlflow.copy_version("iris", LINEAR, "again")
    rig.mlflow.set_alias("again", ALIAS, "1")
    again = Deployed(rig.kube, namespace, "again")
    again.create(model="again", alias=ALIAS, registryRef={"name": "polled"})
    before = again.ready("1")["status"]["serving"]["revision"]
    rig.mlflow.delete_model("again")
    rig.mlflow.copy_version("iris", BOOSTED, "again")
    rig.mlflow.set_alias("again", ALIAS, "1")

    def done() -> Json | None:
        body = again.body()
        return body if is_ready(body, "1") and body["status"]["serving"]["revision"] != before else None

    body = until(done, within=180, what="the model that was made again serves", now=again.body)
    assert body["status"]["standby"]["revision"] == before
    assert json.dumps(body["status"]["history"][0]["cause"]) == f'"alias {ALIAS} names version 1"'
