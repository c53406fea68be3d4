"""One name used twice: objects made again at once, two of one model, a name of somebody else's."""

import re
import shlex
import time
from collections.abc import Callable

import pytest

from pintle import naming
from pintle.domain.resources import (
    CONTROLLER_REVISIONS,
    MODEL_DEPLOYMENTS,
    NAMESPACES,
    PODS,
    SERVICES,
)
from tests.e2e.conftest import Figure
from tests.support.deployed import OWNED, Deployed, condition
from tests.support.kube import path
from tests.support.predicting import answered, predict
from tests.support.rest import Json
from tests.support.rig import BOOSTED, LINEAR, Rig
from tests.support.waiting import until
from tests.support.watching import watching

# Garbage collection takes its seconds, and pods end in their own time.
GONE_SECONDS = 120.0


@pytest.mark.parametrize("propagation", ["Background", pytest.param("Foreground", marks=pytest.mark.slow)])
def test_deleted_and_made_again_at_once(rig: Rig, namespace: str, figure: Figure, propagation: str) -> None:
    """The new object waits for the old one's children to go, takes none of them over, and serves."""
    iris = Deployed(rig.kube, namespace, f"again-{propagation.lower()}")
    iris.create(version=int(LINEAR))
    old = iris.ready(LINEAR)["metadata"]["uid"]
    before = _uids(iris)
    began = time.time()
    _delete(rig, iris, propagation)
    new = until(lambda: _create(rig, iris), within=60, what="the name is free")["metadata"]["uid"]
    assert new != old
    iris.ready(LINEAR)
    took = time.time() - began
    until(lambda: not before & _uids(iris), within=GONE_SECONDS, what="the old children are gone")
    assert {_owner(child) for kind in OWNED for child in iris.children(kind)} == {new}
    assert len(iris.children(SERVICES)) == len(iris.children(CONTROLLER_REVISIONS)) == 1
    assert answered(rig.mlflow, iris).headers["pintle-model"] == f"iris/{LINEAR}"
    figure(f"Ready {took:.1f} s after the deletion")
    iris.delete()


@pytest.mark.slow
def test_orphans_are_named_and_serve_on(rig: Rig, namespace: str, figure: Figure) -> None:
    """What `--cascade=orphan` leaves belongs to nobody: it is not adopted, and serves until it is deleted."""
    iris = _made_again_beside_orphans(rig, namespace, "orphaned")
    message = condition(iris.body(), "Ready")["message"]
    labels = f"{naming.LABEL_DEPLOYMENT}={iris.name}"
    rig.kube.kubectl("-n", namespace, "delete", ",".join(kind.plural for kind in OWNED), "-l", labels)
    _assert_owns_all(iris)
    figure(f"{message}; Ready once all of them were deleted")
    iris.delete()


@pytest.mark.slow
def test_orphans_are_named_one_by_one(rig: Rig, namespace: str, figure: Figure) -> None:
    """Each message has the command that helps; whoever follows them comes to an end."""
    iris = _made_again_beside_orphans(rig, namespace, "one-by-one")
    commands: list[str] = []

    def told() -> str | None:
        """A command that was not told before, or "" when it is Ready."""
        ready = condition(iris.body(), "Ready")
        command = re.search(r"kubectl (-n \S+ delete \S+ [^\s;]+)", ready["message"])
        if ready["reason"] == "NameTaken" and command and command[1] not in commands:
            return str(command[1])
        return "" if ready["status"] == "True" else None

    while command := _await_word(told, iris):
        commands.append(command)
        rig.kube.kubectl(*shlex.split(command))
    _assert_owns_all(iris)
    figure(f"{len(commands)} commands told: {', '.join(c.rpartition('delete ')[2] for c in commands)}")
    iris.delete()


def _made_again_beside_orphans(rig: Rig, namespace: str, name: str) -> Deployed:
    iris = Deployed(rig.kube, namespace, name)
    iris.serve(LINEAR)
    orphans = iris.children_but_status()
    _delete(rig, iris, "Orphan")
    until(lambda: _create(rig, iris), within=60, what="the name is free")
    body = iris.refused("NameTaken", within=60)
    assert condition(body, "Stalled")["reason"] == "NameTaken"
    assert predict(rig.mlflow, iris).headers["pintle-model"] == f"iris/{LINEAR}", "orphans serve on"
    left = {key: _without_owner(child) for key, child in iris.children_but_status().items()}
    assert left == {key: _without_owner(child) for key, child in orphans.items()}
    return iris


def _assert_owns_all(iris: Deployed) -> None:
    uid = iris.ready(LINEAR)["metadata"]["uid"]
    owners = {_owner(child) for kind in OWNED for child in iris.children(kind)}
    assert owners == {uid}, "an orphan is left, or was adopted"


