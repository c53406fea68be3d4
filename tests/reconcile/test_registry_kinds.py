"""A ModelDeployment that names a ClusterRegistryConnection."""

from pintle.domain.resources import CLUSTER_REGISTRY_CONNECTIONS, CONTROLLER_REVISIONS, DEPLOYMENTS
from tests.support.world import NAMESPACE, World

CENTRAL = {"kind": "ClusterRegistryConnection", "name": "mlflow"}
OWN = {"kind": "RegistryConnection", "name": "mlflow"}


def with_central(**spec: object) -> World:
    """A cluster that has a connection for all, of the same name as the namespace's own."""
    world = World()
    whole = {"uri": "http://central:5000", "allowedNamespaces": {}} | spec
    world.api.create(CLUSTER_REGISTRY_CONNECTIONS, "", {"metadata": {"name": "mlflow"}, "spec": whole})
    return world


def mounted(world: World, version: str) -> str:
    """The ConfigMap by which the pods of a version's newest revision reach the registry."""
    body = world.api.get(DEPLOYMENTS, NAMESPACE, world.revision(version))
    volumes = body["spec"]["template"]["spec"]["volumes"]
    return str(next(v["configMap"]["name"] for v in volumes if v["name"] == "registry"))


def test_it_serves_by_the_clusters_connection() -> None:
    world = with_central(secretRef={"name": "mine"})
    world.apply(version=1, registryRef=CENTRAL)
    world.run(20)
    assert (world.condition()["reason"], world.serving) == ("Serving", "1")
    assert mounted(world, "1") == "pintle-cluster-registry-mlflow"
    record = world.api.get(CONTROLLER_REVISIONS, NAMESPACE, world.revision("1"))
    assert record["data"]["identity"]["registry"] == "ClusterRegistryConnection/mlflow"
    assert record["data"]["secretName"] == "mine"
    world.cluster.requests.clear()
    world.start_operator()
    world.run(60, tick=5)
    assert world.cluster.requests == []


def test_another_kind_is_another_registry() -> None:
    """However much their names are alike: the same number may be another model there."""
    world = with_central()
    world.apply(version=1, registryRef=OWN)
    world.run(20)
    assert mounted(world, "1") == "pintle-registry-mlflow"
    before = world.revision("1")
    world.apply(registryRef=CENTRAL)
    world.run(20)
    assert world.revision("1") != before
    assert (world.served(), world.condition()["status"]) == (["1", "1"], "True")
    assert mounted(world, "1") == "pintle-cluster-registry-mlflow"
    world.apply(registryRef=OWN)
    world.operate()
    assert world.served() == ["1", "1", "1"], "and back, to the standby, at once"


def test_one_that_is_not_there() -> None:
    world = World()
    world.apply(version=1, registryRef=CENTRAL)
    world.run(20)
    ready = world.condition()
    assert (ready["reason"], ready["status"]) == ("RegistryNotFound", "False")
    assert ready["message"].startswith("there is no ClusterRegistryConnection mlflow: ask the administrator")


def test_what_it_requires() -> None:
    world = with_central(require={"tags": {"validation_status": "approved"}})
    world.apply(version=1, registryRef=CENTRAL)
    world.run(20)
    ready = world.condition()
    assert ready["reason"] == "NotApproved"
    assert "registry mlflow requires that" in ready["message"]
    world.apply(registryRef=OWN)
    world.run(20)
    assert world.condition()["reason"] == "Serving", "the control"


def test_its_deletion_touches_nothing_that_serves() -> None:
    world = with_central()
    world.apply(version=1, replicas=2, registryRef=CENTRAL)
    world.run(20)
    world.api.delete(CLUSTER_REGISTRY_CONNECTIONS, "", "mlflow")
    world.start_operator()
    world.run(20)
    assert (world.condition()["reason"], world.ready_pods("1")) == ("Serving", 2)
    assert sum(world.pods_gone.values()) == 0
