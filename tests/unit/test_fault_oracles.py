"""The fault kit's oracles: each sees what it is there to see, and nothing where all is as it should be."""

from collections.abc import Iterator
from typing import Any

import pytest

from pintle.domain import Resource
from pintle.domain.resources import CONTROLLER_REVISIONS, DEPLOYMENTS, MODEL_DEPLOYMENTS, PODS, SERVICES
from pintle.naming import ANNOTATION_CLEARED, LABEL_REVISION, LABEL_VERSION
from tests.support.faults.oracles import broken_promises, difference, made_and_gone
from tests.support.faults.points import Point, points_of
from tests.support.faults.rules import Effect, Rule, Target
from tests.support.witness import Seen, Subject

SUBJECT = Subject("ml", "p0001")
V1, V2 = "p0001-v1-0123abcd", "p0001-v2-4567cdef"


class History:
    """Changes, one after the other."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def tell(self, resource: Resource, name: str, kind: str = "MODIFIED", **body: Any) -> "History":  # noqa: ANN401 - JSON
        metadata = {"name": name, "namespace": "ml", "uid": f"uid of {name}"} | body.pop("metadata", {})
        self.seen.append(Seen(len(self.seen), 0.0, kind, resource, {"metadata": metadata, **body}))
        return self

    def record(self, name: str, *, cleared: bool = True) -> "History":
        annotations = {ANNOTATION_CLEARED: "{}"} if cleared else {}
        return self.tell(CONTROLLER_REVISIONS, name, metadata={"annotations": annotations})

    def service(self, name: str) -> "History":
        return self.tell(SERVICES, "p0001", spec={"selector": {LABEL_REVISION: name}})

    def deployment(self, name: str, replicas: int, kind: str = "MODIFIED") -> "History":
        owners = [{"uid": "uid of p0001"}]
        return self.tell(
            DEPLOYMENTS, name, kind, metadata={"ownerReferences": owners}, spec={"replicas": replicas}
        )

    def declared(
        self,
        version: str,
        serving: str,
        *told: tuple[str, str],
        generation: int = 1,
        observed: int = 1,
    ) -> "History":
        """`told` is the status's own history: revisions, and how each ended."""
        ready = {"type": "Ready", "status": "True", "observedGeneration": observed}
        shown = {"revision": serving, "version": serving.split("-")[1].removeprefix("v")}
        entries = [{"revision": name, "promotedTime": "a time", "outcome": outcome} for name, outcome in told]
        return self.tell(
            MODEL_DEPLOYMENTS,
            "p0001",
            metadata={"generation": generation},
            spec={"version": version, "replicas": 2},
            status={"conditions": [ready], "serving": shown, "history": entries},
        )


def good() -> History:
    """A first version that serves."""
    return History().record(V1).deployment(V1, 2).service(V1).declared("1", V1)


def broken(history: History) -> list[str]:
    return list(broken_promises(history.seen))


def test_a_history_as_it_should_be() -> None:
    told = ((V2, "Serving"), (V1, "Replaced"))
    history = good().record(V2).deployment(V2, 2).service(V2).declared("2", V2, *told).deployment(V1, 0)
    assert broken(history) == []


def wrong() -> Iterator[tuple[str, History]]:
    yield "goes from 2 to 0 pods", good().deployment(V1, 0)
    yield "goes from 2 to 1 pods", good().deployment(V1, 1)
    yield "(DELETED)", good().deployment(V1, 2, "DELETED")
    yield "which is not cleared", good().record(V2, cleared=False).service(V2)
    yield "Ready while 1 serves, not 2", good().declared("2", V1)
    yield f"Ready while the Service selects {V1}", good().declared("2", V2)
    last = f"{V1} serves, and the history says that {V2} was the last"
    yield last, good().declared("1", V1, (V2, "Serving"), (V1, "Replaced"))
    yield last, good().declared("1", V1, (V2, "Replaced"), (V1, "Serving"))
    yield "and that [] serve", good().declared("1", V1, (V1, "Replaced"))


@pytest.mark.parametrize(("what", "history"), wrong(), ids=lambda v: v if isinstance(v, str) else "")
def test_a_promise_that_is_broken_is_seen(what: str, history: History) -> None:
    (found,) = broken(history)
    assert what in found


def test_a_status_of_the_generation_before_is_no_lie() -> None:
    assert broken(good().declared("2", V1, generation=2, observed=1)) == []


def test_objects_that_are_made_twice_are_counted() -> None:
    pod = {"metadata": {"labels": {LABEL_VERSION: "1"}}}
    once = History().tell(PODS, "a", "ADDED", **pod)
    twice = (
        History()
        .tell(PODS, "a", "ADDED", **pod)
        .tell(PODS, "a", "DELETED", **pod)
        .tell(PODS, "b", "ADDED", **pod)
    )
    assert made_and_gone(once.seen, SUBJECT) == {"ADDED Pod v1": 1}
    assert made_and_gone(twice.seen, SUBJECT) == {"ADDED Pod v1": 2, "DELETED Pod v1": 1}


def test_a_difference_is_named_by_its_place() -> None:
    assert difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}], "c": None}) == ["/a/1/b: 2, not 3"]
    assert difference({"a": [1]}, {"a": [1, 2]}) == ["/a: [1], not [1, 2]"]


def test_points_are_told_apart_by_kind_and_name() -> None:
    targets = [
        Target("create", "configmaps", "ml", V1),
        Target("patch", "pods", "ml", f"{V1}-7d9f8c6b5d-x2x4z"),
        Target("patch", "pods", "ml", f"{V1}-7d9f8c6b5d-q8q9q"),
        Target("create", "events", "ml", "p0001.0123456789abcdef"),
    ]
    assert points_of(targets, SUBJECT) == (
        Point("create", "configmaps", "NAME-v1-????????", 1),
        Point("patch", "pods", "NAME-v1-????????-*", 1),
        Point("patch", "pods", "NAME-v1-????????-*", 2),
        Point("create", "events", "NAME.*", 1),
    )


def test_a_rule_means_the_requests_of_its_point_for_another_subject() -> None:
    (point,) = points_of([Target("patch", "pods", "ml", f"{V1}-7d9f8c6b5d-x2x4z")], SUBJECT)
    rule = point.rule(Effect.LOST, Subject("other", "p0002"))
    assert rule == Rule("patch", "pods", Effect.LOST, "p0002-v1-????????-*", "other", 1)
    assert rule.means(Target("patch", "pods", "other", "p0002-v1-89abcdef-5c6d7f-abcde"))
    assert not rule.means(Target("patch", "pods", "other", "p0002-v2-89abcdef-5c6d7f-abcde"))
    assert not rule.means(Target("patch", "pods", "ml", "p0002-v1-89abcdef-5c6d7f-abcde"))
