"""The HTTPRoute: what is written reads back as what was meant, whatever stood there before."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pintle import routeview, trafficview
from pintle.desired import route
from pintle.domain import Patch, Route
from tests.support.builders import NOW, ago, deployment, record
from tests.support.patches import merge

GATEWAY = {"parentRefs": [{"name": "public", "namespace": "edge", "sectionName": "web"}]}
IRIS = deployment(gateway=GATEWAY | {"hostnames": ["iris.example.com"]})
V3 = record("3")


Body = dict[str, Any]


def stored(body: Any, **status: Any) -> Body:  # noqa: ANN401 - JSON
    whole: Body = merge(
        dict(body), {"metadata": {"uid": "u", "resourceVersion": "7", "generation": 2}, **status}
    )
    return whole


AT_REST = stored(route.create(IRIS, NOW).body)


def after(body: dict[str, Any], patch: Patch | None) -> dict[str, Any]:
    assert patch is not None
    assert not isinstance(patch.body, tuple)
    patched: Body = merge(body, dict(patch.body))
    return patched


def seen(body: dict[str, Any]) -> Route:
    return routeview.route(body)


def test_at_rest_everything_goes_to_what_serves() -> None:
    assert AT_REST["spec"] == {
        "parentRefs": [
            {
                "group": "gateway.networking.k8s.io",
                "kind": "Gateway",
                "name": "public",
                "namespace": "edge",
                "sectionName": "web",
            }
        ],
        "hostnames": ["iris.example.com"],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"group": "", "kind": "Service", "name": "iris", "port": 80, "weight": 100}],
            }
        ],
    }
    at_rest = seen(AT_REST)
    assert (at_rest.revision, at_rest.weight, at_rest.since) == ("", 0, NOW)
    assert at_rest.sends == {"iris": 100}
    assert AT_REST["metadata"]["ownerReferences"][0]["name"] == "iris"


def test_without_hostnames_the_field_is_left_out() -> None:
    assert "hostnames" not in route.create(deployment(gateway=GATEWAY), NOW).body["spec"]


@given(st.integers(1, 100))
def test_a_share_reads_back_and_all_shares_are_a_hundred(weight: int) -> None:
    divided = after(AT_REST, route.divide(IRIS, seen(AT_REST), V3.name, weight))
    canary = seen(divided)
    assert (canary.revision, canary.weight, canary.since) == (V3.name, weight, None)
    assert canary.sends == {"iris": 100 - weight, V3.name: weight}
    assert sum(canary.sends.values()) == 100
    assert route.repair(IRIS, canary) is None
    held = seen(after(divided, route.hold(canary, NOW)))
    assert (held.revision, held.weight, held.since, held.sends) == (V3.name, weight, NOW, canary.sends)
    united = after(divided, route.unite(IRIS, held, NOW))
    assert united["spec"] == AT_REST["spec"]
    assert united["metadata"] == AT_REST["metadata"]


def test_every_write_is_refused_once_somebody_else_has_written() -> None:
    now = seen(AT_REST)
    canary = seen(after(AT_REST, route.divide(IRIS, now, V3.name, 10)))
    changed = seen(merge(AT_REST, {"spec": {"hostnames": ["x"]}}))
    for patch in (
        route.divide(IRIS, now, V3.name, 10),
        route.hold(canary, NOW),
        route.unite(IRIS, canary, NOW),
        route.repair(IRIS, changed),
    ):
        assert patch
        assert not isinstance(patch.body, tuple)
        assert patch.body["metadata"]["uid"] == "u"
        assert patch.body["metadata"]["resourceVersion"] == "7"


OTHERS = [{"backendRefs": [{"name": "other", "port": 80}]}]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"spec": {"rules": OTHERS}}, "spec.rules"),
        ({"spec": {"rules": []}}, "spec.rules"),
        ({"spec": {"hostnames": ["other.example.com"]}}, "spec.hostnames"),
        ({"spec": {"hostnames": None}}, "spec.hostnames"),
        ({"spec": {"parentRefs": [{"name": "other"}]}}, "spec.parentRefs"),
        ({"metadata": {"labels": {"app.kubernetes.io/managed-by": "helm"}}}, "metadata.labels"),
    ],
    ids=str,
)
@pytest.mark.parametrize("weight", [0, 30])
def test_what_is_changed_by_hand_is_put_back(change: dict[str, Any], path: str, weight: int) -> None:
    right = after(AT_REST, route.divide(IRIS, seen(AT_REST), V3.name, weight)) if weight else AT_REST
    wrong = merge(right, change)
    repair = route.repair(IRIS, seen(wrong))
    assert repair
    assert repair.repairs == (path,)
    assert after(wrong, repair) == right
    assert route.repair(IRIS, seen(wrong), frozenset({path})) is None, "what is contested is left alone"


def test_another_gateway_is_declared() -> None:
    moved = deployment(gateway={"parentRefs": [{"name": "inner"}]})
    body = after(AT_REST, route.repair(moved, seen(AT_REST)))
    assert body["spec"] == route.create(moved, NOW).body["spec"]


@pytest.mark.parametrize(
    "mark",
    [
        "",
        "{",
        "[]",
        "null",
        '{"revision": "x"}',
        '{"revision": "x", "weight": 101}',
        '{"revision": "x", "weight": true}',
        '{"revision": 1, "weight": 10}',
    ],
)
def test_a_mark_that_cannot_be_read_is_none_and_its_share_is_taken_back(mark: str) -> None:
    divided = after(AT_REST, route.divide(IRIS, seen(AT_REST), V3.name, 10))
    spoilt = merge(divided, {"metadata": {"annotations": {"pintle.dev/canary": mark}}})
    assert (seen(spoilt).revision, seen(spoilt).weight) == ("", 0)
    repair = route.repair(IRIS, seen(spoilt))
    assert seen(after(spoilt, repair)).sends == {"iris": 100}


def answer(*conditions: tuple[str, str, int], **ref: str) -> dict[str, Any]:
    """What a Gateway says: (type, status, observedGeneration)."""
    place = {"name": "public", "namespace": "edge", "sectionName": "web"} | ref
    shown = [
        {"type": kind, "status": status, "observedGeneration": generation, "message": f"{kind} is {status}"}
        for kind, status, generation in conditions
    ]
    return {"parentRef": place, "controllerName": "example.com/gateway", "conditions": shown}


ACCEPTED = ("Accepted", "True", 2)


@pytest.mark.parametrize(
    ("parents", "accepted", "refused"),
    [
        ([], False, ""),
        ([answer(ACCEPTED)], True, ""),
        ([answer(ACCEPTED, ("ResolvedRefs", "True", 2))], True, ""),
        ([answer(("Accepted", "True", 1))], False, ""),
        ([answer(("Accepted", "False", 1))], False, ""),
        ([answer(("Accepted", "Unknown", 2))], False, ""),
        ([answer(("Accepted", "False", 2))], False, "Gateway public: Accepted is False"),
        ([answer(ACCEPTED, ("ResolvedRefs", "False", 2))], False, "Gateway public: ResolvedRefs is False"),
        ([answer(ACCEPTED, ("ResolvedRefs", "False", 1))], True, ""),
        ([answer(("Accepted", "False", 2)), answer(ACCEPTED)], True, ""),
        ([answer(ACCEPTED, name="other")], False, ""),
        ([answer(ACCEPTED, namespace="ml")], False, ""),
        ([answer(ACCEPTED, sectionName="other")], False, ""),
    ],
)
def test_a_gateway_has_accepted_what_stands_there(
    parents: list[dict[str, Any]], accepted: bool, refused: str
) -> None:
    found = seen(stored(AT_REST, status={"parents": parents}))
    assert (found.accepted, found.refused) == (accepted, refused)


def test_all_gateways_have_to_accept() -> None:
    two = deployment(gateway={"parentRefs": [{"name": "a"}, {"name": "b"}]})
    body = stored(route.create(two, NOW).body)
    one = [{"parentRef": {"name": "a"}, "conditions": answer(ACCEPTED)["conditions"]}]
    both = [
        *one,
        {"parentRef": {"name": "b", "namespace": "ml"}, "conditions": answer(ACCEPTED)["conditions"]},
    ]
    assert not seen(merge(body, {"status": {"parents": one}})).accepted
    assert seen(merge(body, {"status": {"parents": both}})).accepted


def entrance_of(body: Any) -> tuple[dict[str, Any], Any]:  # noqa: ANN401 - JSON
    whole = stored(body)
    return whole, trafficview.entrance(whole, [])


def test_the_entrance_of_a_revision_leads_to_its_pods_alone() -> None:
    created = route.create_entrance(IRIS, V3)
    assert created.name == created.body["metadata"]["name"] == V3.name
    assert created.body["spec"]["selector"] == {
        "pintle.dev/deployment": "iris",
        "pintle.dev/revision": V3.name,
    }
    whole, entrance = entrance_of(created.body)
    assert route.repair_entrance(IRIS, V3, entrance) is None
    changes: tuple[Body, ...] = (
        {"spec": {"selector": {"app": "other"}}},
        {"spec": {"selector": {"pintle.dev/revision": "iris-v1-aaaaaaaa"}}},
        {"spec": {"ports": []}},
        {"metadata": {"labels": {"pintle.dev/deployment": "other"}}},
    )
    for change in changes:
        wrong = merge(whole, change)
        repair = route.repair_entrance(IRIS, V3, trafficview.entrance(wrong, []))
        assert after(wrong, repair) == whole, change


def test_the_parents_labels_stay_with_the_parent() -> None:
    parent = IRIS.model_copy(update={"labels": {"argocd.argoproj.io/instance": "x"}})
    assert "argocd" not in str(route.create(parent, NOW).body)
    assert "argocd" not in str(route.create_entrance(parent, V3).body)


def test_what_is_deleted_is_what_was_seen() -> None:
    gone = route.delete(IRIS, seen(AT_REST))
    assert (gone.name, gone.uid, gone.resource_version) == ("iris", "u", "7")
    _, entrance = entrance_of(route.create_entrance(IRIS, V3).body)
    assert route.delete_entrance(entrance).name == V3.name
    assert seen(merge(AT_REST, {"metadata": {"deletionTimestamp": str(ago(1))}})).deleting
