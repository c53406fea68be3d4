"""The log of transitions, and the Events that carry the same."""

import io
import json
from typing import Any

import orjson

from pintle.domain.resources import PODS
from pintle.errors import Unavailable
from pintle.naming import ANNOTATION_REJECT, ANNOTATION_TRANSITION
from tests.support.fake_cluster import Fault
from tests.support.fake_pods import Failure, Fate, Stage
from tests.support.log_stream import stream
from tests.support.world import KEY, NAME, NAMESPACE, World, rolled

__all__ = ["stream"]

MEMBERS = [
    "time",
    "level",
    "logger",
    "message",
    "key",
    "namespace",
    "name",
    "generation",
    "reason",
    "from",
    "to",
    "version",
    "revision",
    "runId",
    "alias",
    "cause",
]


def transitions(stream: io.StringIO) -> list[dict[str, Any]]:
    lines = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in lines if line["logger"] == "pintle.transitions"]


def carried(world: World) -> list[dict[str, Any]]:
    """What the Events of transitions carry."""
    told = [e.annotations[ANNOTATION_TRANSITION] for e in world.recorder.events if e.annotations]
    return [json.loads(text) for text in told]


def explain(world: World, words: str | None) -> None:
    world.annotate(**{"kubernetes.io__change-cause": words})


def test_one_line_for_each_transition(stream: io.StringIO) -> None:
    world = World()
    world.apply(version=1, replicas=2)
    world.run(20)
    explain(world, "a better model (#12)")
    world.apply(version=2)
    world.run(20)
    found = transitions(stream)
    assert all(list(line) == MEMBERS for line in found)
    assert {(line["namespace"], line["name"]) for line in found} == {(NAMESPACE, NAME)}
    others = [line for line in map(orjson.loads, stream.getvalue().splitlines()) if line not in found]
    assert {line["key"] for line in (*found, *others)} == {f"{NAMESPACE}/{NAME}"}, "as every other line"
    assert others
    one, two = world.revision("1"), world.revision("2")
    assert [(t["reason"], t["from"], t["to"], t["version"], t["revision"]) for t in found] == [
        ("Starting", None, "Starting", "1", one),
        ("Proving", "Starting", "Proving", "1", one),
        ("Promoted", None, one, "1", one),
        ("Serving", "Proving", "Serving", "1", one),
        ("Starting", "Serving", "Starting", "2", two),
        ("Proving", "Starting", "Proving", "2", two),
        ("Promoted", one, two, "2", two),
        ("Serving", "Proving", "Serving", "2", two),
    ]
    assert [t["runId"] for t in found] == ["run-1"] * 4 + ["run-2"] * 4
    assert [t["generation"] for t in found] == [1] * 4 + [2] * 4
    assert [t["cause"] for t in found if t["reason"] in ("Starting", "Promoted")] == [
        "version 1 was declared",
        "version 1 was declared",
        "a better model (#12)",
        "a better model (#12)",
    ]
    promoted = [t for t in found if t["reason"] == "Promoted"]
    assert [t["time"][:19] + "Z" for t in promoted] == [
        e["promotedTime"] for e in reversed(world.status["history"])
    ]


def test_events_carry_the_same(stream: io.StringIO) -> None:
    world = World()
    world.fate("2", Fate(failure=Failure("serve", 15, "ProofFailed", "prediction[0] is NaN")))
    world.apply(version=1, replicas=2)
    world.run(20)
    world.apply(version=2)
    world.run(20)
    found = transitions(stream)
    kept = [{k: v for k, v in t.items() if k not in ("level", "logger", "message", "key")} for t in found]
    assert carried(world) == kept
    assert [e.message for e in world.recorder.events if e.annotations] == [t["message"] for t in found]
    failed = kept[-1]
    assert (failed["reason"], failed["from"]) == ("ProofFailed", "Starting")
    assert (failed["version"], failed["revision"]) == ("2", world.revision("2"))
    assert failed["runId"] == "run-2"
    assert failed["cause"] == "version 2 was declared"


