"""What a state says and does: each reason of `Ready`, and what is put right by itself."""

from typing import Any

import pytest

from pintle.domain.resources import (
    BUDGETS,
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    MODEL_RUNTIMES,
    NAMESPACES,
    PODS,
    REGISTRY_CONNECTIONS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from pintle.naming import LABEL_REVISION, child_labels
from tests.support.fake_pods import Failure, Fate, Stage
from tests.support.world import NAME, NAMESPACE, World

REJECT = "pintle.dev__reject-revision"


def serving(version: int = 1, **spec: Any) -> World:  # noqa: ANN401 - any field of the spec
    """A world in which a version serves with two pods."""
    world = World()
    world.apply(version=version, replicas=2, **spec)
    world.run()
    assert world.condition()["reason"] == "Serving", world.condition()
    return world


def stays(world: World, reason: str, *words: str, kstatus: str = "") -> None:
    """Assert that version 1 keeps serving and that `Ready` says why the rest does not."""
    ready = world.condition()
    assert (ready["status"], ready["reason"]) == ("False", reason), ready
    for word in (*words, "version 1 keeps serving"):
        assert word in ready["message"]
    assert world.serving == "1"
    assert world.ready_pods("1") == 2
    assert world.condition("Available")["status"] == "True"
    found = {name for name in ("Stalled", "Reconciling") if world.condition(name)}
    assert found == ({kstatus} if kstatus else set())


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [
        (10, "FetchFailed", "no such artifact"),
        (12, "UnsafeArtifact", "../../etc/passwd"),
        (13, "UnsafeRequirement", "--index-url"),
        (14, "LoadFailed", "ModuleNotFoundError: no module named x"),
        (15, "ProofFailed", "prediction[0] is NaN"),
    ],
)
def test_a_broken_version_is_rejected_with_its_own_reason(code: int, reason: str, message: str) -> None:
    world = serving()
    step = {10: "fetch", 12: "fetch", 13: "install"}.get(code, "serve")
    world.fate("2", Fate(failure=Failure(step, code, reason, message)))
    world.apply(version=2)
    world.run()
    stays(world, reason, message, "iris version 2", kstatus="Stalled")
    assert world.status["rejected"][0]["reason"] == reason
    assert world.replicas() == {"1": 2}, "its pods are taken away"

    made = world.pods_made.copy()
    world.apply(version=1)
    world.run()
    assert world.condition()["status"] == "True"
    world.apply(version=2)
    world.run()
    stays(world, reason, message, kstatus="Stalled")
    assert world.pods_made == made, "the mark stays when the desire leaves and comes back"

    world.fate("2", Fate())
    world.apply(rolloutToken="again")
    world.run()
    assert (world.condition()["reason"], world.serving) == ("Serving", "2")


def test_a_broken_first_deploy_never_gets_an_endpoint() -> None:
    world = World()
    world.fate("1", Fate(failure=Failure("serve", 15, "ProofFailed", "prediction[0] is NaN")))
    world.apply(version=1, replicas=2)
    world.run()
    assert world.condition()["reason"] == "ProofFailed"
    assert world.condition()["message"].endswith("nothing serves yet")
    assert world.condition("Available")["reason"] == "NothingServing"
    assert world.traffic == []


def test_memory_and_unknown_exits_reject_nothing_until_the_deadline() -> None:
    world = serving(rollout={"progressDeadlineSeconds": 60})
    world.fate("2", Fate(failure=Failure("serve", 137, "OOMKilled")))
    world.apply(version=2)
    world.run(30)
    assert world.condition()["reason"] in {"Proving", "Degraded", "Starting"}
    world.run(60)
    stays(world, "DeadlineExceeded", "137", kstatus="Stalled")


