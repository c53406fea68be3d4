"""What `kubectl pintle export` keeps of an object, and what it tells of what it leaves out."""

import pytest

from kubectl_pintle import manifests

IRIS = {
    "apiVersion": "pintle.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {
        "name": "iris",
        "namespace": "ml",
        "labels": {"team": "risk"},
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
            "pintle.dev/reject-revision": "version/2",
        },
        "uid": "1",
        "resourceVersion": "2",
        "generation": 3,
        "creationTimestamp": "2026-11-26T05:00:00Z",
        "managedFields": [],
        "ownerReferences": [{"uid": "4"}],
        "finalizers": ["foregroundDeletion"],
    },
    "spec": {
        "model": "iris",
        "version": 2,
        "rollout": {"proof": {"cases": {"configMapRef": {"name": "iris-cases"}}}},
    },
    "status": {"wanted": "2"},
}
MLFLOW = {
    "apiVersion": "pintle.dev/v1alpha1",
    "kind": "RegistryConnection",
    "metadata": {"name": "mlflow", "namespace": "ml", "uid": "5"},
    "spec": {"uri": "https://mlflow.example.com", "secretRef": {"name": "mlflow-credentials"}},
}
RUNTIME = {
    "apiVersion": "pintle.dev/v1alpha1",
    "kind": "ModelRuntime",
    "metadata": {"name": "default", "annotations": {}},
    "spec": {"image": "docker.io/pintle/runtime:0.1.0"},
}


def test_what_its_owner_wrote_is_kept() -> None:
    assert manifests.manifest(IRIS) == {
        "apiVersion": "pintle.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {
            "name": "iris",
            "namespace": "ml",
            "labels": {"team": "risk"},
            "annotations": {"pintle.dev/reject-revision": "version/2"},
        },
        "spec": IRIS["spec"],
    }


def test_a_list_in_the_order_given() -> None:
    made = manifests.whole([RUNTIME, MLFLOW, IRIS])
    assert (made["apiVersion"], made["kind"]) == ("v1", "List")
    assert [item["kind"] for item in made["items"]] == [
        "ModelRuntime",
        "RegistryConnection",
        "ModelDeployment",
    ]
    assert made["items"][0]["metadata"] == {"name": "default"}


def test_what_is_not_in_it_is_named() -> None:
    assert manifests.needed([RUNTIME, MLFLOW, IRIS, IRIS]) == [
        "Namespace ml",
        "ConfigMap ml/iris-cases",
        "Secret ml/mlflow-credentials",
    ]
    assert manifests.needed([RUNTIME]) == []


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"serviceAccountName": "models"}, "ServiceAccount ml/models"),
        ({"imagePullSecrets": [{"name": "mirror"}]}, "Secret ml/mirror"),
        ({"priorityClassName": "high"}, "PriorityClass high"),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "a"}}}]},
            "Secret ml/keys",
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "flags", "key": "a"}}}]},
            "ConfigMap ml/flags",
        ),
        ({"caBundle": {"configMapRef": {"name": "corp-ca", "key": "ca.crt"}}}, "ConfigMap ml/corp-ca"),
        ({"env": [{"name": "A", "value": "1"}]}, None),
        (
            {
                "env": [
                    {"name": "A", "valueFrom": {"secretKeyRef": {"name": "k", "key": "a", "optional": True}}}
                ]
            },
            None,
        ),
        ({"runtime": {"name": "torch"}}, "ModelRuntime torch"),
        ({"registryRef": {"name": "mlflow"}}, None),
        (
            {"registryRef": {"name": "company", "kind": "ClusterRegistryConnection"}},
            "ClusterRegistryConnection company",
        ),
    ],
)
def test_each_way_of_naming_something(spec: dict[str, object], named: str | None) -> None:
    body = {"kind": "ModelDeployment", "metadata": {"name": "iris", "namespace": "ml"}, "spec": spec}
    assert manifests.needed([body]) == ["Namespace ml", *([named] if named else [])]


def test_certificates_of_a_connection_of_the_cluster_are_in_it() -> None:
    spec = {"caBundle": "-----BEGIN CERTIFICATE-----", "secretRef": {"name": "mlflow"}}
    body = {"kind": "ClusterRegistryConnection", "metadata": {"name": "company"}, "spec": spec}
    secret = "Secret mlflow in each namespace that uses ClusterRegistryConnection company"
    assert manifests.needed([body]) == [secret]


def test_what_is_in_it_is_not_named() -> None:
    body = {**IRIS, "spec": {"runtime": {"name": "default"}}}
    assert manifests.needed([body]) == ["Namespace ml", "ModelRuntime default"]
    assert manifests.needed([RUNTIME, body]) == ["Namespace ml"]
