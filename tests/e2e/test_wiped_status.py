"""`status` wiped in each state: the next pass writes it again, and only history is lost."""

from typing import Any

import pytest

from pintle.domain.resources import MODEL_DEPLOYMENTS
from pintle.naming import ANNOTATION_REJECT
from pintle.status import without_counts
from tests.e2e.conftest import Figure
from tests.support.deployed import Deployed, condition
from tests.support.kube import path
from tests.support.rest import Json
from tests.support.rig import BOOSTED, LINEAR, NAMES, NAN, Rig
from tests.support.waiting import until

# What a status remembers and nothing else does: when something was first seen.
REMEMBERED = {"lastTransitionTime", "startedTime", "time", "history"}
NO_ROOM = {"requests": {"cpu": "1000", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}
# Two for each state, and what the edits themselves are worth.
ENOUGH_WRITES = 40


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Deployed:
    """Version 2 serves, and version 1 stands by."""
    return Deployed(rig.kube, namespace).serve(LINEAR, BOOSTED)


@pytest.mark.slow
def test_wiped_in_every_state(rig: Rig, iris: Deployed, figure: Figure) -> None:
    mark = rig.audit.mark()
    states: list[str] = []
    with iris.untouched():
        states.append(_wipe(rig, iris, "Serving"))
        iris.edit(version=int(NAN))
        states.append(_wipe(rig, iris, "ProofFailed"))
        iris.edit(version=99)
        states.append(_wipe(rig, iris, "VersionNotFound"))
        iris.edit(suspend=True, version=int(NAMES))
        states.append(_wipe(rig, iris, "Suspended"))
        iris.edit(suspend=None, resources=NO_ROOM)
        states.append(_wipe(rig, iris, "Starting"))
        iris.edit(version=int(BOOSTED), resources=None)
        iris.ready(BOOSTED, within=30)
        iris.annotate(annotations={ANNOTATION_REJECT: f"version/{BOOSTED}"})
        states.append(_wipe(rig, iris, "RejectedByUser"))
        iris.annotate(annotations={ANNOTATION_REJECT: None})
        iris.ready(BOOSTED, within=30)
        tally = rig.audit.settled(mark, iris.namespace)
    writes = sum(r.is_write and r.resource == "modeldeployments/status" for r in tally.requests)
    assert writes <= ENOUGH_WRITES, tally
    figure(f"written again in {', '.join(states)}; {writes} writes of status in all")


def _wipe(rig: Rig, iris: Deployed, reason: str) -> str:
    """Lose the status of a state, and see that the same is written again; the reason."""
    if reason != "Serving":
        iris.refused(reason)
    if reason == "Starting":
        until(
            lambda: "waiting for room" in condition(iris.body(), "Ready")["message"],
            within=60,
            what="the candidate waits for room",
        )
    before = iris.body()["status"]
    wiped: Any = [{"op": "replace", "path": "/status", "value": {"observedGeneration": -1}}]
    where = f"{path(MODEL_DEPLOYMENTS, iris.namespace, iris.name)}/status"
    headers = {"Content-Type": "application/json-patch+json"}
    status, answer = rig.kube.rest.request("PATCH", where, wiped, headers=headers)
    assert status == 200, answer
    assert "conditions" not in answer["status"], "it is not lost"
    wanted = _derived(before)
    until(
        lambda: _derived(iris.body()["status"]) == wanted,
        within=15,
        what=f"the status of {reason} is written again: {wanted}",
        now=lambda: _derived(iris.body()["status"]),
    )
    assert len(iris.body()["status"].get("history", ())) <= len(before.get("history", ()))
    return reason


def _derived(status: Json) -> Any:  # noqa: ANN401 - JSON
    """A status but for counts, and for what it remembers."""
    shown = without_counts(status)
    if candidate := shown.get("candidate"):
        shown["candidate"] = {k: v for k, v in candidate.items() if k != "since"}
    return _without(shown)


def _without(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {k: _without(v) for k, v in value.items() if k not in REMEMBERED}
    return [_without(item) for item in value] if isinstance(value, list) else value