@pytest.mark.parametrize(
    ("reason", "kstatus", "known"),
    [
        ("RegistryUnavailable", "Reconciling", "Unknown"),
        ("RegistryForbidden", "Stalled", "False"),
        ("HostHeaderRefused", "Stalled", "False"),
    ],
)
def test_registry_trouble_is_told_and_touches_nothing(reason: str, kstatus: str, known: str) -> None:
    world = serving()
    world.answers.failure = (reason, "the registry says no")
    world.apply(version=2)
    world.run()
    stays(world, reason, "the registry says no", kstatus=kstatus)
    assert world.condition("Resolved")["status"] == known
    world.apply(version=1)
    world.run()
    assert world.condition()["status"] == "True", "a kept version needs no registry"


def test_an_absent_version_names_the_newest() -> None:
    world = serving()
    world.apply(version=7)
    world.run()
    stays(world, "VersionNotFound", "iris version 7 is not in mlflow (newest is 3)", kstatus="Stalled")


def test_a_registry_that_hangs_delays_no_rollback() -> None:
    world = serving()
    world.apply(version=2)
    world.run(20)
    world.answers.hangs = True
    world.apply(version=3)
    world.run(5)
    assert world.condition()["reason"] == "Resolving"
    world.apply(version=1)
    world.operate()
    assert world.serving == "1"


def test_an_absent_connection_is_named_and_kept_versions_do_without() -> None:
    world = serving()
    world.apply(version=2)
    world.run(20)
    world.api.delete(REGISTRY_CONNECTIONS, NAMESPACE, "mlflow")
    world.apply(version=1)
    world.run()
    assert (world.condition()["reason"], world.serving) == ("Serving", "1")
    world.apply(version=3)
    world.run()
    stays(world, "RegistryNotFound", "RegistryConnection mlflow in namespace ml", kstatus="Stalled")


def test_an_unknown_runtime_lists_the_valid_ones() -> None:
    world = serving()
    world.apply(runtime={"name": "gpu"})
    world.run()
    stays(world, "RuntimeNotFound", "there is no ModelRuntime gpu (there is: default)", kstatus="Stalled")


def test_a_changed_runtime_reaches_the_next_revision_and_no_pod_that_runs() -> None:
    world = serving()
    world.api.patch(MODEL_RUNTIMES, "", "default", {"spec": {"image": "runtime:2"}})
    world.start_operator()
    made = world.pods_made.copy()
    world.run()
    assert world.pods_made == made
    world.apply(version=2)
    world.run(20)
    images = {
        d["metadata"]["name"]: d["spec"]["template"]["spec"]["containers"][0]["image"]
        for d in world.api.objects(DEPLOYMENTS)
    }
    assert images == {world.revision("1"): "runtime:1", world.revision("2"): "runtime:2"}
    larger = {"requests": {"cpu": "1"}}
    world.apply(version=1, resources=larger)
    world.run(30)
    assert _serving_image(world) == "runtime:1", "another shape of a kept identity runs what was proven"
    world.apply(rolloutToken="the new runtime")
    world.run(30)
    assert _serving_image(world) == "runtime:2", "a new token asks for what there is today"
    world.api.patch(MODEL_RUNTIMES, "", "default", {"spec": {"image": "runtime:3"}})
    world.apply(resources={"requests": {"cpu": "2"}})
    world.run(30)
    assert _serving_image(world) == "runtime:2", "another shape with that token runs what was proven with it"
    world.apply(resources=larger, rolloutToken=None)
    world.run(30)
    assert _serving_image(world) == "runtime:1", "without it all is as it was before"


def _serving_image(world: World) -> str:
    serving = world.api.get(DEPLOYMENTS, NAMESPACE, world.status["serving"]["revision"])
    return str(serving["spec"]["template"]["spec"]["containers"][0]["image"])


def test_an_account_needs_its_label() -> None:
    world = serving()
    world.apply(serviceAccountName="reader")
    world.run()
    stays(world, "ServiceAccountForbidden", "there is no ServiceAccount reader", kstatus="Stalled")
    world.api.create(SERVICE_ACCOUNTS, NAMESPACE, {"metadata": {"name": "reader"}})
    world.start_operator()
    world.run()
    stays(world, "ServiceAccountForbidden", "label serviceaccount reader", kstatus="Stalled")
    labels = {"metadata": {"labels": {"pintle.dev/usable-by-models": "true"}}}
    world.api.patch(SERVICE_ACCOUNTS, NAMESPACE, "reader", labels)
    world.start_operator()
    world.run(20)
    assert world.condition()["reason"] == "Serving"


