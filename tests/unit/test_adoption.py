"""Which Services may be taken over, and what is written to them: tables."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from pintle.adoption import refusal
from pintle.desired import adoption, network
from pintle.desired.network import Marks
from pintle.domain import Child
from pintle.naming import ANNOTATION_ADOPT_BY, ANNOTATION_ADOPTED
from pintle.roles import others_behind_service
from pintle.trafficview import traffic
from tests.support.builders import NOW, deployment, pod, record
from tests.support.deciding import Bench
from tests.support.patches import json_patch, merge

PORT = {"port": 5000, "protocol": "TCP", "targetPort": 9000}
REVISION = "iris-v3-1a2b3c4d"
MARKS = Marks(NOW, "", frozenset())


def service(metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:  # noqa: ANN401
    """A Service that may be taken over, but for what is given; None takes a field away."""
    known = {"type": "ClusterIP", "clusterIP": "10.96.0.7", "selector": {"app": "iris"}, "ports": [PORT]}
    head = {"name": "iris", "namespace": "ml", "uid": "uid-s", "resourceVersion": "7"}
    return {
        "metadata": {**head, "annotations": {ANNOTATION_ADOPT_BY: "iris"}, **(metadata or {})},
        "spec": {k: v for k, v in {**known, **spec}.items() if v is not None},
    }


def owner(**more: object) -> dict[str, Any]:
    return {"ownerReferences": [{"kind": "InferenceService", "name": "iris", "uid": "u", **more}]}


@pytest.mark.parametrize(
    "found",
    [
        service(),
        service(type="NodePort", ports=[{**PORT, "nodePort": 30500}]),
        service(type="LoadBalancer", externalTrafficPolicy="Local"),
        service(sessionAffinity="ClientIP"),
        service(selector={"app": "iris", "tier": "models"}),
        service(ports=[{**PORT, "appProtocol": "http"}]),
        service(ports=[{"port": 80}]),
        service(owner()),
    ],
    ids=str,
)
def test_may_be_adopted(found: dict[str, Any]) -> None:
    assert refusal(deployment(), found) == ""


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (service({"annotations": {}}), "belongs to somebody else"),
        (service({"annotations": None}), "kubectl -n ml delete service iris"),
        (service({"annotations": {}}), "kubectl -n ml annotate service iris pintle.dev/adopt-by=iris"),
        (service({"annotations": {ANNOTATION_ADOPT_BY: "fraud"}}), "by ModelDeployment fraud, and that of"),
        (service(owner(controller=True)), "InferenceService iris controls it"),
        (service(type="ExternalName", selector=None, clusterIP=None), "ExternalName"),
        (service(clusterIP="None"), "headless"),
        (service(selector=None), "no selector"),
        (service(selector={}), "no selector"),
        (service(publishNotReadyAddresses=True), "publishNotReadyAddresses"),
        (service(ports=[PORT, {**PORT, "name": "metrics", "port": 8082}]), "it has 2 ports"),
        (service(ports=None), "it has 0 ports"),
        (service(ports=[{**PORT, "protocol": "UDP"}]), "not one for HTTP"),
        (service(ports=[{**PORT, "appProtocol": "kubernetes.io/h2c"}]), "not one for HTTP"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_is_refused(found: dict[str, Any], words: str) -> None:
    assert words in refusal(deployment(), found)


def adopted(found: dict[str, Any]) -> dict[str, Any]:
    """What the API server stores of it."""
    child = Child("iris", "uid-s", "7", found)
    patch = network.adopt_service(deployment(), child, REVISION, MARKS)
    assert isinstance(patch.body, dict)
    assert patch.body["metadata"]["uid"] == "uid-s"
    assert patch.body["metadata"]["resourceVersion"] == "7"
    stored: dict[str, Any] = merge(found, patch.body)
    return stored


def test_only_where_it_leads_to_changes() -> None:
    before = service(
        type="NodePort",
        sessionAffinity="ClientIP",
        selector={"app": "iris", "tier": "models"},
        ports=[{**PORT, "name": "web", "nodePort": 30500, "appProtocol": "http"}],
    )
    after = adopted(before)["spec"]
    assert after.pop("selector") == {"pintle.dev/deployment": "iris", "pintle.dev/revision": REVISION}
    assert after.pop("ports") == [{**before["spec"]["ports"][0], "targetPort": "http"}]
    assert after == {k: v for k, v in before["spec"].items() if k not in ("selector", "ports")}


@pytest.mark.parametrize("ports", [[PORT], [{**PORT, "name": "web", "nodePort": 30500}]])
def test_the_undo_leads_back(ports: list[dict[str, Any]]) -> None:
    before = service(ports=ports)
    stored = adopted(before)
    undo = orjson.loads(stored["metadata"]["annotations"][ANNOTATION_ADOPTED])
    assert json_patch(stored, undo)["spec"] == before["spec"]
    assert adoption.undo(stored) == stored["metadata"]["annotations"][ANNOTATION_ADOPTED]


def test_what_was_adopted_is_left_as_it_is() -> None:
    seen = traffic(adopted(service()), (), [REVISION])
    assert network.repair_service(deployment(), seen, NOW) is None
    assert network.port(seen) == 5000


@pytest.mark.parametrize("gone", [ANNOTATION_ADOPTED, ANNOTATION_ADOPT_BY])
def test_either_annotation_tells_that_its_port_is_its_owners(gone: str) -> None:
    stored = adopted(service())
    del stored["metadata"]["annotations"][gone]
    seen = traffic(stored, (), [REVISION])
    assert network.repair_service(deployment(), seen, NOW) is None
    assert network.port(seen) == 5000
    # The control: without either, the port is what every Service of ours has.
    stored["metadata"]["annotations"].clear()
    repair = network.repair_service(deployment(), traffic(stored, (), [REVISION]), NOW)
    assert repair is not None
    assert isinstance(repair.body, dict)
    assert repair.body["spec"]["ports"] == network.ports()


def test_a_switch_puts_its_port_back_too() -> None:
    stored = adopted(service())
    flip = network.flip(deployment(), traffic(stored, (), []), REVISION, MARKS)
    assert isinstance(flip.body, dict)
    assert "ports" not in flip.body["spec"], "what is right is not written"
    stored["spec"]["ports"] = [PORT]
    flip = network.flip(deployment(), traffic(stored, (), []), REVISION, MARKS)
    assert isinstance(flip.body, dict)
    assert flip.body["spec"]["ports"] == [{**PORT, "targetPort": "http"}]


@pytest.mark.parametrize(
    ("endpoint", "others"),
    [
        (f"{REVISION}-7c9d-aaaaa", 0),  # one of its pods
        ("iris-v2-0000aaaa-5f6b-bbbbb", 1),  # another revision's
        (f"{REVISION}-7c9d-ccccc", 0),  # its own, of which the watch of pods has not told yet
        ("by-hand-6d5f-ddddd", 1),  # where the Service led to before
    ],
)
def test_endpoints_of_before_count_as_those_of_others(endpoint: str, others: int) -> None:
    """So that Ready waits for them to go: what serves has all of the traffic then."""
    bench = Bench({"version": 3})
    seen = traffic(adopted(service()), (), [REVISION])
    pods = (
        pod(f"{REVISION}-7c9d-aaaaa", revision=REVISION, ready=True),
        pod("iris-v2-0000aaaa-5f6b-bbbbb", revision="iris-v2-0000aaaa", ready=True),
    )
    ready = frozenset({f"{REVISION}-7c9d-aaaaa", endpoint})
    observed = replace(bench.observe(), pods=pods, traffic=replace(seen, ready_pods=ready))
    assert others_behind_service(observed, record(name=REVISION)) == others
