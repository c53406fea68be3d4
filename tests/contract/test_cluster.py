"""What the operator relies on of an API server: the same cases on a real one and on the fake.

Controllers, and an operator, may be at work on the cluster, so cases use kinds that none of them
touches, or hold where one does.
"""

from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from pintle import errors, naming
from pintle.adapters.cluster import KubernetesCluster
from pintle.domain.resources import (
    BUDGETS,
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    NAMESPACES,
    SERVICES,
)
from pintle.ports import Cluster, Json, Resource
from testbed import api
from tests.support.cluster import Kubectl
from tests.support.fake_api_server import WIDGETS, FakeApiServer
from tests.support.fake_clock import FakeClock
from tests.support.fake_cluster import FakeCluster


@dataclass(frozen=True)
class Subject:
    """An API server behind the port, and a namespace to use on it."""

    cluster: Cluster
    namespace: str

    async def create(self, resource: Resource, body: Json) -> Json:
        return await self.cluster.create(resource, self.namespace, body)

    async def get(self, resource: Resource, name: str = "iris") -> Json:
        return await self.cluster.get(resource, self.namespace, name)

    async def merge(self, resource: Resource, patch: Json, **more: Any) -> Json:  # noqa: ANN401 - as the port's
        return await self.cluster.patch(resource, self.namespace, "iris", patch, **more)

    async def json(self, resource: Resource, *operations: Json, **more: Any) -> Json:  # noqa: ANN401 - as the port's
        return await self.cluster.patch(
            resource, self.namespace, "iris", list(operations), patch_type="json", **more
        )


@pytest.fixture(scope="session")
def widgets(kubectl: Kubectl) -> None:
    """The kind that no controller touches."""
    kubectl("apply", "--server-side", "-f", str(Path(__file__).parents[1] / "data/crds/widgets.yaml"))
    kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd/widgets.test.pintle.dev")