def test_no_room_releases_the_standby_first_and_never_what_serves() -> None:
    world = serving()
    world.apply(version=2)
    world.run(20)
    world.fate("3", Fate(unschedulable="0/1 nodes are available: 1 Insufficient cpu"))
    world.apply(version=3)
    world.run(60)
    assert world.condition()["reason"] == "Starting"
    assert world.replicas() == {"1": 2, "2": 2, "3": 2}, "the standby stays for capacityWaitSeconds"
    world.run(90)
    ready = world.condition()
    assert ready["reason"] == "InsufficientCapacity"
    assert "0/1 nodes are available" in ready["message"]
    assert world.replicas() == {"2": 2, "3": 2}
    world.fate("3", Fate())
    world.run(20)
    assert (world.condition()["reason"], world.serving) == ("Serving", "3")


def test_a_quota_that_refuses_releases_the_standby_at_once() -> None:
    world = serving()
    world.apply(version=2)
    world.run(20)
    world.answers.register("3")
    world.apply(version=3)
    world.operate()
    world.controllers.quota[world.revision("3")] = "exceeded quota: compute"
    world.run(20)
    assert "exceeded quota: compute" in world.condition()["message"]
    assert "1" not in world.replicas()


def test_an_image_that_cannot_be_pulled_is_no_fault_of_the_version() -> None:
    world = serving()
    world.fate("2", Fate(image_problem="ErrImagePull"))
    world.apply(version=2)
    world.run(700)
    stays(world, "ImagePullFailed", "ErrImagePull", kstatus="Reconciling")


def test_suspend_stops_changes_and_nothing_else() -> None:
    world = serving()
    world.apply(suspend=True, version=2)
    world.run(20)
    stays(world, "Suspended", "spec.suspend")
    assert world.pods_made.total() == 2
    world.apply(replicas=3)
    world.run(20)
    assert world.replicas() == {"1": 3}, "replicas go on"
    world.api.delete(SERVICES, NAMESPACE, NAME)
    world.run(20)
    assert world.serving == "1", "drift repair goes on"
    world.apply(suspend=False)
    world.run(20)
    assert (world.condition()["reason"], world.serving) == ("Serving", "2")


def test_rejecting_what_serves_goes_back_to_the_standby_at_once() -> None:
    world = serving()
    world.apply(version=2)
    world.run(20)
    world.annotate(**{REJECT: "version/2"})
    world.operate()
    assert world.serving == "1"
    world.run()
    ready = world.condition()
    assert ready["reason"] == "RejectedByUser"
    assert world.body["spec"]["version"] == 2, "spec is Git's"
    world.apply(version=2)  # a GitOps agent applies the old spec again
    world.run()
    assert world.serving == "1"
    world.annotate(**{REJECT: None})
    world.run()
    assert (world.serving, world.condition()["reason"]) == ("2", "Serving")


def test_rejecting_with_no_warm_revision_starts_the_newest_kept_one() -> None:
    world = serving()
    world.apply(version=2)
    world.run(20)
    world.run(3700, tick=10)
    assert world.replicas() == {"2": 2}, "the standby's hour is over"
    world.annotate(**{REJECT: world.revision("2").rsplit("-", 1)[1]})
    world.run(20)
    assert (world.serving, world.condition()["reason"]) == ("1", "RejectedByUser")


def test_a_cold_rollback_claims_its_pods_before_the_flip() -> None:
    world = serving()
    world.apply(version=2)
    world.run(20)
    world.run(3700, tick=10)
    world.cluster.requests.clear()
    world.apply(version=1)
    world.run(20)
    assert world.serving == "1"
    writes = [
        f"{r.verb} {r.resource}" for r in world.cluster.requests if r.resource in ("deployments", "services")
    ]
    assert writes == ["patch deployments", "patch deployments", "patch services"], "scale, reclaim, flip"


