"""Situations that went wrong once: each of these failed before its fix."""

from typing import Any

import pytest

from pintle import errors
from pintle.domain.resources import (
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    MODEL_DEPLOYMENTS,
    MODEL_RUNTIMES,
    PODS,
    REGISTRY_CONNECTIONS,
    SERVICES,
)
from pintle.naming import LABEL_DEPLOYMENT, LABEL_MANAGED_BY
from tests.support.fake_cluster import Fault
from tests.support.fake_pods import Failure, Fate, Stage
from tests.support.world import NAME, NAMESPACE, World, rolled, version_of

REJECT = "pintle.dev__reject-revision"


def pods(world: World, version: str) -> list[str]:
    found = world.api.objects(PODS)
    names = [(p["metadata"]["labels"]["pintle.dev/revision"], p["metadata"]["name"]) for p in found]
    return [name for revision, name in names if version_of(revision) == version]


def test_a_blip_of_the_standby_does_not_reject_it() -> None:
    """Its pods could start twenty minutes ago: the deadline counts from when they were last ready."""
    world = rolled()
    world.run(1200, tick=10)
    for name in pods(world, "1"):
        world.controllers.kubelet.unready(NAMESPACE, name)
    world.apply(version=1)
    world.run(20)
    assert (world.serving, world.condition()["reason"]) == ("1", "Serving")


def test_an_exit_from_which_a_pod_recovered_long_ago_rejects_nothing() -> None:
    world = rolled()
    for name in pods(world, "1"):
        world.controllers.kubelet.crash(NAMESPACE, name, Failure("serve", 14, "LoadFailed", "once"))
    world.run(60)
    for name in pods(world, "1"):
        world.controllers.kubelet.unready(NAMESPACE, name)
    world.apply(version=1)
    world.run(20)
    assert (world.serving, world.condition()["reason"]) == ("1", "Serving")


@pytest.mark.parametrize("label", [LABEL_DEPLOYMENT, LABEL_MANAGED_BY])
@pytest.mark.parametrize("kind", [SERVICES, DEPLOYMENTS, CONTROLLER_REVISIONS], ids=lambda k: k.kind)
def test_a_child_that_lost_a_label_gets_it_back(kind: Any, label: str) -> None:  # noqa: ANN401
    world = rolled()
    name = NAME if kind == SERVICES else world.revision("2")
    world.api.patch(kind, NAMESPACE, name, {"metadata": {"labels": {label: None}}})
    world.cluster.requests.clear()
    world.run(20)
    assert world.api.get(kind, NAMESPACE, name)["metadata"]["labels"][label]
    assert len(world.cluster.requests) < 20
    assert world.served() == ["1", "2"], "nothing is switched for that"
    world.apply(version=1)
    world.run()
    assert (world.serving, world.condition()["reason"]) == ("1", "Serving")


def test_a_deleted_record_is_made_again_as_it_was() -> None:
    """Marks and template too, though somebody has changed the Deployment meanwhile."""
    world = rolled()
    name = world.revision("2")
    before = world.api.get(CONTROLLER_REVISIONS, NAMESPACE, name)
    meddled = {"spec": {"template": {"metadata": {"annotations": {"mine": "1"}}}}}
    world.api.patch(DEPLOYMENTS, NAMESPACE, name, meddled)
    world.api.delete(CONTROLLER_REVISIONS, NAMESPACE, name)
    world.run(20)
    after = world.api.get(CONTROLLER_REVISIONS, NAMESPACE, name)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert (after["data"], after["revision"]) == (before["data"], before["revision"])
    for member in ("annotations", "labels", "ownerReferences"):
        assert after["metadata"][member] == before["metadata"][member]
    template = world.api.get(DEPLOYMENTS, NAMESPACE, name)["spec"]["template"]
    assert "mine" not in template["metadata"]["annotations"]
    assert (world.served(), world.condition()["reason"]) == (["1", "2"], "Serving")


@pytest.mark.parametrize("registry_up", [True, False])
def test_a_record_deleted_while_no_operator_ran_is_made_again_from_what_runs(registry_up: bool) -> None:
    world = rolled()
    name = world.revision("2")
    before = world.api.get(CONTROLLER_REVISIONS, NAMESPACE, name)
    if not registry_up:
        world.answers.failure = ("RegistryUnavailable", "down")
    world.api.delete(CONTROLLER_REVISIONS, NAMESPACE, name)
    world.start_operator()
    world.run(20)
    after = world.api.get(CONTROLLER_REVISIONS, NAMESPACE, name)
    for member in ("identity", "shape", "runtime"):
        assert after["data"][member] == before["data"][member]
    assert world.served() == ["1", "2"]
    assert world.pods_gone.total() == 0
    assert world.condition()["reason"] == "Serving"