@pytest.fixture(params=["fake", "real"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "fake":
        yield Subject(FakeCluster(FakeApiServer(FakeClock())), "ml")
        return
    server: api.Cluster = request.getfixturevalue("api_server")
    request.getfixturevalue("widgets")
    cluster = await KubernetesCluster.connect(kubeconfig=server.kubeconfig)
    yield Subject(cluster, request.getfixturevalue("namespace"))
    await cluster.close()


WIDGET = {"metadata": {"name": "iris"}, "spec": {"version": 3}}
CONFIG_MAP = {"metadata": {"name": "iris"}, "data": {"a": "1"}}
# With what Go's JSON encoder escapes and others do not: see `wire.encode`.
URI = "s3://models?a=1&b=<2>\u2028\u2029 é"
REVISION = {
    "metadata": {"name": "iris"},
    "revision": 1,
    "data": {"z": [1.5, None], "identity": {"source": URI}},
}
SERVICE = {
    "metadata": {"name": "iris"},
    "spec": {"selector": {"app": "a"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
}
TEMPLATE = {
    "metadata": {"labels": {"app": "iris"}, "annotations": {"eks.amazonaws.com/skip-containers": "serve"}},
    "spec": {
        "serviceAccountName": "models",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "fsGroup": 65532},
        "initContainers": [{"name": "fetch", "image": "docker.io/pintle/runtime:0.1.0", "args": ["fetch"]}],
        "containers": [
            {
                "name": "serve",
                "image": "docker.io/pintle/runtime",
                "ports": [{"name": "http", "containerPort": 8080}],
                "env": [
                    {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                ],
                "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "512Mi"}},
                "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}},
                "startupProbe": {"httpGet": {"port": 8080}, "failureThreshold": 600},
                "volumeMounts": [{"name": "model", "mountPath": "/model", "readOnly": True}],
            }
        ],
        "volumes": [
            {"name": "model", "emptyDir": {}},
            {"name": "revision", "configMap": {"name": "x", "optional": True}},
            {"name": "credentials", "secret": {"secretName": "y", "optional": True}},
            {
                "name": "podinfo",
                "downwardAPI": {
                    "items": [{"path": "role", "fieldRef": {"fieldPath": "metadata.annotations['r']"}}]
                },
            },
        ],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app": "iris"}},
            }
        ],
    },
}
DEPLOYMENT = {
    "metadata": {"name": "iris"},
    # No replicas: no controller may make pods of it while a case is at work.
    "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "iris"}}, "template": TEMPLATE},
}


def version(obj: Json) -> int:
    return int(obj["metadata"]["resourceVersion"])


def stale(obj: Json) -> dict[str, str]:
    return {"resourceVersion": str(version(obj) - 1)}


async def test_what_is_created_is_identified_and_read_back(subject: Subject) -> None:
    made = await subject.create(WIDGETS, WIDGET)
    assert made["kind"] == "Widget"
    assert made["metadata"]["uid"]
    assert made["metadata"]["generation"] == 1
    assert made["metadata"]["namespace"] == subject.namespace
    assert naming.parse_time(made["metadata"]["creationTimestamp"])
    assert made["status"] == {"observedGeneration": -1}
    assert made["spec"]["replicas"] == 1
    assert await subject.get(WIDGETS) == made


async def test_a_name_is_given_once(subject: Subject) -> None:
    await subject.create(CONFIG_MAPS, CONFIG_MAP)
    with pytest.raises(errors.AlreadyExists):
        await subject.create(CONFIG_MAPS, CONFIG_MAP)


async def test_what_is_not_there_is_not_found(subject: Subject) -> None:
    with pytest.raises(errors.NotFound):
        await subject.get(CONFIG_MAPS, "absent")
    with pytest.raises(errors.NotFound):
        await subject.cluster.patch(CONFIG_MAPS, subject.namespace, "absent", {"data": {}})
    with pytest.raises(errors.NotFound):
        await subject.cluster.create(CONFIG_MAPS, f"absent-{uuid4()}", CONFIG_MAP)


async def test_a_merge_patch_merges_and_removes(subject: Subject) -> None:
    made = await subject.create(CONFIG_MAPS, CONFIG_MAP)
    changed = await subject.merge(CONFIG_MAPS, {"data": {"a": None, "b": "2"}})
    assert changed["data"] == {"b": "2"}
    assert version(changed) > version(made)


async def test_a_patch_holds_its_preconditions(subject: Subject) -> None:
    made = await subject.create(CONFIG_MAPS, CONFIG_MAP)
    change = {"data": {"b": "2"}}
    with pytest.raises(errors.Conflict):
        await subject.merge(CONFIG_MAPS, {**change, "metadata": stale(made)})
    with pytest.raises(errors.Conflict):
        await subject.merge(CONFIG_MAPS, {**change, "metadata": {"uid": str(uuid4())}})
    metadata = {k: made["metadata"][k] for k in ("uid", "resourceVersion")}
    changed = await subject.merge(CONFIG_MAPS, {**change, "metadata": metadata})
    assert changed["data"] == {"a": "1", "b": "2"}


async def test_a_patch_that_changes_nothing_makes_no_new_version(subject: Subject) -> None:
    made = await subject.create(CONFIG_MAPS, CONFIG_MAP)
    again = await subject.merge(CONFIG_MAPS, {"data": {"a": "1"}})
    assert version(again) == version(made)


async def test_a_json_patch_tests_first(subject: Subject) -> None:
    made = await subject.create(CONFIG_MAPS, CONFIG_MAP)
    replace = {"op": "replace", "path": "/data/a", "value": "2"}
    with pytest.raises(errors.Conflict):
        await subject.json(CONFIG_MAPS, {"op": "test", "path": "/data/a", "value": "0"}, replace)
    with pytest.raises(errors.Conflict):
        await subject.json(CONFIG_MAPS, {"op": "test", "path": "/data/absent", "value": "0"}, replace)
    with pytest.raises(errors.Conflict):
        await subject.json(CONFIG_MAPS, {"op": "test", "path": "/metadata/uid", "value": "x"}, replace)
    test = {"op": "test", "path": "/metadata/uid", "value": made["metadata"]["uid"]}
    changed = await subject.json(CONFIG_MAPS, test, replace, {"op": "add", "path": "/data/b", "value": "3"})
    assert changed["data"] == {"a": "2", "b": "3"}
    removed = await subject.json(CONFIG_MAPS, {"op": "remove", "path": "/data/b"})
    assert removed["data"] == {"a": "2"}


async def test_a_json_patch_that_cannot_be_applied_is_a_conflict(subject: Subject) -> None:
    """The API server does not tell a failed `test` from a path that is not there; both mean: look again."""
    await subject.create(CONFIG_MAPS, CONFIG_MAP)
    with pytest.raises(errors.Conflict):
        await subject.json(CONFIG_MAPS, {"op": "remove", "path": "/data/absent"})


async def test_a_body_that_is_refused_is_invalid_however_it_comes(subject: Subject) -> None:
    await subject.create(DEPLOYMENTS, DEPLOYMENT)
    selector = {"matchLabels": {"app": "other"}}
    with pytest.raises(errors.Invalid):
        await subject.merge(DEPLOYMENTS, {"spec": {"selector": selector}})
    with pytest.raises(errors.Invalid):
        await subject.json(DEPLOYMENTS, {"op": "replace", "path": "/spec/selector", "value": selector})


async def test_a_generation_moves_with_the_spec_alone(subject: Subject) -> None:
    await subject.create(WIDGETS, WIDGET)
    relabelled = await subject.merge(WIDGETS, {"metadata": {"labels": {"argocd": "x"}}})
    assert relabelled["metadata"]["generation"] == 1
    reported = await subject.merge(WIDGETS, {"status": {"observedGeneration": 1}}, subresource="status")
    assert reported["metadata"]["generation"] == 1
    edited = await subject.merge(WIDGETS, {"spec": {"version": 4}})
    assert edited["metadata"]["generation"] == 2


async def test_a_deployments_generation_moves_with_its_annotations_too(subject: Subject) -> None:
    made = await subject.create(DEPLOYMENTS, DEPLOYMENT)
    await subject.merge(DEPLOYMENTS, {"metadata": {"annotations": {"pintle.dev/reclaimed": "now"}}})
    changed = await subject.get(DEPLOYMENTS)
    assert changed["metadata"]["generation"] == made["metadata"]["generation"] + 1


async def test_status_and_the_rest_are_written_apart(subject: Subject) -> None:
    await subject.create(WIDGETS, WIDGET)
    both = {"status": {"observedGeneration": 7}, "spec": {"version": 9}}
    reported = await subject.merge(WIDGETS, both, subresource="status")
    assert reported["status"]["observedGeneration"] == 7
    assert reported["spec"]["version"] == 3
    edited = await subject.merge(WIDGETS, {"status": {"observedGeneration": 8}, "spec": {"version": 4}})
    assert edited["status"]["observedGeneration"] == 7
    assert edited["spec"]["version"] == 4


async def test_a_status_patch_holds_its_version_and_ignores_a_uid(subject: Subject) -> None:
    """An object that was deleted and made again has another version, so the version says it all."""
    made = await subject.create(WIDGETS, WIDGET)
    status = {"status": {"observedGeneration": 1}}
    with pytest.raises(errors.Conflict):
        await subject.merge(WIDGETS, {**status, "metadata": stale(made)}, subresource="status")
    metadata = {"uid": str(uuid4())}
    answer = await subject.merge(WIDGETS, {**status, "metadata": metadata}, subresource="status")
    assert answer["metadata"]["uid"] == made["metadata"]["uid"]
    assert answer["status"]["observedGeneration"] == 1


async def test_scale_is_patched_with_the_objects_version(subject: Subject) -> None:
    await subject.create(WIDGETS, WIDGET)
    seen = await subject.get(WIDGETS)
    change = {"spec": {"replicas": 4}}
    with pytest.raises(errors.Conflict):
        await subject.merge(WIDGETS, {**change, "metadata": stale(seen)}, subresource="scale")
    metadata = {"resourceVersion": seen["metadata"]["resourceVersion"]}
    answer = await subject.merge(WIDGETS, {**change, "metadata": metadata}, subresource="scale")
    assert answer["kind"] == "Scale"
    assert answer["spec"]["replicas"] == 4
    assert answer["metadata"]["uid"] == seen["metadata"]["uid"]
    scaled = await subject.get(WIDGETS)
    assert scaled["spec"]["replicas"] == 4
    assert scaled["metadata"]["resourceVersion"] == answer["metadata"]["resourceVersion"]


async def test_replicas_are_patched_on_condition_of_uid_and_replicas(subject: Subject) -> None:
    made = await subject.create(WIDGETS, WIDGET)
    uid = {"op": "test", "path": "/metadata/uid", "value": made["metadata"]["uid"]}
    same = {"op": "test", "path": "/spec/replicas", "value": 1}
    replace = {"op": "replace", "path": "/spec/replicas", "value": 2}
    for failing in ([uid, {**same, "value": 5}], [{**uid, "value": str(uuid4())}, same]):
        with pytest.raises(errors.Conflict):
            await subject.json(WIDGETS, *failing, replace)
        with pytest.raises(errors.Conflict):
            await subject.json(WIDGETS, *failing, replace, subresource="scale")
    answer = await subject.json(WIDGETS, uid, same, replace, subresource="scale")
    assert answer["spec"]["replicas"] == 2
    answer = await subject.json(WIDGETS, uid, {**same, "value": 2}, {**replace, "value": 3})
    assert answer["spec"]["replicas"] == 3


async def test_a_scale_of_0_has_no_replicas_to_test(subject: Subject) -> None:
    """Go leaves a 0 out of a Scale (`omitempty`); on the Deployment itself it is there."""
    await subject.create(DEPLOYMENTS, DEPLOYMENT)
    test = {"op": "test", "path": "/spec/replicas", "value": 0}
    replace = {"op": "replace", "path": "/spec/replicas", "value": 1}
    with pytest.raises(errors.Conflict):
        await subject.json(DEPLOYMENTS, test, replace, subresource="scale")
    answer = await subject.json(DEPLOYMENTS, test, replace)
    assert answer["spec"]["replicas"] == 1


async def test_the_data_of_a_record_cannot_be_changed(subject: Subject) -> None:
    await subject.create(CONTROLLER_REVISIONS, REVISION)
    with pytest.raises(errors.Invalid):
        await subject.merge(CONTROLLER_REVISIONS, {"data": {"identity": {"source": "4"}}})
    marked = await subject.merge(
        CONTROLLER_REVISIONS, {"metadata": {"annotations": {naming.ANNOTATION_CLEARED: "{}"}}}
    )
    assert marked["data"] == REVISION["data"]
    mark = {"op": "add", "path": "/metadata/annotations/x", "value": "y"}
    assert (await subject.json(CONTROLLER_REVISIONS, mark))["data"] == REVISION["data"]


async def test_a_replacement_holds_its_version(subject: Subject) -> None:
    made = await subject.create(SERVICES, SERVICE)
    body = deepcopy(dict(made))
    body["spec"]["selector"] = {"app": "b"}
    body["metadata"] |= stale(made)
    with pytest.raises(errors.Conflict):
        await subject.cluster.replace(SERVICES, subject.namespace, body)
    body["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
    replaced = await subject.cluster.replace(SERVICES, subject.namespace, body)
    assert replaced["spec"]["selector"] == {"app": "b"}


async def test_a_dry_run_answers_and_stores_nothing(subject: Subject) -> None:
    await subject.create(DEPLOYMENTS, DEPLOYMENT)
    before = await subject.get(DEPLOYMENTS)
    body = deepcopy(dict(before))
    body["spec"]["template"]["spec"]["containers"] = [{"name": "serve", "image": "x:2"}]
    body["metadata"].pop("resourceVersion")
    answer = await subject.cluster.replace(DEPLOYMENTS, subject.namespace, body, dry_run=True)
    (container,) = answer["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "x:2"
    assert container["terminationMessagePolicy"] == "File"
    after = await subject.get(DEPLOYMENTS)
    assert after["spec"] == before["spec"]


async def test_a_deletion_names_what_it_means(subject: Subject) -> None:
    made = await subject.create(CONFIG_MAPS, CONFIG_MAP)
    uid = made["metadata"]["uid"]
    delete = subject.cluster.delete
    with pytest.raises(errors.Conflict):
        await delete(CONFIG_MAPS, subject.namespace, "iris", uid=str(uuid4()))
    with pytest.raises(errors.Conflict):
        await delete(CONFIG_MAPS, subject.namespace, "iris", uid=uid, resource_version=str(version(made) - 1))
    await delete(
        CONFIG_MAPS, subject.namespace, "iris", uid=uid, resource_version=made["metadata"]["resourceVersion"]
    )
    with pytest.raises(errors.NotFound):
        await subject.get(CONFIG_MAPS)
    await delete(CONFIG_MAPS, subject.namespace, "iris", uid=uid)


async def test_a_finalizer_holds_a_deleted_object(subject: Subject) -> None:
    metadata = {"name": "iris", "finalizers": ["pintle.dev/test"]}
    made = await subject.create(CONFIG_MAPS, {"metadata": metadata})
    await subject.cluster.delete(CONFIG_MAPS, subject.namespace, "iris", uid=made["metadata"]["uid"])
    held = await subject.get(CONFIG_MAPS)
    assert held["metadata"]["deletionTimestamp"]
    await subject.merge(CONFIG_MAPS, {"metadata": {"finalizers": None}})
    with pytest.raises(errors.NotFound):
        await subject.get(CONFIG_MAPS)


async def test_nothing_is_made_in_a_namespace_that_goes(subject: Subject) -> None:
    metadata = {"name": "iris", "finalizers": ["pintle.dev/test"]}  # keeps the namespace from going
    await subject.create(CONFIG_MAPS, {"metadata": metadata})
    namespace = await subject.cluster.get(NAMESPACES, "", subject.namespace)
    await subject.cluster.delete(NAMESPACES, "", subject.namespace, uid=namespace["metadata"]["uid"])
    with pytest.raises(errors.Forbidden, match="being terminated"):
        await subject.create(SERVICES, SERVICE)
    await subject.merge(CONFIG_MAPS, {"metadata": {"finalizers": None}})


async def test_pages_give_what_a_selector_picks(subject: Subject) -> None:
    mark = f"m{uuid4().hex}"
    for number in range(5):
        metadata = {"name": f"c{number}", "labels": {"mark": mark}}
        await subject.create(CONFIG_MAPS, {"metadata": metadata})
    await subject.create(CONFIG_MAPS, {"metadata": {"name": "other"}})
    pages = [page async for page in subject.cluster.pages(CONFIG_MAPS, labels=f"mark={mark}", size=2)]
    assert [len(page) for page in pages] == [2, 2, 1]
    items = [item for page in pages for item in page]
    assert [item["metadata"]["name"] for item in items] == [f"c{number}" for number in range(5)]
    assert {(item["apiVersion"], item["kind"]) for item in items} == {("v1", "ConfigMap")}
    none = [page async for page in subject.cluster.pages(CONFIG_MAPS, labels="mark=none")]
    assert none in ([], [[]])


KINDS = {r.kind: r for r in (CONTROLLER_REVISIONS, CONFIG_MAPS, DEPLOYMENTS, SERVICES, BUDGETS)}


def children(name: str) -> list[dict[str, Any]]:
    """What the builders make (tests/unit/test_desired.py), without an owner to go with, and without pods."""
    path = Path(__file__).parents[1] / "data/output" / f"{name}.yaml"
    found = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    for child in found:
        child["metadata"].pop("ownerReferences", None)
        if child["kind"] == "Deployment":
            child["spec"]["replicas"] = 0
    return found


@pytest.mark.parametrize(
    "bodies",
    [
        [DEPLOYMENT | {"kind": "Deployment"}, SERVICE | {"kind": "Service"}],
        children("plain"),
        children("full"),
    ],
    ids=["variety", "plain", "full"],
)
async def test_the_fake_fills_in_what_a_real_api_server_does(
    api_server: api.Cluster, namespace: str, bodies: list[dict[str, Any]]
) -> None:
    fake = FakeApiServer(FakeClock())
    cluster = await KubernetesCluster.connect(kubeconfig=api_server.kubeconfig)
    try:
        for body in bodies:
            resource = KINDS[body["kind"]]
            body["metadata"].pop("namespace", None)
            real = await cluster.create(resource, namespace, body)
            assert content(fake.create(resource, "ml", body)) == content(real)
    finally:
        await cluster.close()


def content(obj: Json) -> dict[str, Any]:
    """An object without what the server gives it a value of its own for.

    Nor with the null that Kubernetes 1.32 writes into a template.
    """
    allocated = {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"}
    kept = {k: v for k, v in obj.items() if k not in ("metadata", "status")}
    if "spec" in kept:
        kept["spec"] = {k: v for k, v in kept["spec"].items() if k not in allocated}
        if template := kept["spec"].get("template"):
            present = {k: v for k, v in template["metadata"].items() if v is not None}
            kept["spec"]["template"] = {**template, "metadata": present}
    metadata = obj["metadata"]
    return kept | {k: metadata.get(k) for k in ("name", "labels", "annotations", "generation")}