def test_a_version_that_changed_its_shape_rolls_back_at_once_and_then_rolls_the_shape() -> None:
    world = serving()
    world.apply(version=2)
    world.run(20)
    world.apply(version=1, resources={"requests": {"cpu": "1"}})
    world.operate()
    assert world.serving == "1", "the warm pods first, whatever their shape"
    world.run(30)
    assert world.condition()["reason"] == "Serving"
    assert world.status["serving"]["revision"] == world.revision("1")
    assert (world.status["standby"])["version"] == "2"


@pytest.mark.parametrize("kind", [SERVICES, BUDGETS, CONFIG_MAPS, DEPLOYMENTS], ids=lambda k: k.kind)
def test_what_is_deleted_by_hand_is_made_again(kind: Any) -> None:  # noqa: ANN401
    world = serving()
    name = NAME if kind in (SERVICES, BUDGETS) else world.revision("1")
    before = world.api.get(kind, NAMESPACE, name)
    world.api.delete(kind, NAMESPACE, name)
    world.run(20)
    after = world.api.get(kind, NAMESPACE, name)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after.get("data") == before.get("data")
    assert world.serving == "1"
    assert world.condition()["reason"] == "Serving"


def test_a_service_deleted_in_mid_rollout_comes_back_for_who_served() -> None:
    world = serving()
    world.fate("2", Fate(until=Stage.SCHEDULED))
    world.apply(version=2)
    world.run()
    world.api.delete(SERVICES, NAMESPACE, NAME)
    world.run()
    assert world.serving == "1"


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"selector": {"app": "mine"}}},
        {"spec": {"ports": [{"port": 81}]}},
        {"metadata": {"labels": {"pintle.dev/deployment": "iris", "app.kubernetes.io/name": None}}},
    ],
    ids=["selector", "ports", "labels"],
)
def test_a_changed_service_is_put_back(change: dict[str, Any]) -> None:
    world = serving()
    before = world.api.get(SERVICES, NAMESPACE, NAME)
    world.api.patch(SERVICES, NAMESPACE, NAME, change)
    world.run()
    after = world.api.get(SERVICES, NAMESPACE, NAME)
    assert after["spec"] == before["spec"]
    assert after["metadata"]["labels"] == before["metadata"]["labels"]


def test_a_changed_template_is_put_back_and_a_fight_is_given_up() -> None:
    world = serving()
    name = world.revision("1")
    wanted = world.api.get(DEPLOYMENTS, NAMESPACE, name)["spec"]["template"]

    def meddle() -> None:
        container = {"name": "sidecar", "image": "spy"}
        containers = [*wanted["spec"]["containers"], container]
        world.api.patch(
            DEPLOYMENTS, NAMESPACE, name, {"spec": {"template": {"spec": {"containers": containers}}}}
        )

    for _ in range(2):
        meddle()
        world.run()
        assert world.api.get(DEPLOYMENTS, NAMESPACE, name)["spec"]["template"] == wanted
    world.cluster.requests.clear()
    for _ in range(4):
        meddle()
        world.run()
    puts = [r for r in world.cluster.requests if r.verb == "update"]
    assert len(puts) == 1, "the third time is the last"
    assert [e.reason for e in world.recorder.events].count("RepairConflict") == 1


@pytest.mark.parametrize("kind", [SERVICES, BUDGETS], ids=lambda k: k.kind)
def test_a_name_that_somebody_else_holds_is_told_and_left_alone(kind: Any) -> None:  # noqa: ANN401
    world = World()
    theirs = world.api.create(kind, NAMESPACE, {"metadata": {"name": NAME}, "spec": {"selector": {"a": "b"}}})
    world.apply(version=1, replicas=2)
    world.run(20)
    ready = world.condition()
    assert ready["reason"] == "NameTaken"
    assert f"kubectl -n ml delete {kind.kind.lower()} iris" in ready["message"]
    assert world.api.get(kind, NAMESPACE, NAME)["metadata"]["uid"] == theirs["metadata"]["uid"]
    world.api.delete(kind, NAMESPACE, NAME)
    world.run(60)
    assert world.condition()["reason"] == "Serving"


