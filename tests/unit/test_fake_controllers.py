"""The fakes that the reconcile tests stand on: a Deployment's pods, their stories, and endpoints."""

from typing import Any

import pytest

from pintle import naming
from pintle.domain.resources import DEPLOYMENTS, ENDPOINT_SLICES, PODS, SERVICES
from tests.support.fake_api_server import REPLICA_SETS, FakeApiServer
from tests.support.fake_clock import FakeClock
from tests.support.fake_controllers import FakeControllers, is_ready
from tests.support.fake_pods import DIGEST, Failure, Fate, Stage

LABELS = naming.revision_labels("iris", "iris-v3-abc", "3")


@pytest.fixture
def api() -> FakeApiServer:
    return FakeApiServer(FakeClock())


@pytest.fixture
def controllers(api: FakeApiServer) -> FakeControllers:
    return FakeControllers(api)


def deploy(api: FakeApiServer, replicas: int) -> dict[str, Any]:
    selector = naming.revision_selector("iris", "iris-v3-abc")
    containers = [{"name": "serve", "image": "x:1"}]
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": containers}}
    spec = {"replicas": replicas, "selector": {"matchLabels": selector}, "template": template}
    return api.create(
        DEPLOYMENTS, "ml", {"metadata": {"name": "iris-v3-abc", "labels": LABELS}, "spec": spec}
    )


def only_pod(api: FakeApiServer) -> dict[str, Any]:
    (pod,) = api.objects(PODS)
    return pod


def container(pod: dict[str, Any], name: str) -> dict[str, Any]:
    status = pod["status"]
    found: dict[str, Any] = next(
        c for c in status["initContainerStatuses"] + status["containerStatuses"] if c["name"] == name
    )
    return found


def test_a_pod_takes_its_stages_one_by_one(api: FakeApiServer, controllers: FakeControllers) -> None:
    deploy(api, 1)
    seen = []
    for _ in Stage:
        controllers.step()
        pod = only_pod(api)
        seen.append([next(iter(container(pod, name)["state"])) for name in ("fetch", "install", "serve")])
    assert seen == [
        ["running", "waiting", "waiting"],
        ["terminated", "running", "waiting"],
        ["terminated", "terminated", "waiting"],
        ["terminated", "terminated", "running"],
        ["terminated", "terminated", "running"],
        ["terminated", "terminated", "running"],
    ]
    pod = only_pod(api)
    assert is_ready(pod)
    assert DIGEST in container(pod, "fetch")["state"]["terminated"]["message"]
    deployment = api.get(DEPLOYMENTS, "ml", "iris-v3-abc")
    assert deployment["status"]["readyReplicas"] == 1


def test_replicas_are_followed_and_deletion_cascades(
    api: FakeApiServer, controllers: FakeControllers
) -> None:
    made = deploy(api, 3)
    controllers.settle()
    assert len(api.objects(PODS)) == 3
    api.patch(DEPLOYMENTS, "ml", "iris-v3-abc", {"spec": {"replicas": 1}}, subresource="scale")
    controllers.settle()
    assert len(api.objects(PODS)) == 1
    api.delete(DEPLOYMENTS, "ml", "iris-v3-abc", uid=made["metadata"]["uid"])
    controllers.settle()
    assert api.objects(PODS) == []
    assert api.objects(REPLICA_SETS) == []


def test_a_failing_step_exits_then_waits_to_be_started_again(
    api: FakeApiServer, controllers: FakeControllers
) -> None:
    deploy(api, 1)
    controllers.kubelet.fates["iris-v3-abc"] = Fate(failure=Failure("serve", 15, "ProofFailed", "NaN"))
    controllers.settle()
    pod = only_pod(api)
    serve = container(pod, "serve")
    assert serve["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert serve["lastState"]["terminated"]["exitCode"] == 15
    assert "ProofFailed" in serve["lastState"]["terminated"]["message"]
    assert serve["restartCount"] == 1
    assert not is_ready(pod)


def test_a_crash_of_a_ready_pod_is_survived(api: FakeApiServer, controllers: FakeControllers) -> None:
    deploy(api, 1)
    controllers.settle()
    pod = only_pod(api)
    controllers.kubelet.crash("ml", pod["metadata"]["name"], Failure("serve", 137))
    pod = only_pod(api)
    assert not is_ready(pod)
    assert container(pod, "serve")["state"]["terminated"]["exitCode"] == 137
    controllers.settle()
    pod = only_pod(api)
    assert is_ready(pod)
    assert container(pod, "serve")["restartCount"] == 1


@pytest.mark.parametrize(
    ("fate", "scheduled", "fetch"),
    [
        (Fate(unschedulable="0/1 nodes are available"), "False", "waiting"),
        (Fate(image_problem="ErrImagePull"), "True", "waiting"),
        (Fate(until=Stage.FETCHED), "True", "terminated"),
    ],
)
def test_a_pod_stays_where_its_fate_holds_it(
    api: FakeApiServer, controllers: FakeControllers, fate: Fate, scheduled: str, fetch: str
) -> None:
    controllers.kubelet.fate = fate
    deploy(api, 1)
    controllers.settle()
    pod = only_pod(api)
    conditions = {c["type"]: c for c in pod["status"]["conditions"]}
    assert conditions["PodScheduled"]["status"] == scheduled
    assert fetch in container(pod, "fetch")["state"]
    assert not is_ready(pod)


def test_a_quota_refuses_pods_and_says_so(api: FakeApiServer, controllers: FakeControllers) -> None:
    controllers.quota["iris-v3-abc"] = "exceeded quota: pods"
    deploy(api, 2)
    controllers.settle()
    assert api.objects(PODS) == []
    conditions = api.get(DEPLOYMENTS, "ml", "iris-v3-abc")["status"]["conditions"]
    assert conditions[-1]["type"] == "ReplicaFailure"
    assert conditions[-1]["message"] == "exceeded quota: pods"


def test_endpoints_follow_the_selector_and_carry_the_services_labels(
    api: FakeApiServer, controllers: FakeControllers
) -> None:
    deploy(api, 2)
    selector = naming.revision_selector("iris", "iris-v3-abc")
    service = {"metadata": {"name": "iris", "labels": naming.child_labels("iris")}}
    api.create(SERVICES, "ml", {**service, "spec": {"selector": selector, "ports": [{"port": 80}]}})
    controllers.settle()
    (piece,) = api.objects(ENDPOINT_SLICES, labels="app.kubernetes.io/managed-by=pintle")
    assert [e["conditions"]["ready"] for e in piece["endpoints"]] == [True, True]
    assert piece["metadata"]["labels"]["kubernetes.io/service-name"] == "iris"
    api.patch(SERVICES, "ml", "iris", {"spec": {"selector": {naming.LABEL_REVISION: "iris-v4-def"}}})
    controllers.settle()
    (piece,) = api.objects(ENDPOINT_SLICES)
    assert piece["endpoints"] == []
