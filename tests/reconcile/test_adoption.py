"""A live Service that somebody made by hand is taken over by the first flip, if its owner says so."""

import orjson
import pytest

from pintle.domain.resources import (
    DEPLOYMENTS,
    HTTP_ROUTES,
    MODEL_DEPLOYMENTS,
    REGISTRY_CONNECTIONS,
    SERVICES,
)
from pintle.naming import ANNOTATION_ADOPT_BY, ANNOTATION_ADOPTED, LABEL_REVISION
from pintle.views import owner_uid
from tests.support.by_hand import CONSENT, DEPLOYMENT, SELECTOR, SPEC, ByHand
from tests.support.canary_world import GATEWAY, CanaryWorld
from tests.support.fake_cluster import Fault
from tests.support.fake_pods import Fate
from tests.support.histories import NAN, PROVING, check_marks, check_rest
from tests.support.watchman import Watchman
from tests.support.world import NAME, NAMESPACE, World


def _reasons(world: World) -> list[str]:
    return [event.reason for event in world.recorder.events]


def _message(world: World, reason: str) -> str:
    return next(event.message for event in world.recorder.events if event.reason == reason)


def _adopted(**spec: object) -> tuple[World, ByHand]:
    """Version 1 serves behind a Service that was there before."""
    world = World()
    by_hand = ByHand(world)
    world.apply(**{"version": 1, "replicas": 2, **spec})
    world.run(20)
    assert world.condition()["reason"] == "Serving", world.condition()["message"]
    return world, by_hand