@pytest.mark.parametrize("kind", [SERVICES, BUDGETS], ids=lambda k: k.kind)
def test_an_orphan_that_goes_frees_its_name_at_once(kind: Any) -> None:  # noqa: ANN401
    """Somebody follows the command in the message, and has several of them to follow."""
    world = World()
    metadata = {"name": NAME, "labels": child_labels(NAME)}
    world.api.create(kind, NAMESPACE, {"metadata": metadata, "spec": {"selector": {"a": "b"}}})
    world.apply(version=1, replicas=2)
    world.run(20)
    assert world.condition()["reason"] == "NameTaken"
    world.api.delete(kind, NAMESPACE, NAME)
    world.run(2)
    assert world.condition()["reason"] == "Serving"


def test_old_revisions_are_pruned_oldest_first() -> None:
    world = World(*map(str, range(1, 8)))
    for version in range(1, 8):
        world.apply(version=version, replicas=1, revisionHistoryLimit=2, rollout={"standbySeconds": 30})
        world.run(60)
    kept = sorted(
        r["metadata"]["labels"]["pintle.dev/version"] for r in world.api.objects(CONTROLLER_REVISIONS)
    )
    assert kept == ["5", "6", "7"], "what serves and two more"
    assert len(world.api.objects(DEPLOYMENTS)) == len(world.api.objects(CONFIG_MAPS)) == 3


def test_pods_know_their_role() -> None:
    world = serving()
    world.apply(version=2)
    world.run(20)

    def roles() -> dict[str, set[str | None]]:
        found: dict[str, set[str | None]] = {}
        for pod in world.api.objects(PODS):
            role = (pod["metadata"].get("annotations") or {}).get("pintle.dev/role")
            found.setdefault(pod["metadata"]["labels"][LABEL_REVISION].split("-")[1], set()).add(role)
        return found

    assert roles() == {"v1": {"standby"}, "v2": {None}}
    world.apply(version=1)
    world.run()
    assert roles() == {"v1": {None}, "v2": {"standby"}}


def test_zero_replicas_prove_nothing() -> None:
    world = serving()
    world.apply(replicas=0)
    world.run()
    world.apply(version=2)
    world.run()
    assert world.condition()["reason"] == "ScaledToZero"
    world.apply(version=1)
    world.run()
    assert world.condition()["status"] == "True"
    world.apply(version=2, replicas=1)
    world.run(20)
    assert (world.serving, world.replicas()) == ("2", {"2": 1}), "only what is declared is started"


def test_nothing_is_written_in_a_namespace_that_is_on_its_way_out() -> None:
    world = serving()
    world.api.patch(NAMESPACES, "", NAMESPACE, {"metadata": {"finalizers": ["kubernetes"]}})
    world.api.delete(NAMESPACES, "", NAMESPACE)
    for pod in world.api.objects(PODS):
        world.api.delete(PODS, NAMESPACE, pod["metadata"]["name"])
    world.api.delete(CONFIG_MAPS, NAMESPACE, world.revision("1"))
    world.cluster.requests.clear()
    world.apply(version=2)
    world.operate()
    assert world.cluster.requests == []


def test_counts_that_pass_with_a_rollout_are_not_written() -> None:
    """Each pod of four that gets ready by itself would be a write: they come with the next transition."""
    world = World()
    world.fate("1", Fate(until=Stage.SERVING))
    world.apply(version=1, replicas=2)
    world.run(8)
    world.cluster.requests.clear()
    world.fate("1", Fate())
    world.run(4)
    statuses = [r for r in world.cluster.requests if r.resource == "modeldeployments/status"]
    assert len(statuses) == 1
    assert world.condition()["reason"] == "Serving"