@pytest.mark.parametrize(
    "edit",
    [{"runtime": {"name": "absent"}}, {"serviceAccountName": "unlabelled"}],
    ids=["runtime", "account"],
)
def test_a_rollback_does_not_wait_for_the_rest_of_the_edit(edit: dict[str, Any]) -> None:
    world = rolled()
    world.apply(version=1, **edit)
    world.run()
    assert world.serving == "1"
    ready = world.condition()
    assert ready["reason"] in {"RuntimeNotFound", "ServiceAccountForbidden"}
    assert world.condition("Resolved")["status"] == "True"


def test_a_rollback_does_not_wait_for_a_secret() -> None:
    world = rolled()
    world.views.secret_problem = "Secret other has the wrong type"
    spec = {"spec": {"secretRef": {"name": "other"}}}
    world.api.patch(REGISTRY_CONNECTIONS, NAMESPACE, "mlflow", spec)
    world.apply(version=1)
    world.run()
    assert (world.serving, world.condition()["reason"]) == ("1", "CredentialsForbidden")


def test_a_selector_edited_to_an_unproven_revision_is_put_back() -> None:
    world = World()
    world.apply(version=1, replicas=2)
    world.run()
    world.fate("2", Fate(until=Stage.SERVING))
    world.apply(version=2)
    world.run()
    selector = {"spec": {"selector": {"pintle.dev/revision": world.revision("2")}}}
    world.api.patch(SERVICES, NAMESPACE, NAME, selector)
    world.run(20)
    assert world.serving == "1"
    assert world.ready_pods("1") == 2


def test_a_standby_with_too_few_pods_is_scaled_for_ten_seconds_and_then_takes_over() -> None:
    world = rolled()
    world.controllers.kubelet.fates[world.revision("1")] = Fate(until=Stage.SERVING)
    world.controllers.kubelet.unready(NAMESPACE, pods(world, "1")[0])
    world.apply(version=1, resources={"requests": {"cpu": "1"}})
    world.run(5)
    assert world.serving == "2"
    world.run(6)
    assert world.serving == "1"


def test_rejecting_a_shape_goes_back_to_the_shape_before() -> None:
    world = World()
    world.apply(version=1, replicas=2)
    world.run()
    first = world.status["serving"]["revision"]
    world.apply(resources={"requests": {"cpu": "2"}})
    world.run(20)
    second = world.status["serving"]["revision"]
    assert second != first
    world.annotate(**{REJECT: second.rsplit("-", 1)[1]})
    world.run()
    assert world.status["serving"]["revision"] == first
    assert world.condition()["reason"] == "RejectedByUser"


def test_an_unreadable_runtime_stops_nobody_else() -> None:
    world = World()
    world.api.create(MODEL_RUNTIMES, "", {"metadata": {"name": "odd"}, "spec": {"image": ["no"]}})
    world.apply(version=1, replicas=1)
    world.run()
    assert world.condition()["reason"] == "Serving"


def test_an_object_that_cannot_be_read_is_told_so_and_what_serves_serves_on() -> None:
    world = rolled()
    world.api.patch(MODEL_DEPLOYMENTS, NAMESPACE, NAME, {"spec": {"replicas": "many"}})
    world.cluster.requests.clear()
    world.run(60)
    ready = world.condition()
    assert (ready["status"], ready["reason"]) == ("False", "InvalidSpec")
    assert "spec.replicas" in ready["message"]
    assert world.condition("Stalled")["observedGeneration"] == world.body["metadata"]["generation"]
    assert world.status["serving"]["version"] == "2"
    assert world.ready_pods("2") == 2
    assert world.cluster.writes() == {("patch", "modeldeployments/status"): 1}, "said once"
    world.apply(replicas=1)
    world.run(20)
    assert (world.condition()["reason"], world.replicas()["2"]) == ("Serving", 1)