def test_a_service_is_adopted_at_the_first_flip() -> None:
    world = World()
    watchman = Watchman(world)
    by_hand = ByHand(world)
    before = by_hand.made
    world.fate("1", PROVING)
    world.apply(version=1, replicas=2)
    world.run(20)
    assert by_hand.service == before, "nothing of it is written before the candidate has proven itself"
    assert world.condition()["reason"] == "Proving"
    world.fate("1", Fate())
    world.run(20)
    after = by_hand.service
    assert (world.condition()["reason"], world.serving, by_hand.behind) == ("Serving", "1", {"1"})
    assert owner_uid(after) == world.body["metadata"]["uid"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    kept = {k: v for k, v in before["spec"].items() if k not in ("selector", "ports")}
    assert {k: after["spec"][k] for k in kept} == kept
    assert after["spec"]["ports"] == [{**before["spec"]["ports"][0], "targetPort": "http"}]
    assert not set(SELECTOR) & set(after["spec"]["selector"])
    assert by_hand.gaps == []
    assert by_hand.untouched()
    assert watchman.wrong == []
    check_marks(world)
    check_rest(world)


def test_who_adopts_says_what_runs_on_and_who_may_undo_it() -> None:
    managers = [
        {
            "manager": "argocd-controller",
            "time": "2026-01-01T00:00:00Z",
            "fieldsV1": {"f:spec": {"f:selector": {}}},
        }
    ]
    world = World()
    ByHand(world, metadata={"managedFields": managers})
    world.apply(version=1, replicas=2)
    world.run(20)
    assert _reasons(world).count("ServiceAdopted") == 1
    told = _message(world, "ServiceAdopted")
    assert "app=iris,tier=models, run on untouched: delete what runs them" in told
    assert "field manager argocd-controller" in told


@pytest.mark.parametrize(
    ("annotations", "words"),
    [
        ({}, f"kubectl -n ml annotate service {NAME} {ANNOTATION_ADOPT_BY}={NAME}"),
        ({"pintle.dev/adopt-bye": NAME}, "belongs to somebody else"),
        ({ANNOTATION_ADOPT_BY: "fraud"}, "adopted by ModelDeployment fraud"),
        ({ANNOTATION_ADOPT_BY: "Iris"}, "adopted by ModelDeployment Iris"),
    ],
)
def test_without_its_owners_word_nothing_of_it_is_written(annotations: dict[str, str], words: str) -> None:
    world = World()
    by_hand = ByHand(world, annotations)
    world.apply(version=1, replicas=2)
    world.run(90)
    assert by_hand.service == by_hand.made
    assert world.condition()["reason"] == "NameTaken"
    assert words in world.condition()["message"]
    assert by_hand.behind == {""}
    # The control: with it, the same one is adopted.
    world.api.patch(SERVICES, NAMESPACE, NAME, {"metadata": {"annotations": CONSENT}})
    world.run(60)
    assert (world.condition()["reason"], by_hand.behind, by_hand.gaps) == ("Serving", {"1"}, [])


def test_a_version_that_does_not_prove_itself_adopts_nothing() -> None:
    world = World()
    by_hand = ByHand(world)
    world.fate("1", NAN)
    world.apply(version=1, replicas=2)
    world.run(60)
    assert world.condition()["reason"] == "ProofFailed"
    assert by_hand.service == by_hand.made
    world.apply(version=2)
    world.run(20)
    assert (world.condition()["reason"], by_hand.behind, by_hand.gaps) == ("Serving", {"2"}, [])


def test_a_service_that_cannot_be_switched_is_refused_until_it_can() -> None:
    world = World()
    by_hand = ByHand(world, clusterIP="None")
    world.apply(version=1, replicas=2)
    world.run(40)
    assert (world.condition()["reason"], by_hand.service) == ("NameTaken", by_hand.made)
    assert "headless" in world.condition()["message"]
    world.api.patch(SERVICES, NAMESPACE, NAME, {"spec": {"clusterIP": "10.96.0.9"}})
    world.run(60)
    assert world.condition()["reason"] == "Serving"


def test_owners_and_finalizers_that_it_has_stay() -> None:
    """An owner that controls nothing: the garbage collector looks at it, and nobody else."""
    world = World()
    finalizers = ["service.kubernetes.io/load-balancer-cleanup"]
    connection = world.api.get(REGISTRY_CONNECTIONS, NAMESPACE, "mlflow")
    other = {k: connection[k] for k in ("apiVersion", "kind")}
    other |= {k: connection["metadata"][k] for k in ("name", "uid")}
    by_hand = ByHand(world, metadata={"finalizers": finalizers, "ownerReferences": [other]})
    world.apply(version=1, replicas=2)
    world.run(20)
    metadata = by_hand.service["metadata"]
    assert metadata["ownerReferences"][0] == other
    assert [o["kind"] for o in metadata["ownerReferences"]] == ["RegistryConnection", "ModelDeployment"]
    assert metadata["finalizers"] == finalizers


def test_a_service_on_its_way_out_is_waited_for_and_made_anew() -> None:
    world = World()
    by_hand = ByHand(world, metadata={"finalizers": ["example.com/wait"]})
    world.api.delete(SERVICES, NAMESPACE, NAME)
    dying = by_hand.service
    world.apply(version=1, replicas=2)
    world.run(20)
    assert (world.condition()["reason"], by_hand.service) == ("Starting", dying)
    world.api.remove(SERVICES, NAMESPACE, NAME)
    world.run(20)
    assert world.condition()["reason"] == "Serving"
    assert by_hand.service["metadata"]["uid"] != dying["metadata"]["uid"]
    assert by_hand.service["spec"]["ports"][0]["port"] == 80


@pytest.mark.parametrize("takes", ["its consent", "the Service"])
def test_whoever_changes_their_mind_at_the_last_moment_is_heard(takes: str) -> None:
    """Between the look at the Service and the write to it."""
    world = World()
    by_hand = ByHand(world)

    def meanwhile() -> None:
        if takes == "the Service":
            world.api.delete(SERVICES, NAMESPACE, NAME)
        else:
            body = {"metadata": {"annotations": {ANNOTATION_ADOPT_BY: None}}}
            world.api.patch(SERVICES, NAMESPACE, NAME, body)

    fault = Fault("patch", "services", NAME, meanwhile=meanwhile)
    world.cluster.faults.append(fault)
    world.apply(version=1, replicas=2)
    world.run(20)
    assert fault.seen, "the moment has come"
    if takes == "the Service":
        assert world.condition()["reason"] == "Serving"
        assert by_hand.service["metadata"]["uid"] != by_hand.made["metadata"]["uid"]
    else:
        assert world.condition()["reason"] == "NameTaken"
        assert by_hand.service["spec"] == by_hand.made["spec"]
        assert "ownerReferences" not in by_hand.service["metadata"]


@pytest.mark.parametrize("server_side", [True, False], ids=["server-side", "three-way"])
def test_what_applies_the_service_again_does_not_keep_the_traffic(*, server_side: bool) -> None:
    """As often as it likes: to give up would leave the traffic with pods that may be gone, or with none."""
    world, by_hand = _adopted()
    for _ in range(6):
        by_hand.apply(server_side=server_side)
        world.run(5)
        assert (world.serving, by_hand.behind) == ("1", {"1"})
        assert by_hand.service["spec"]["ports"][0]["targetPort"] == "http"
    assert by_hand.gaps == []
    assert _reasons(world).count("ServiceLedAway") == 6
    assert "app=iris" in _message(world, "ServiceLedAway")
    assert "tier=models at 9000" in _message(world, "ServiceLedAway")
    assert "RepairConflict" not in _reasons(world)
    world.run(30)
    assert world.condition()["reason"] == "Serving"


def test_its_port_is_its_owners_and_where_it_leads_is_not() -> None:
    world, by_hand = _adopted()
    port = {**by_hand.service["spec"]["ports"][0], "port": 6000, "targetPort": 9000}
    world.api.patch(SERVICES, NAMESPACE, NAME, {"spec": {"ports": [port]}})
    world.run(10)
    assert by_hand.service["spec"]["ports"] == [{**port, "targetPort": "http"}]
    world.cluster.requests.clear()
    world.run(60)
    assert world.cluster.requests == []


def test_later_versions_and_the_way_back_leave_its_own_fields_alone() -> None:
    world, by_hand = _adopted()
    fields = {k: v for k, v in by_hand.service["spec"].items() if k != "selector"}
    for version in (2, 1, 3):
        world.apply(version=version)
        world.run(20)
        assert world.serving == str(version)
        assert {k: v for k, v in by_hand.service["spec"].items() if k != "selector"} == fields
    assert by_hand.gaps == []
    assert by_hand.untouched()


def test_the_annotation_tells_how_it_is_undone() -> None:
    """Delete the ModelDeployment without its children, then apply the patch that the annotation holds."""
    world, by_hand = _adopted()
    undo = orjson.loads(by_hand.service["metadata"]["annotations"][ANNOTATION_ADOPTED])
    _orphan(world)
    assert by_hand.behind == {"1"}
    world.api.patch(SERVICES, NAMESPACE, NAME, undo, patch_type="json")
    world.run(10)
    after = by_hand.service["spec"]
    assert (after["selector"], after["ports"]) == (SELECTOR, by_hand.made["spec"]["ports"])
    assert (by_hand.behind, by_hand.gaps) == ({""}, [])


def test_adopted_once_more_it_still_tells_how_it_was_at_first() -> None:
    world, by_hand = _adopted()
    undo = by_hand.service["metadata"]["annotations"][ANNOTATION_ADOPTED]
    _orphan(world)
    for child in world.api.objects(DEPLOYMENTS):
        if child["metadata"]["name"] != DEPLOYMENT:
            world.api.delete(DEPLOYMENTS, NAMESPACE, child["metadata"]["name"])
    kinds = [
        r for r in world.api.kinds() if r.kind in ("ControllerRevision", "ConfigMap", "PodDisruptionBudget")
    ]
    for kind in kinds:
        for child in world.api.objects(kind):
            world.api.delete(kind, NAMESPACE, child["metadata"]["name"])
    world.apply(version=2, replicas=2)
    world.run(30)
    assert (world.condition()["reason"], by_hand.behind) == ("Serving", {"2"})
    assert by_hand.service["metadata"]["annotations"][ANNOTATION_ADOPTED] == undo


def _orphan(world: World) -> None:
    """`kubectl delete mdep iris --cascade=orphan`: the garbage collector takes the references first."""
    uid = world.body["metadata"]["uid"]
    world.operator.stop()
    for kind in world.api.kinds():
        for child in world.api.objects(kind):
            owners = child["metadata"].get("ownerReferences") or []
            if any(o["uid"] == uid for o in owners):
                left = [o for o in owners if o["uid"] != uid]
                body = {"metadata": {"ownerReferences": left or None}}
                world.api.patch(kind, NAMESPACE, child["metadata"]["name"], body)
    world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, NAME)
    world.start_operator()
    world.run(10)


