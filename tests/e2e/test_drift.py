"""What somebody else changes or deletes by hand is put back, and nothing that serves is touched by that."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from demo.traffic import Declared
from pintle import naming
from pintle.domain import Resource
from pintle.domain.resources import (
    BUDGETS,
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    SERVICES,
)
from tests.e2e.conftest import Figure
from tests.support.deployed import Deployed, condition
from tests.support.load import assert_faultless, load
from tests.support.predicting import asked
from tests.support.rest import Json
from tests.support.rig import BOOSTED, LINEAR, Rig
from tests.support.waiting import until

REPLICAS = 2
REPAIRED_SECONDS = 30.0

Content = Callable[[Json], Any]
# What of a child of each kind has to be as it was. The API server gives a Service its addresses.
CONTENTS: dict[Resource, Content] = {
    CONTROLLER_REVISIONS: lambda body: (body["data"], body["revision"], body["metadata"]["annotations"]),
    CONFIG_MAPS: lambda body: body["data"],
    DEPLOYMENTS: lambda body: body["spec"],
    SERVICES: lambda body: (body["spec"]["selector"], body["spec"]["ports"]),
    BUDGETS: lambda body: body["spec"],
}
# Of these nothing that serves knows; a Service comes back with another address, a Deployment with other pods.
UNNOTICED = (CONTROLLER_REVISIONS, CONFIG_MAPS, BUDGETS)
SIDECAR = {"name": "sidecar", "image": "docker.io/pintle/runtime:0.1.0", "command": ["sleep", "3600"]}
EDITS: dict[str, Json] = {
    "an environment variable": {
        "spec": {"containers": [{"name": "serve", "env": [{"name": "DEBUG", "value": "1"}]}]}
    },
    "a container": {"spec": {"containers": [SIDECAR]}},
    "an init container's image": {
        "spec": {"initContainers": [{"name": "fetch", "image": "docker.io/pintle/mlflow:0.1.0"}]}
    },
    "a label": {"metadata": {"labels": {"team": "other"}}},
}


def _slow(value: object) -> pytest.ParameterSet:
    return pytest.param(value, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Deployed:
    """Version 2 serves, and version 1 stands by."""
    return Deployed(rig.kube, namespace).serve(LINEAR, BOOSTED, replicas=REPLICAS)


def _answers(rig: Rig, iris: Deployed) -> str:
    """The revision that answers; "" for none, as when nodes have not heard of a Service's new address yet."""
    found = asked(rig.mlflow, iris)
    return found.headers["pintle-revision"] if found else ""


@pytest.mark.parametrize(
    "kind",
    [CONTROLLER_REVISIONS, SERVICES, *map(_slow, (CONFIG_MAPS, BUDGETS, DEPLOYMENTS))],
    ids=lambda kind: kind.kind,
)
def test_deleted_by_hand(rig: Rig, iris: Deployed, figure: Figure, kind: Resource) -> None:
    serving = _revision(iris)
    name = iris.name if kind in (SERVICES, BUDGETS) else serving
    before, mark, pods = rig.kube.get(kind, iris.namespace, name), rig.audit.mark(), iris.serving_pods()
    with load(iris, rate=10) as traffic, _untouched(iris, pods=kind is not DEPLOYMENTS):
        rig.kube.kubectl("-n", iris.namespace, "delete", kind.plural, name)
        after = until(
            lambda: _another(rig.kube.find(kind, iris.namespace, name), before),
            within=REPAIRED_SECONDS,
            what=f"{kind.kind} {name} is made again",
        )
        if kind is DEPLOYMENTS:  # its pods have gone with it, which takes a moment to show
            until(lambda: _others(iris, pods), within=180, what="other pods serve", now=iris.serving_pods)
        body = iris.ready(BOOSTED)
        if kind in UNNOTICED:
            assert_faultless(traffic.stop(), Declared(0, {BOOSTED}))
    assert CONTENTS[kind](after) == CONTENTS[kind](before)
    assert body["status"]["serving"]["revision"] == serving
    # Nodes hear of a Service's new address from the API server in their own time, which a busy one takes.
    until(lambda: _answers(rig, iris) == serving, within=60, what=f"{serving} answers")
    assert condition(body, "Proven")["status"] == "True"
    tally = rig.audit.settled(mark, iris.namespace)
    made = [r for r in tally.requests if r.verb == "create" and (r.resource, r.name) == (kind.plural, name)]
    assert len([r for r in made if r.code < 400]) == 1, tally
    figure(f"made again: {tally}")


