"""Which keys a change of which object wakes, and that what is known already wakes none."""

from typing import Any

import pytest
from typing_extensions import override

from pintle import naming
from pintle.adapters.telemetry.metrics import PrometheusMetrics
from pintle.cache import Cache
from pintle.domain import Key
from pintle.domain.resources import (
    CLUSTER_REGISTRY_CONNECTIONS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    MODEL_DEPLOYMENTS,
    MODEL_RUNTIMES,
    REGISTRY_CONNECTIONS,
)
from pintle.intake import Intake
from pintle.ports import Resource
from pintle.workqueue import WorkQueue
from tests.support.virtual_time import run_virtually

IRIS, FRAUD = Key("ml", "iris"), Key("ml", "fraud")
MLFLOW = Key("ml", "mlflow")


def make(name: str, version: int = 1, *, namespace: str = "ml", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata | more.pop("metadata", {}), **more}


def child(name: str, **metadata: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return make(name, metadata={"labels": naming.child_labels("iris"), **metadata})


OWNER = {"kind": "ModelDeployment", "name": "iris", "uid": "uid-iris"}


class Queue(WorkQueue[Key]):
    """Only keeps what is added, be it later."""

    def __init__(self) -> None:
        super().__init__()
        self.added: set[Key] = set()

    @override
    def add(self, key: Key) -> None:
        self.added.add(key)

    @override
    def add_after(self, key: Key, seconds: float) -> None:
        assert seconds > 0, "a burst is looked at once"
        self.added.add(key)


class World:
    def __init__(self) -> None:
        self.cache, self.deployments, self.connections = Cache(), Queue(), Queue()
        self.metrics, self.tags = PrometheusMetrics(), Queue()
        self.intake = Intake(self.cache, self.deployments, self.connections, self.metrics, tags=self.tags)
        mine = make("iris", spec={"model": "iris", "registryRef": {"name": "mlflow"}})
        other = make("fraud", spec={"model": "fraud"})
        for obj in (mine, other):
            self.intake.take("ADDED", MODEL_DEPLOYMENTS, obj)
        self.clear()

    def clear(self) -> None:
        self.deployments.added.clear()
        self.connections.added.clear()
        self.tags.added.clear()


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("resource", "obj", "deployments", "connections"),
    [
        (MODEL_DEPLOYMENTS, make("new", spec={"model": "m"}), {Key("ml", "new")}, set()),
        (DEPLOYMENTS, child("iris-v1-a"), {IRIS}, set()),
        (DEPLOYMENTS, make("stray", metadata={"ownerReferences": [OWNER]}), {IRIS}, set()),
        (DEPLOYMENTS, child("both", ownerReferences=[OWNER]), {IRIS}, set()),
        (
            ENDPOINT_SLICES,
            make("iris-x", metadata={"labels": {"kubernetes.io/service-name": "iris"}}),
            {IRIS},
            set(),
        ),
        (MODEL_RUNTIMES, make("default", namespace=""), {IRIS, FRAUD}, set()),
        (REGISTRY_CONNECTIONS, make("mlflow", spec={"uri": "http://x"}), {IRIS}, {MLFLOW}),
        (REGISTRY_CONNECTIONS, make("default", spec={"uri": "http://x"}), {FRAUD}, {Key("ml", "default")}),
        (
            CONFIG_MAPS,
            make("pintle-registry-mlflow", metadata={"labels": {naming.LABEL_REGISTRY: "mlflow"}}),
            set(),
            {MLFLOW},
        ),
        (CONFIG_MAPS, make("stray"), set(), set()),
    ],
)
def test_a_change_wakes_those_whom_it_concerns_once(
    world: World, resource: Resource, obj: dict[str, Any], deployments: set[Key], connections: set[Key]
) -> None:
    assert world.intake.take("ADDED", resource, obj)
    assert (world.deployments.added, world.connections.added) == (deployments, connections)
    world.clear()
    assert not world.intake.take("LISTED", resource, obj)
    assert (world.deployments.added, world.connections.added) == (set(), set())
    obj["metadata"]["resourceVersion"] = "2"
    assert world.intake.take("DELETED", resource, obj)
    assert world.deployments.added >= deployments - {Key("ml", "new")}
    assert world.connections.added == connections


def test_a_resync_wakes_everybody(world: World) -> None:
    world.intake.take("ADDED", REGISTRY_CONNECTIONS, make("mlflow", spec={"uri": "http://x"}))
    world.clear()
    world.intake.everything()
    assert world.deployments.added == {IRIS, FRAUD}
    assert world.connections.added == {MLFLOW}


@pytest.mark.parametrize(
    ("resource", "obj", "namespaces"),
    [
        (MODEL_DEPLOYMENTS, make("new", namespace="shop", spec={"model": "m"}), {"shop"}),
        (REGISTRY_CONNECTIONS, make("mlflow", spec={"uri": "http://x"}), {"ml"}),
        (CONFIG_MAPS, make("pintle-tags-mlflow", namespace="shop"), {"shop"}),
        (CLUSTER_REGISTRY_CONNECTIONS, make("central", namespace="", spec={"uri": "http://x"}), {"ml"}),
        (DEPLOYMENTS, child("iris-v1-a"), set()),
    ],
)
def test_what_may_change_tags_wakes_namespaces(
    world: World, resource: Resource, obj: dict[str, Any], namespaces: set[str]
) -> None:
    world.intake.take("ADDED", resource, obj)
    assert world.tags.added == {Key(namespace, "") for namespace in namespaces}


def test_a_resync_wakes_the_namespaces_that_may_have_tags(world: World) -> None:
    """One whose objects are all gone may have a ledger still."""
    world.intake.take("ADDED", CONFIG_MAPS, make("pintle-cluster-tags-central", namespace="left"))
    world.clear()
    world.intake.everything()
    assert world.tags.added == {Key("ml", ""), Key("left", "")}


def test_metrics_follow_the_objects(world: World) -> None:
    def shown() -> float | None:
        labels = {"namespace": "ml", "name": "iris", "model": "iris", "wanted": "3", "serving": ""}
        return world.metrics.registry.get_sample_value("pintle_deployment_info", labels)

    assert shown() is None
    world.intake.take(
        "MODIFIED", MODEL_DEPLOYMENTS, make("iris", 2, spec={"model": "iris"}, status={"wanted": "3"})
    )
    assert shown() == 1
    world.intake.take("DELETED", MODEL_DEPLOYMENTS, make("iris", 3))
    assert shown() is None


def test_queues_take_keys_from_the_intake() -> None:
    """The double above stands in for the real queue, which takes keys only in a running loop."""

    async def run() -> None:
        queue = WorkQueue[Key]()
        intake = Intake(Cache(), queue, WorkQueue[Key](), PrometheusMetrics())
        intake.take("ADDED", MODEL_DEPLOYMENTS, make("iris", spec={"model": "iris"}))
        assert await queue.get() == IRIS

    run_virtually(run())