def test_deleted_with_the_model_deployment_as_every_child_is() -> None:
    world, by_hand = _adopted()
    world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, NAME)
    world.run(30)
    assert world.api.find(SERVICES, NAMESPACE, NAME) is None
    assert by_hand.untouched(), "what was there by hand is not the operator's to delete"


def test_a_route_leads_to_the_port_that_it_has() -> None:
    world = CanaryWorld()
    by_hand = ByHand(world)
    world.apply(version=1, replicas=2, gateway=GATEWAY)
    world.run(30)
    assert world.condition()["reason"] == "Serving", world.condition()["message"]
    assert _backends(world) == [(NAME, SPEC["ports"][0]["port"])]
    assert not world.cluster.writes()["patch", "httproutes"], "it was made so"
    steps = [{"weight": 10, "pause": True}]
    world.apply(version=2, rollout={"strategy": "Canary", "steps": steps})
    world.run(30)
    assert _backends(world) == [(NAME, 5000), (world.revision("2"), 80)]
    world.promote("2")
    world.run(40)
    assert (_backends(world), by_hand.behind) == ([(NAME, 5000)], {"2"})
    assert world.wrong == []


def _backends(world: CanaryWorld) -> list[tuple[str, int]]:
    route = world.api.get(HTTP_ROUTES, NAMESPACE, NAME)
    return [(b["name"], b["port"]) for b in route["spec"]["rules"][0]["backendRefs"]]


def test_the_selector_names_one_revision_alone() -> None:
    world, by_hand = _adopted()
    assert by_hand.service["spec"]["selector"][LABEL_REVISION] == world.revision("1")