@pytest.mark.parametrize("edit", ["a container", *(_slow(e) for e in EDITS if e != "a container")])
def test_a_template_changed_by_hand(rig: Rig, iris: Deployed, figure: Figure, edit: str) -> None:
    """It is put back before a pod of what was changed could take the place of one that serves."""
    revision = _revision(iris)
    _put_back(rig, iris, revision, figure, lambda: _patch_template(rig, iris, revision, EDITS[edit]))


@pytest.mark.slow
def test_restarted_by_kubectl(rig: Rig, iris: Deployed, figure: Figure) -> None:
    """`spec.rolloutToken` is what restarts pods; an annotation of kubectl's does not."""
    revision = _revision(iris)
    restart = ("-n", iris.namespace, "rollout", "restart", f"deployment/{revision}")
    _put_back(rig, iris, revision, figure, lambda: rig.kube.kubectl(*restart))


def test_a_template_changed_before_it_was_cleared(rig: Rig, namespace: str, figure: Figure) -> None:
    """What is proven is what is recorded: a candidate's template is put back too."""
    early = Deployed(rig.kube, namespace, "early")
    early.create(version=int(LINEAR))
    (found,) = until(lambda: early.children(DEPLOYMENTS), within=30, what="there is a Deployment")
    revision, before = found["metadata"]["name"], found["spec"]["template"]
    _patch_template(rig, early, revision, EDITS["an environment variable"])
    _await_template(rig, early, revision, before)
    (record,) = early.records()
    assert naming.ANNOTATION_CLEARED not in record["metadata"].get("annotations", {}), "seconds too late"
    early.ready(LINEAR)
    assert rig.kube.get(DEPLOYMENTS, namespace, revision)["spec"]["template"] == before
    # That of the changed template goes when the Deployment's controller comes to it.
    (pod,) = until(lambda: len(found := _alive(early)) == 1 and found, within=60, what="one pod is left")
    assert "env" not in pod["spec"]["containers"][0], "the pod that serves is one of the record"
    figure("put back before it was proven")
    early.delete()


def _alive(iris: Deployed) -> list[Json]:
    return [pod for pod in iris.pods() if "deletionTimestamp" not in pod["metadata"]]


def _revision(iris: Deployed) -> str:
    """What serves, after an edit of the spec: each begins to count anew how often a field is put back."""
    iris.edit(revisionHistoryLimit=iris.body()["spec"]["revisionHistoryLimit"] + 1)
    return str(iris.ready(BOOSTED)["status"]["serving"]["revision"])


def _put_back(rig: Rig, iris: Deployed, revision: str, figure: Figure, change: Callable[[], object]) -> None:
    before = rig.kube.get(DEPLOYMENTS, iris.namespace, revision)["spec"]["template"]
    mark = rig.audit.mark()
    with load(iris, rate=10) as traffic, _untouched(iris):
        change()
        _await_template(rig, iris, revision, before)
        iris.ready(BOOSTED)
        until(
            lambda: len(iris.pods_of(revision)) == REPLICAS,
            # One that is told to end before Python runs in it does not hear of it: it stays for its 60 s.
            within=90,
            what="the pods of the changed template are gone",
            now=lambda: iris.uids(BOOSTED),
        )
        said = assert_faultless(traffic.stop(), Declared(0, {BOOSTED}))
    tally = rig.audit.settled(mark, iris.namespace)
    puts = [r for r in tally.requests if (r.verb, r.resource, r.name) == ("update", "deployments", revision)]
    assert len([r for r in puts if r.code < 400]) == 1, tally
    figure(f"put back by one PUT; {said}")


def _patch_template(rig: Rig, iris: Deployed, revision: str, change: Json) -> None:
    """As `kubectl edit` does: lists are merged by the names of their items."""
    patch = {"spec": {"template": change}}
    rig.kube.merge_by_name(DEPLOYMENTS, iris.namespace, revision, patch)


def _await_template(rig: Rig, iris: Deployed, revision: str, template: Json) -> None:
    """Wait until the operator has put a template back: until then the API server has another one."""
    until(
        lambda: rig.kube.get(DEPLOYMENTS, iris.namespace, revision)["spec"]["template"] == template,
        within=REPAIRED_SECONDS,
        what="the template is put back",
        now=lambda: rig.kube.get(DEPLOYMENTS, iris.namespace, revision)["spec"]["template"],
    )


def _others(iris: Deployed, pods: dict[str, int]) -> bool:
    serving = iris.serving_pods()
    return len(serving) == REPLICAS and not serving.keys() & pods.keys()


def _another(found: Json | None, before: Json) -> Json | None:
    return found if found and found["metadata"]["uid"] != before["metadata"]["uid"] else None


@contextmanager
def _untouched(iris: Deployed, *, pods: bool = True) -> Iterator[None]:
    if not pods:
        yield
        return
    with iris.untouched():
        yield
