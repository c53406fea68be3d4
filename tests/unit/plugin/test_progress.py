"""What waiting makes of each state, and how long a change took."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
import yaml

from kubectl_pintle import deployment, progress
from kubectl_pintle.deployment import ModelDeployment
from kubectl_pintle.names import FIELD_MANAGER, Json
from kubectl_pintle.progress import Outcome, Took
from tests.support.gitops.states import STATES
from tests.support.gitops.testdata import path_of
from tests.support.plugin_states import load
from tests.unit.plugin.captured import state

# Real objects in every state that there is, and what `wait` makes of each.
ENDS = {
    "created": Outcome.GOES_ON,
    "starting": Outcome.GOES_ON,
    "serving": Outcome.DONE,
    "changed": Outcome.GOES_ON,
    "candidate-starting": Outcome.GOES_ON,
    "proving": Outcome.GOES_ON,
    "candidate-degraded": Outcome.GOES_ON,
    "degraded": Outcome.GOES_ON,
    "registry-unavailable": Outcome.GOES_ON,
    "insufficient-capacity": Outcome.GOES_ON,
    "image-pull-failed": Outcome.GOES_ON,
    "proof-failed": Outcome.FAILED,
    "first-proof-failed": Outcome.FAILED,
    "version-not-found": Outcome.FAILED,
    "registry-not-found": Outcome.FAILED,
    "rejected-by-user": Outcome.FAILED,
    "suspended": Outcome.FAILED,
    "suspended-serving": Outcome.DONE,
    "scaled-to-zero": Outcome.FAILED,
    "scaled-to-zero-serving": Outcome.DONE,
    "terminating": Outcome.FAILED,
    "canary": Outcome.GOES_ON,
    "awaiting-promotion": Outcome.FAILED,  # nothing goes on until somebody says so, and the words say how
    "promoted": Outcome.DONE,
    "rejected-in-canary": Outcome.FAILED,
    "gateway-not-found": Outcome.FAILED,
}


def test_every_state_is_judged() -> None:
    assert set(ENDS) == set(STATES)


@pytest.mark.parametrize(("name", "outcome"), ENDS.items())
def test_waiting(name: str, outcome: Outcome) -> None:
    read = deployment.parse(yaml.safe_load(path_of("ModelDeployment", name).read_text()))
    verdict = progress.ready(read)
    assert verdict.outcome is outcome
    assert read.is_ready is (outcome is Outcome.DONE)
    expected = {"created": "has not seen", "changed": "has not seen", "terminating": "being deleted"}
    assert expected.get(name, read.ready.message) in verdict.words


def test_what_is_rejected_is_out_when_the_status_says_so() -> None:
    rejected = state("rejected").deployment
    assert progress.taken_out(rejected.rejecting)(rejected).outcome is Outcome.DONE
    # Before: what serves is what the annotation means, and the status does not know of it.
    serving = state("reshaped").deployment
    verdict = progress.taken_out(rejected.rejecting)(serving)
    assert verdict.outcome is Outcome.GOES_ON
    assert verdict.words == "version 2 serves still"
    # The status tells of another rejection, by the same reason.
    assert progress.taken_out("version/9")(rejected).outcome is Outcome.GOES_ON
    assert progress.taken_out(rejected.serving.hash if rejected.serving else "")(rejected).outcome is (
        Outcome.GOES_ON
    )


def test_when_the_plugin_wrote() -> None:
    tools = load("managers")
    assert progress.written(tools["edited"]) is None
    assert progress.written(tools["plugin"]) is not None


def test_how_long_it_took() -> None:
    """From version 1, with version 2 on its way, to version 2; the plugin's write is put in."""
    before, after = state("proving").deployment, state("standby").deployment
    told = max(_time(f) for f in after.body["metadata"]["managedFields"] if f.get("subresource") == "status")
    began = after.history[0].started
    assert began is not None
    edited = _written(before, began)
    assert progress.took(edited, after) == Took((told - began).total_seconds(), after.history[0].seconds)
    assert progress.took(before, after) == Took(None, after.history[0].seconds), "nobody tracked the edit"
    assert progress.took(_written(after, told), after) == Took(0.0, None), "the traffic did not move"
    assert progress.took(_written(after, told + timedelta(seconds=1)), after) == Took(), "the status is older"


