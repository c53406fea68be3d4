"""What is held, what of it, and which of two states wins."""

import tracemalloc
from typing import Any

import pytest

from pintle import naming
from pintle.cache import Cache, connection_of, deployment_of
from pintle.domain import Key, Resource
from pintle.domain.resources import (
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    MODEL_DEPLOYMENTS,
    MODEL_RUNTIMES,
    PODS,
    SERVICES,
)


def make(
    name: str,
    version: int,
    *,
    uid: str = "",
    namespace: str = "ml",
    metadata: dict[str, Any] | None = None,
    **more: object,
) -> dict[str, Any]:
    identity = {"name": name, "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    if namespace:
        identity["namespace"] = namespace
    return {"metadata": {**identity, **(metadata or {})}, **more}


def child(name: str, version: int, deployment: str = "iris") -> dict[str, Any]:
    return make(name, version, metadata={"labels": naming.child_labels(deployment)})


@pytest.fixture
def cache() -> Cache:
    return Cache()


def version_of(cache: Cache, resource: Resource, name: str) -> str:
    held = cache.get(resource, "ml", name)
    assert held
    return str(held["metadata"]["resourceVersion"])


def test_the_newer_version_wins_and_is_compared_as_a_number(cache: Cache) -> None:
    assert cache.upsert(SERVICES, child("iris", 9))
    assert cache.upsert(SERVICES, child("iris", 10))
    assert not cache.upsert(SERVICES, child("iris", 9))
    assert not cache.upsert(SERVICES, child("iris", 10))
    assert version_of(cache, SERVICES, "iris") == "10"


def test_what_is_removed_is_not_brought_back_by_a_late_event(cache: Cache) -> None:
    cache.upsert(SERVICES, child("iris", 5))
    assert cache.remove(SERVICES, child("iris", 7))
    assert not cache.upsert(SERVICES, child("iris", 6))
    assert cache.get(SERVICES, "ml", "iris") is None
    assert cache.children(SERVICES, "ml", "iris") == ()


def test_a_removal_that_is_learnt_before_the_object_holds_too(cache: Cache) -> None:
    assert not cache.remove(SERVICES, child("iris", 7))
    assert not cache.upsert(SERVICES, child("iris", 6))


def test_an_object_that_leaves_a_label_selector_may_come_back(cache: Cache) -> None:
    cache.upsert(SERVICES, child("iris", 5))
    cache.remove(SERVICES, child("iris", 7))
    assert cache.upsert(SERVICES, child("iris", 8))


def test_the_deletion_of_an_older_object_of_that_name_takes_nothing(cache: Cache) -> None:
    cache.upsert(SERVICES, make("iris", 5, uid="old"))
    cache.upsert(SERVICES, make("iris", 9, uid="new"))
    assert not cache.remove(SERVICES, make("iris", 7, uid="old"))
    assert not cache.upsert(SERVICES, make("iris", 6, uid="old"))
    assert version_of(cache, SERVICES, "iris") == "9"


def test_a_removal_older_than_what_is_held_takes_nothing(cache: Cache) -> None:
    cache.upsert(SERVICES, child("iris", 9))
    assert not cache.remove(SERVICES, child("iris", 8))
    assert version_of(cache, SERVICES, "iris") == "9"


def test_the_last_copies_of_records_are_kept_and_no_more_than_can_be_told(cache: Cache) -> None:
    for number in range(300):
        cache.upsert(CONTROLLER_REVISIONS, child(f"iris-v{number}-a", 1))
        cache.remove(CONTROLLER_REVISIONS, child(f"iris-v{number}-a", 2))
    last = cache.last_copy(Key("ml", "iris-v299-a"))
    assert last is not None
    assert last["metadata"]["resourceVersion"] == "1", "what was held, not the word of its end"
    assert cache.last_copy(Key("ml", "iris-v0-a")) is None


def test_children_are_those_of_one_deployment_and_kind_sorted(cache: Cache) -> None:
    for name in ("iris-v2-b", "iris-v1-a"):
        cache.upsert(DEPLOYMENTS, child(name, 1))
    cache.upsert(DEPLOYMENTS, child("fraud-v1-c", 1, "fraud"))
    cache.upsert(CONTROLLER_REVISIONS, child("iris-v1-a", 1))
    names = [c["metadata"]["name"] for c in cache.children(DEPLOYMENTS, "ml", "iris")]
    assert names == ["iris-v1-a", "iris-v2-b"]
    assert cache.children(DEPLOYMENTS, "other", "iris") == ()


def test_a_relabelled_child_changes_parents(cache: Cache) -> None:
    cache.upsert(DEPLOYMENTS, child("x", 1, "iris"))
    cache.upsert(DEPLOYMENTS, child("x", 2, "fraud"))
    assert cache.children(DEPLOYMENTS, "ml", "iris") == ()
    assert len(cache.children(DEPLOYMENTS, "ml", "fraud")) == 1


def test_endpoint_slices_belong_to_the_service_they_are_for(cache: Cache) -> None:
    labels = {"kubernetes.io/service-name": "iris"}
    piece = make("iris-x7k2p", 1, metadata={"labels": labels}, endpoints=[])
    cache.upsert(ENDPOINT_SLICES, piece)
    assert len(cache.children(ENDPOINT_SLICES, "ml", "iris")) == 1
    assert deployment_of(ENDPOINT_SLICES, piece) == Key("ml", "iris")


def test_what_belongs_to_no_deployment_is_held_all_the_same(cache: Cache) -> None:
    config = make("pintle-registry-mlflow", 1, data={"uri": "http://mlflow"})
    assert deployment_of(CONFIG_MAPS, config) is None
    cache.upsert(CONFIG_MAPS, config)
    held = cache.get(CONFIG_MAPS, "ml", "pintle-registry-mlflow")
    assert held
    assert held["data"] == {"uri": "http://mlflow"}


def test_deployments_are_found_by_their_connection(cache: Cache) -> None:
    cache.upsert(MODEL_DEPLOYMENTS, make("iris", 1, spec={"registryRef": {"name": "mlflow"}}))
    cache.upsert(MODEL_DEPLOYMENTS, make("fraud", 1, spec={"model": "fraud"}))
    assert cache.deployments() == (Key("ml", "fraud"), Key("ml", "iris"))
    assert cache.deployments_of_connection("ml", "mlflow") == (Key("ml", "iris"),)
    assert cache.deployments_of_connection("ml", "default") == (Key("ml", "fraud"),)
    cache.upsert(MODEL_DEPLOYMENTS, make("iris", 2, spec={}))
    assert cache.deployments_of_connection("ml", "mlflow") == ()
    cache.remove(MODEL_DEPLOYMENTS, make("fraud", 3))
    assert cache.deployments_of_connection("ml", "default") == (Key("ml", "iris"),)
    assert connection_of(make("x", 1, spec={"registryRef": None})) == Key("ml", "default")


def test_all_and_versions(cache: Cache) -> None:
    cache.upsert(MODEL_RUNTIMES, make("default", 3, namespace=""))
    cache.upsert(SERVICES, make("b", 1, namespace="z"))
    cache.upsert(SERVICES, make("a", 2))
    assert [o["metadata"]["name"] for o in cache.all(SERVICES)] == ["a", "b"]
    assert [o["metadata"]["name"] for o in cache.all(SERVICES, "z")] == ["b"]
    assert cache.get(MODEL_RUNTIMES, "", "default")
    assert cache.versions(SERVICES) == {Key("ml", "a"): ("uid-a", "2"), Key("z", "b"): ("uid-b", "1")}


def test_a_reader_cannot_change_what_is_held(cache: Cache) -> None:
    given = child("iris", 1)
    cache.upsert(SERVICES, given)
    given["metadata"]["labels"]["added"] = "later"
    read = cache.get(SERVICES, "ml", "iris")
    assert read
    read["metadata"]["labels"].clear()
    held = cache.get(SERVICES, "ml", "iris")
    assert held
    assert held["metadata"]["labels"] == naming.child_labels("iris")


def test_only_what_is_read_is_kept(cache: Cache) -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}", naming.ANNOTATION_SINCE: "now"}
    metadata = {"managedFields": [{"manager": "x"}], "annotations": annotations}
    cache.upsert(SERVICES, make("iris", 1, metadata=metadata, spec={"ports": []}))
    held = cache.get(SERVICES, "ml", "iris")
    assert held
    assert "managedFields" not in held["metadata"]
    assert held["metadata"]["annotations"] == {naming.ANNOTATION_SINCE: "now"}
    assert held["spec"] == {"ports": []}


