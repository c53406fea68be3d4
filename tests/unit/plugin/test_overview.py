"""`status`, for people and for scripts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kubectl_pintle import events, overview
from kubectl_pintle.overview import Overview
from kubectl_pintle.text import clock
from tests.support.plugin_states import load
from tests.unit.plugin.captured import State, state


def _overview(shown: State) -> Overview:
    return Overview(shown.deployment, shown.pods, shown.events)


def _text(name: str) -> str:
    shown = state(name)
    return "\n".join(overview.lines(_overview(shown), shown.now))


def test_what_serves_and_what_stands_by() -> None:
    shown = state("standby")
    serving, standby = shown.deployment.serving, shown.deployment.standby
    assert serving is not None
    assert standby is not None
    now = (serving.time or shown.now) + timedelta(seconds=75)
    lines = overview.lines(_overview(shown), now)
    assert lines[0] == f"{shown.deployment.full} is Ready: iris version 2 serves with 2 of 2 pods"
    assert lines[1:5] == [
        "",
        "wanted     version 2 of iris, from registry mlflow",
        f"serving    version 2 ({serving.hash}) since {clock(serving.time)} UTC (1m15s), 2 of 2 pods ready",
        f"standby    version 1 ({standby.hash}) until {clock(standby.time)} UTC (58m45s), 2 pods ready",
    ]


def test_a_candidate_and_how_far_it_is() -> None:
    text = _text("proving")
    assert text.startswith(state("proving").deployment.full + " is not Ready (Proving): iris version 2: ")
    line = next(line for line in text.splitlines() if line.startswith("candidate"))
    assert ": Proving for " in line
    assert ", 0 of 2 pods ready; refused at " in line
    assert line.endswith(") unless it is ready")


def test_a_failing_pod_in_its_own_words() -> None:
    text = _text("failing")
    table, _, below = text.partition("SAYS")[2].partition("\n\n")
    assert " candidate " in table
    assert ": serve: " in below
    assert "ended with code 15: ProofFailed: prediction[0] is NaN" in below


def test_what_was_rejected_and_by_what() -> None:
    text = _text("proof-failed")
    assert "ago, ProofFailed: iris version 4: prediction[0] is NaN" in text
    assert "rejecting  version/2, by the annotation pintle.dev/reject-revision" in _text("rejected")


def test_events_are_those_of_the_object_and_its_pods() -> None:
    shown = state("rejected")
    assert 0 < len(shown.events) <= 8
    assert {e.about.partition("/")[0] for e in shown.events} <= {"ModelDeployment", "Pod"}
    assert [e.time for e in shown.events] == sorted(e.time for e in shown.events if e.time)
    assert any(e.reason == "RejectedByUser" for e in shown.events)


def test_events_of_other_pods_are_not_shown() -> None:
    content = load("failing")
    names = [pod["metadata"]["name"] for pod in content["pods"]]
    uid = content["deployment"]["metadata"]["uid"]
    none, some = (events.parse(content["events"], about=uid, pods=pods) for pods in ((), names))
    assert {e.about.partition("/")[0] for e in none} == {"ModelDeployment"}
    assert "Pod" in {e.about.partition("/")[0] for e in some}


def test_events_of_a_former_object_of_the_same_name_are_not_shown() -> None:
    content = load("rejected")
    uid = content["deployment"]["metadata"]["uid"]
    mine = [e for e in content["events"] if e["involvedObject"].get("uid") == uid]
    assert events.parse(mine, about=uid, pods=())
    assert events.parse(mine, about="another", pods=()) == ()
    unnamed = [{**e, "involvedObject": {**e["involvedObject"], "uid": ""}} for e in mine]
    assert events.parse(unnamed, about=uid, pods=()), "of whoever does not say which object is meant"


def test_what_cannot_be_read_is_said() -> None:
    shown = state("standby")
    text = overview.lines(Overview(shown.deployment, unread=("pods is forbidden",)), shown.now)
    assert text[-1] == "(not shown: pods is forbidden)"


def test_what_holds_and_what_lacks_is_said() -> None:
    suspended = Overview(state("standby").having(suspend=True))
    assert any(line.startswith("suspended") for line in overview.lines(suspended, state("standby").now))
    nothing = Overview(state("standby").without("serving", "conditions"))
    lines = overview.lines(nothing, state("standby").now)
    assert "is not Ready (NotSeenYet): the operator has not seen this change yet" in lines[0]
    assert "serving    nothing" in lines


def test_many() -> None:
    shown = [state("standby").deployment, state("proof-failed").deployment]
    lines = overview.list_lines(shown, state("proof-failed").now, namespaces=True)
    assert lines[0].split()[:5] == ["NAMESPACE", "NAME", "MODEL", "WANTED", "SERVING"]
    assert lines[1].split()[1:8] == ["iris", "iris", "2", "2", "yes", "2/2", "Serving"]
    assert lines[2].split()[1:8] == ["iris", "iris", "4", "2", "no", "2/2", "ProofFailed"]
    assert lines[4].startswith(f"{shown[1].full}: iris version 4: prediction[0] is NaN")
    unseen = replace(shown[0], generation=99)
    told = overview.list_lines([unseen], state("standby").now, namespaces=False)
    assert told[1].split()[4:7] == ["no", "2/2", "NotSeenYet"]
    alone = overview.list_lines(shown[:1], state("standby").now, namespaces=False)
    assert alone[0].split()[0] == "NAME"
    assert len(alone) == 2


@pytest.mark.parametrize(("name", "ready"), [("standby", True), ("proof-failed", False), ("rejected", False)])
def test_for_scripts(name: str, *, ready: bool) -> None:
    shown = state(name)
    data = overview.data(_overview(shown))
    assert data["ready"] is ready
    assert data["available"] is (shown.deployment.conditions["Available"].status == "True")
    assert data["reason"] == shown.deployment.ready.reason
    assert data["serving"]["version"] == (shown.deployment.serving and shown.deployment.serving.version)
    assert {p["role"] for p in data["pods"]} >= {"serving", "standby"}
    assert [s["name"] for s in data["pods"][0]["steps"]] == ["fetch", "install", "serve"]