def test_a_pod_with_other_packages_is_told_of_once() -> None:
    world = rolled()
    world.fate("2", Fate(environment_digest="sha256:" + "d" * 64))
    world.api.delete(PODS, NAMESPACE, pods(world, "2")[0])
    world.run(60)
    (event,) = (e for e in world.recorder.events if e.reason == "EnvironmentDiffers")
    assert event.type == "Warning"
    assert "strictEnvironment" in event.message
    assert world.condition()["reason"] == "Serving"


def test_a_rejection_with_an_unknown_reason_is_as_if_it_were_not_there() -> None:
    world = rolled()
    world.fate("3", Fate(failure=Failure("serve", 15, "ProofFailed", "NaN")))
    world.apply(version=3)
    world.run()
    mark = '{"reason": "Bored", "message": "", "time": "2026-01-01T12:00:00Z"}'
    body = {"metadata": {"annotations": {"pintle.dev/rejected": mark}}}
    world.api.patch(CONTROLLER_REVISIONS, NAMESPACE, world.revision("3"), body)
    world.run(20)
    assert world.condition()["reason"] == "ProofFailed"


def test_marks_taken_off_the_service_come_back_and_are_never_null() -> None:
    world = rolled()
    world.api.patch(SERVICES, NAMESPACE, NAME, {"metadata": {"annotations": {"pintle.dev/since": None}}})
    world.run()
    assert world.status["serving"]["since"]
    assert "None" not in str(world.status)
    assert world.replicas() == {"1": 2, "2": 2}, "the standby's hour begins again"


def test_a_budget_that_cannot_be_written_does_not_silence_the_status() -> None:
    world = World()
    down = errors.Unavailable("webhook down", status=500)
    world.cluster.faults += [
        Fault("create", "poddisruptionbudgets", ordinal=n, error=down) for n in range(1, 200)
    ]
    world.apply(version=1, replicas=2)
    world.run(20)
    assert world.condition()["reason"] == "Serving"


def test_a_former_object_of_the_name_is_waited_for_and_told() -> None:
    world = World()
    owner = {"apiVersion": "v1", "kind": "ModelDeployment", "name": NAME, "uid": "former", "controller": True}
    metadata = {"name": NAME, "ownerReferences": [owner], "finalizers": ["slow"]}
    world.api.create(SERVICES, NAMESPACE, {"metadata": metadata, "spec": {"selector": {"a": "b"}}})
    world.api.delete(SERVICES, NAMESPACE, NAME)
    world.apply(version=1, replicas=1)
    world.run(20)
    assert "still being deleted" in world.condition()["message"]
    world.api.patch(SERVICES, NAMESPACE, NAME, {"metadata": {"finalizers": None}})
    world.run(20)
    assert world.condition()["reason"] == "Serving"


def test_a_serving_pod_with_other_bytes_is_deleted() -> None:
    world = rolled()
    world.controllers.kubelet.fates[world.revision("2")] = Fate(content_digest="sha256:" + "f" * 64)
    world.api.delete(PODS, NAMESPACE, pods(world, "2")[0])
    world.controllers.step()
    world.run(3)
    deleted = [r for r in world.cluster.requests if (r.verb, r.resource) == ("delete", "pods")]
    assert deleted


def test_what_a_user_rejected_keeps_no_pods_beyond_the_standbys_time() -> None:
    world = rolled(rollout={"standbySeconds": 60})
    world.annotate(**{REJECT: "version/2"})
    world.run(20)
    assert world.serving == "1"
    world.run(120)
    assert world.replicas() == {"1": 2}


def test_a_candidate_at_zero_replicas_has_no_pods() -> None:
    world = World()
    world.apply(version=1, replicas=2)
    world.run()
    world.fate("2", Fate(until=Stage.SCHEDULED))
    world.apply(version=2)
    world.run()
    world.apply(replicas=0)
    world.run(20)
    assert world.replicas() == {}
    assert "keeps serving" not in world.condition()["message"]


def test_a_rejected_shape_is_told_from_the_one_of_the_same_version_that_serves() -> None:
    world = rolled()
    serving = world.revision("2")
    world.fates["2"] = Fate(failure=Failure("fetch", 11, "ArtifactChanged", "other bytes"))
    world.apply(podMetadata={"labels": {"shape": "other"}})
    world.run(20)
    assert world.condition()["reason"] == "ArtifactChanged"
    assert f"revision {serving} keeps serving" in world.condition()["message"]
