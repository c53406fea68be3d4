"""What `kubectl pintle export` keeps of an object, and what it tells of what it leaves out."""

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
        "ConfigMap ml/iris-cases",
        "Secret ml/mlflow-credentials",
    ]
    assert manifests.needed([RUNTIME]) == []