@pytest.mark.slow
def test_two_of_one_model(rig: Rig, namespace: str, figure: Figure) -> None:
    """Two objects of one model share nothing: what is done to one is not seen in the other."""
    one, other = Deployed(rig.kube, namespace, "twin"), Deployed(rig.kube, namespace, "twin-v1")
    for deployed in (one, other):
        deployed.create(version=int(LINEAR))
    for deployed in (one, other):
        deployed.ready(LINEAR)
    before = other.children_but_status()
    with other.untouched():
        one.edit(version=int(BOOSTED))
        one.ready(BOOSTED)
        assert predict(rig.mlflow, other).headers["pintle-model"] == f"iris/{LINEAR}"
        one.delete()
        until(lambda: not _uids(one), within=GONE_SECONDS, what="one of them is gone", now=lambda: _uids(one))
    assert other.children_but_status() == before
    figure(f"{len(before)} children of the other unchanged")
    other.delete()


def test_a_service_of_somebody_else(rig: Rig, namespace: str, figure: Figure) -> None:
    taken = Deployed(rig.kube, namespace, "taken")
    spec = {"selector": {"app": "somebody-elses"}, "ports": [{"port": 80}]}
    theirs = rig.kube.create(SERVICES, namespace, {"metadata": {"name": "taken"}, "spec": spec})
    taken.create(version=int(LINEAR))
    ready = condition(taken.refused("NameTaken"), "Ready")
    assert "Service taken" in ready["message"], ready
    assert f"kubectl -n {namespace} delete service taken" in ready["message"], ready
    found = rig.kube.get(SERVICES, namespace, "taken")
    assert found["metadata"]["resourceVersion"] == theirs["metadata"]["resourceVersion"], "it was written"
    rig.kube.kubectl("-n", namespace, "delete", "service", "taken")
    deleted = time.time()
    taken.ready(LINEAR, within=90)
    figure(f"NameTaken; Ready {time.time() - deleted:.1f} s after that Service was deleted")
    taken.delete()


@pytest.mark.slow
def test_namespace_deleted_during_a_change(rig: Rig, namespace: str, figure: Figure) -> None:
    """Nothing is written in it from then on, and nothing holds it up; others are served meanwhile."""
    elsewhere = Deployed(rig.kube, namespace, "elsewhere")
    elsewhere.create(version=int(LINEAR), replicas=0)
    with rig.namespace("deleted") as doomed:
        iris = Deployed(rig.kube, doomed)
        iris.serve(LINEAR)
        with watching(rig.api_client, PODS, doomed) as pods:
            iris.edit(version=int(BOOSTED))
            pods.first(
                lambda pod: pod["metadata"]["labels"].get(naming.LABEL_VERSION) == BOOSTED,
                within=30,
                what="the change has begun",
            )
        mark, began = rig.audit.mark(), time.time()
        rig.kube.delete(NAMESPACES, "", doomed)
        elsewhere.edit(replicas=1)
        until(
            lambda: rig.kube.find(NAMESPACES, "", doomed) is None,
            within=GONE_SECONDS,
            what="the namespace is gone",
            now=lambda: rig.kube.get(NAMESPACES, "", doomed)["status"],
        )
        took = time.time() - began
        late = [r for r in rig.audit.since(mark, doomed).requests if r.is_write and r.began > began + 2]
        assert not late, late
    elsewhere.ready(LINEAR)
    figure(f"gone {took:.1f} s after its deletion")
    elsewhere.delete()


def _delete(rig: Rig, iris: Deployed, propagation: str) -> None:
    where = path(MODEL_DEPLOYMENTS, iris.namespace, iris.name)
    rig.kube.rest.ok("DELETE", where, query={"propagationPolicy": propagation})


def _create(rig: Rig, iris: Deployed) -> Json | None:
    """Make it, if its name is free by now."""
    spec = {"registryRef": {"name": "mlflow"}, "model": "iris", "version": int(LINEAR)}
    head = {"apiVersion": MODEL_DEPLOYMENTS.api_version, "kind": MODEL_DEPLOYMENTS.kind}
    body = {**head, "metadata": {"name": iris.name}, "spec": spec}
    status, answer = rig.kube.rest.request("POST", path(MODEL_DEPLOYMENTS, iris.namespace), body)
    assert status in {201, 409}, answer
    return answer if status == 201 else None


def _uids(iris: Deployed) -> set[str]:
    return {child["metadata"]["uid"] for kind in (*OWNED, PODS) for child in iris.children(kind)}


def _owner(child: Json) -> str:
    (owner,) = child["metadata"]["ownerReferences"]
    return str(owner["uid"])


def _without_owner(child: Json) -> Json:
    return {**child, "metadata": {k: v for k, v in child["metadata"].items() if k != "ownerReferences"}}


def _await_word(told: Callable[[], str | None], iris: Deployed) -> str:
    """What it says, once it says something."""
    (word,) = until(
        lambda: (said := told()) is not None and (said,),
        within=120,
        what="a command that helps, or Ready",
        now=lambda: condition(iris.body(), "Ready"),
    )
    return word
