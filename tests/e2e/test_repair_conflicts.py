"""A controller that keeps fighting over a field: Pintle puts it back three times, says so, and stops."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest

from pintle.domain import Resource
from pintle.domain.resources import BUDGETS, CONFIG_MAPS, DEPLOYMENTS, SERVICES
from pintle.fights import REPAIRS
from tests.e2e.conftest import Figure
from tests.support.deployed import Deployed
from tests.support.kube import EVENTS
from tests.support.rest import Json
from tests.support.rig import LINEAR, Rig
from tests.support.waiting import until

FIGHTER = "fighting-controller"


@dataclass(frozen=True)
class Fight:
    """What the fighter wants of which object, how to see whether it has it, and the field's name."""

    kind: Resource
    wants: Json
    has: Callable[[Json], Any]
    field: str


_ENV = [{"name": "FIGHT", "value": "1"}]
FIGHTS = {
    "template": Fight(
        DEPLOYMENTS,
        {"spec": {"template": {"spec": {"containers": [{"name": "serve", "env": _ENV}]}}}},
        lambda body: body["spec"]["template"]["spec"]["containers"][0].get("env"),
        "spec.template",
    ),
    "replicas": Fight(
        DEPLOYMENTS, {"spec": {"replicas": 2}}, lambda body: body["spec"]["replicas"] == 2, "spec.replicas"
    ),
    "labels": Fight(
        SERVICES,
        {"metadata": {"labels": {"app.kubernetes.io/name": "other"}}},
        lambda body: body["metadata"]["labels"]["app.kubernetes.io/name"] == "other",
        "metadata.labels",
    ),
    "budget": Fight(
        BUDGETS,
        {"spec": {"maxUnavailable": 2}},
        lambda body: body["spec"]["maxUnavailable"] == 2,
        "spec.maxUnavailable",
    ),
    "data": Fight(
        CONFIG_MAPS,
        {"data": {"revision.json": "{}"}},
        lambda body: body["data"]["revision.json"] == "{}",
        "data",
    ),
}
SHORT = ("template",)


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Deployed:
    return Deployed(rig.kube, namespace).serve(LINEAR)


@pytest.mark.parametrize(
    "name", [name if name in SHORT else pytest.param(name, marks=pytest.mark.slow) for name in FIGHTS]
)
def test_a_fight_over_a_field(rig: Rig, iris: Deployed, figure: Figure, name: str) -> None:
    fight = FIGHTS[name]
    # An edit begins to count anew: that the copy was completed when it was cleared has counted as one.
    iris.edit(revisionHistoryLimit=iris.body()["spec"]["revisionHistoryLimit"] + 1)
    revision = iris.ready(LINEAR)["status"]["serving"]["revision"]
    target = iris.name if fight.kind in (SERVICES, BUDGETS) else revision
    known, mark = {e["metadata"]["uid"] for e in _conflicts(rig, iris)}, rig.audit.mark()

    def given_up() -> Json | None:
        """Take the field again whenever it has been put back, until somebody says something."""
        if not fight.has(rig.kube.get(fight.kind, iris.namespace, target)):
            rig.kube.apply(fight.kind, iris.namespace, target, fight.wants, manager=FIGHTER)
        new = (e for e in _conflicts(rig, iris) if e["metadata"]["uid"] not in known)
        return next(new, None)

    event = until(given_up, within=60, what="an Event RepairConflict", now=lambda: _conflicts(rig, iris))
    assert event["type"] == "Warning"
    assert event["regarding"]["name"] == iris.name
    assert f"{fight.field} of {fight.kind.kind} {target} " in event["note"], event["note"]
    assert f"field manager {FIGHTER}" in event["note"], event["note"]
    tally = rig.audit.settled(mark, iris.namespace, quiet=10)
    assert fight.has(rig.kube.get(fight.kind, iris.namespace, target)), "it goes on"
    mine = [
        r
        for r in tally.requests
        if r.is_write and (r.resource.partition("/")[0], r.name) == (fight.kind.plural, target)
    ]
    # What is refused because the object has just changed puts nothing back.
    assert sum(r.code < HTTPStatus.MULTIPLE_CHOICES for r in mine) == REPAIRS, tally
    iris.ready(LINEAR)
    figure(f"{event['note']} ({len(mine)} writes)")


def _conflicts(rig: Rig, iris: Deployed) -> list[Json]:
    return [e for e in rig.kube.list(EVENTS, iris.namespace) if e["reason"] == "RepairConflict"]