@pytest.mark.parametrize(("late", "told"), [(2, True), (3, False)])
def test_what_began_before_is_not_measured_from_the_edit(late: int, *, told: bool) -> None:
    """A canary that is promoted began with another edit. Two clocks tell the times, in whole seconds."""
    before, after = state("proving").deployment, state("standby").deployment
    newest = after.history[0]
    assert newest.started is not None
    edited = _written(before, newest.started + timedelta(seconds=late))
    assert progress.took(edited, after).moved == (newest.seconds if told else None)


def test_how_long_it_took_where_the_same_revision_took_the_traffic_twice_within_a_second() -> None:
    after = state("standby").deployment
    newest, *older = after.body["status"]["history"]
    moved = {**newest, "durationSeconds": newest["durationSeconds"] + 0.5}
    edited = _having(after, [{**older[0], "promotedTime": newest["promotedTime"]}, newest, *older])
    back = _having(after, [moved, *edited.body["status"]["history"]])
    assert progress.took(edited, back).moved == moved["durationSeconds"]
    assert progress.took(back, back).moved is None, "the control: nothing moved"


def test_how_long_it_took_where_two_moves_look_the_same() -> None:
    """Between two revisions whose pods run, several times in a second, each in as many milliseconds."""
    shown = state("standby").deployment
    newest, oldest = shown.body["status"]["history"]
    there = {**newest, "startedTime": newest["promotedTime"], "durationSeconds": 0.0}
    back = {**there, "revision": oldest["revision"], "version": oldest["version"]}
    edited = _having(shown, [back, there, back, there, oldest])
    assert progress.took(edited, _having(shown, [there, *edited.body["status"]["history"]])).moved == 0.0
    assert progress.took(edited, edited).moved is None, "the control: nothing moved"


def test_how_long_it_took_where_the_oldest_is_told_of_no_more() -> None:
    """Ten are kept; what came in front pushed out one that looked the same."""
    shown = state("standby").deployment
    newest, oldest = shown.body["status"]["history"]
    others = [{**oldest, "durationSeconds": float(n)} for n in range(9)]
    edited = _having(shown, [*others, newest])
    after = _having(shown, [newest, *others])
    assert progress.took(edited, after).moved == newest["durationSeconds"]


def test_how_long_it_took_where_the_outcome_of_the_one_before_changed() -> None:
    shown = state("standby").deployment
    newest, oldest = shown.body["status"]["history"]
    edited = _having(shown, [{**oldest, "outcome": "Serving"}])
    assert progress.took(edited, shown).moved == newest["durationSeconds"]
    assert progress.took(_having(shown, []), shown).moved == newest["durationSeconds"], "there was none"


def _having(shown: ModelDeployment, history: list[Json]) -> ModelDeployment:
    return deployment.parse({**shown.body, "status": {**shown.body["status"], "history": history}})


def _written(shown: ModelDeployment, time: datetime) -> ModelDeployment:
    """An object that the plugin wrote then."""
    entry = {"manager": FIELD_MANAGER, "operation": "Update", "time": time.isoformat()}
    metadata = shown.body["metadata"]
    managed = [*metadata["managedFields"], entry]
    return deployment.parse({**shown.body, "metadata": {**metadata, "managedFields": managed}})


def _time(entry: Mapping[str, str]) -> datetime:
    return datetime.fromisoformat(entry["time"])


def test_how_long_it_took_in_words() -> None:
    words = Took(0.0, 0.0213).in_words()
    assert words.startswith("took less than a second by the API server's time stamps")
    assert words.endswith("; the traffic moved 0.021s after the operator saw the edit")
    assert Took(34.0).in_words().startswith("took 34s by ")
    assert Took().in_words() == ""


@pytest.mark.parametrize("behind", ["status", "condition"])
def test_a_status_of_another_generation_is_no_answer(behind: str) -> None:
    body = state("standby").deployment.body
    status = body["status"]
    old = {
        "status": {**status, "observedGeneration": 1},
        "condition": {
            **status,
            "conditions": [{**c, "observedGeneration": 1} for c in status["conditions"]],
        },
    }
    assert deployment.parse(body).is_ready
    read = deployment.parse({**body, "status": old[behind]})
    assert (read.is_ready, read.reason) == (False, "NotSeenYet")