def test_of_a_pod_only_its_state_is_kept(cache: Cache) -> None:
    labels = naming.child_labels("iris")
    annotations = {naming.ANNOTATION_ROLE: "serving", "sidecar": "x"}
    metadata = {"labels": labels, "annotations": annotations, "generateName": "p-", "deletionTimestamp": "t"}
    spec = {"nodeName": "node-1", "containers": [{"name": "serve"}]}
    cache.upsert(PODS, make("p", 1, metadata=metadata, spec=spec, status={"phase": "Running"}))
    held = cache.get(PODS, "ml", "p")
    assert held == {
        "metadata": {
            "name": "p",
            "namespace": "ml",
            "uid": "uid-p",
            "resourceVersion": "1",
            "labels": labels,
            "deletionTimestamp": "t",
            "annotations": {naming.ANNOTATION_ROLE: "serving"},
        },
        "spec": {"nodeName": "node-1"},
        "status": {"phase": "Running"},
    }


def test_versions_that_are_no_numbers_are_taken_as_they_come(cache: Cache) -> None:
    first = make("iris", 1, metadata={"resourceVersion": "abc"})
    assert cache.upsert(SERVICES, first)
    assert not cache.upsert(SERVICES, first)
    assert cache.upsert(SERVICES, make("iris", 1, metadata={"resourceVersion": "abd"}))


def test_a_hundred_deployments_fit_into_a_few_megabytes() -> None:
    template = {
        "spec": {"containers": [{"name": f"c{n}", "env": [{"name": "X" * 20}] * 20} for n in range(3)]}
    }
    tracemalloc.start()
    try:
        cache = Cache()
        for number in range(100):
            name = f"model-{number}"
            cache.upsert(MODEL_DEPLOYMENTS, make(name, number + 1, spec={"model": name}))
            for revision in range(4):
                obj = child(f"{name}-v{revision}-12345678", 1, name) | {"spec": {"template": template}}
                for resource in (CONTROLLER_REVISIONS, DEPLOYMENTS, CONFIG_MAPS):
                    cache.upsert(resource, obj)
                cache.upsert(PODS, obj | {"status": {"conditions": [{"type": "T" * 20}] * 30}})
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 8 * 1024**2