def test_what_happens_to_what_serves_is_nobodys_doing(stream: io.StringIO) -> None:
    world = World()
    world.apply(version=1, replicas=1)
    world.run(20)
    world.fate("1", Fate(until=Stage.SERVING))
    for pod in world.api.objects(PODS):
        world.controllers.kubelet.unready(NAMESPACE, pod["metadata"]["name"])
    world.run(10)
    last = transitions(stream)[-1]
    assert (last["reason"], last["from"], last["revision"]) == ("Degraded", "Serving", world.revision("1"))
    assert last["cause"] is None


def test_what_is_not_known_is_null(stream: io.StringIO) -> None:
    world = World()
    world.apply(version=9)
    world.run(20)
    last = transitions(stream)[-1]
    assert (last["reason"], last["version"]) == ("VersionNotFound", "9")
    assert [last[member] for member in ("revision", "runId", "alias", "cause")] == [None] * 4


def test_a_revision_is_refused_once_however_often_it_is_declared() -> None:
    world = World()
    world.fate("2", Fate(failure=Failure("serve", 15, "ProofFailed", "prediction[0] is NaN")))
    for version in (1, 2, 1, 2, 1, 2):
        world.apply(version=version, replicas=2)
        world.run(20)
    assert world.condition()["reason"] == "ProofFailed"
    assert world.recorder.counted == ["promoted", "rejected"]
    world.annotate(**{ANNOTATION_REJECT: "version/1"})
    world.apply(version=1)
    world.run(20)
    assert world.condition()["reason"] == "RejectedByUser"
    assert world.recorder.counted == ["promoted", "rejected", "rejected"]


def test_nothing_is_told_before_it_is_written(stream: io.StringIO) -> None:
    """A status that could not be written is decided anew, and told once."""
    world = World()
    for ordinal in (1, 2, 3):
        trouble = Unavailable("overloaded", status=503)
        world.cluster.faults.append(Fault("patch", "modeldeployments/status", "", ordinal, error=trouble))
    world.apply(version=1, replicas=2)
    world.run(20)
    reasons = [t["reason"] for t in transitions(stream)]
    assert reasons[-2:] == ["Promoted", "Serving"]
    assert len(reasons) == len(set(reasons))


def test_what_is_written_is_told_though_the_answer_is_lost(stream: io.StringIO) -> None:
    world = rolled()
    before = len(transitions(stream))
    lost = Fault(
        "patch", "modeldeployments/status", "", 1, error=Unavailable("timed out", status=0), committed=True
    )
    world.cluster.faults.append(lost)
    world.apply(version=1)
    world.run(20)
    assert lost.seen
    told = transitions(stream)[before:]
    assert [t["reason"] for t in told] == ["Promoted"], "what serves has changed, and that it serves has not"
    assert told[0]["to"] == world.revision("1")
    assert carried(world)[-1]["to"] == world.revision("1")


def test_whoever_goes_by_the_status_is_told_of_each_that_is_written() -> None:
    """The watch's event of an own write is no news to the cache, and wakes nobody."""
    world = World()
    world.fate("2", Fate(failure=Failure("serve", 15, "ProofFailed", "prediction[0] is NaN")))
    world.apply(version=1, replicas=2)
    world.run(20)
    world.apply(version=2)
    world.run(20)
    written = world.cluster.writes()["patch", "modeldeployments/status"]
    assert world.operator.said == [KEY] * written
    world.run(3000)
    assert len(world.operator.said) == world.cluster.writes()["patch", "modeldeployments/status"]


def test_at_rest_nothing_is_told(stream: io.StringIO) -> None:
    world = World()
    world.apply(version=1, replicas=2)
    world.run(20)
    before = transitions(stream)
    world.run(700)
    world.start_operator()
    world.run(700)
    assert transitions(stream) == before
