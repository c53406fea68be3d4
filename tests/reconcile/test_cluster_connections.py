"""ClusterRegistryConnections: one for many namespaces, each with its own Secret; in virtual time."""

import asyncio
from typing import Any

import pytest

from pintle.domain import Failed, Key, Pending, Query, Resolved
from pintle.domain.resources import (
    CLUSTER_REGISTRY_CONNECTIONS,
    CONFIG_MAPS,
    MODEL_DEPLOYMENTS,
    NAMESPACES,
    REGISTRY_CONNECTIONS,
)
from pintle.ports import Credentials, Endpoint
from tests.support.connections_world import CREATE, HOUR, PEM, SOON, URI, ConnectionsWorld, changes, history
from tests.support.fake_api_server import Body
from tests.support.fake_registry import SERVER_VERSION, Asked

NAME = "central"
REGISTRY = f"ClusterRegistryConnection/{NAME}"
CONFIG = f"pintle-cluster-registry-{NAME}"
STATUS = ("patch", "clusterregistryconnections/status")
ML, SHOP = Key("ml", REGISTRY), Key("shop", REGISTRY)


def connect(world: ConnectionsWorld, **spec: Any) -> Body:  # noqa: ANN401 - fields of the spec
    wanted = {"uri": URI, "allowedNamespaces": {}} | spec
    body = {"metadata": {"name": NAME}, "spec": wanted}
    return world.api.create(CLUSTER_REGISTRY_CONNECTIONS, "", body)


def edit(world: ConnectionsWorld, **spec: Any) -> None:  # noqa: ANN401 - as above
    world.api.patch(CLUSTER_REGISTRY_CONNECTIONS, "", NAME, {"spec": spec})


def use(world: ConnectionsWorld, namespace: str, name: str = "iris") -> None:
    """Make a ModelDeployment that names the connection."""
    spec = {"registryRef": {"kind": "ClusterRegistryConnection", "name": NAME}, "model": "iris", "version": 1}
    world.api.create(MODEL_DEPLOYMENTS, namespace, {"metadata": {"name": name}, "spec": spec})


def label(world: ConnectionsWorld, namespace: str, **labels: str | None) -> None:
    world.api.patch(NAMESPACES, "", namespace, {"metadata": {"labels": labels}})


def ready(world: ConnectionsWorld) -> tuple[str, str, str]:
    body = world.api.get(CLUSTER_REGISTRY_CONNECTIONS, "", NAME)
    for condition in body["status"].get("conditions", []):
        assert condition["observedGeneration"] == body["metadata"]["generation"]
        if condition["type"] == "Ready":
            return condition["status"], condition["reason"], condition["message"]
    return "", "", ""


def config(world: ConnectionsWorld, namespace: str) -> Body | None:
    return world.api.find(CONFIG_MAPS, namespace, CONFIG)


def failed(answer: object) -> tuple[str, str]:
    assert isinstance(answer, Failed)
    return answer.reason, answer.message


@history
async def test_one_connection_in_two_namespaces(world: ConnectionsWorld) -> None:
    uid = connect(world, caBundle=PEM)["metadata"]["uid"]
    for namespace in ("ml", "shop"):
        use(world, namespace)
    await asyncio.sleep(SOON)
    assert ready(world) == ("True", "Connected", f"MLflow {SERVER_VERSION} answers")
    assert changes(world) == ({CREATE: 2, STATUS: 1}, [])
    assert world.server.asked == [Asked("server")], "once, however many use it"
    for namespace in ("ml", "shop"):
        held = config(world, namespace)
        assert held is not None
        assert held["data"] == {"uri": URI, "ca.crt": PEM}
        assert [(o["kind"], o["name"], o["uid"]) for o in held["metadata"]["ownerReferences"]] == [
            ("ClusterRegistryConnection", NAME, uid)
        ]
        assert world.connections.endpoint(namespace, REGISTRY) == Endpoint(URI, PEM)
    world.server.register("iris")
    query = Query(REGISTRY, "iris", version="1")
    for key in (Key("ml", "iris"), Key("shop", "iris")):
        world.resolver.want(key, query)
    await asyncio.sleep(SOON)
    assert world.server.counts()[Asked("version", "iris", "1")] == 1, "and so are its questions"
    assert isinstance(
        world.resolver.want(Key("shop", "iris"), Query(REGISTRY, "iris", version="1")), Resolved
    )


@history
async def test_a_message_names_it_as_people_do(world: ConnectionsWorld) -> None:
    connect(world)
    use(world, "ml")
    await asyncio.sleep(SOON)
    query = Query(REGISTRY, "iris", version="1")
    world.resolver.want(Key("ml", "iris"), query)
    await asyncio.sleep(SOON)
    assert failed(world.resolver.want(Key("ml", "iris"), query))[1] == (
        f"there is no model iris in registry {NAME}: register it"
    )


@history
async def test_nothing_is_read_or_written_at_rest(world: ConnectionsWorld) -> None:
    world.secret(username="eve", password="p")
    connect(world, secretRef={"name": "credentials"})
    use(world, "ml")
    await asyncio.sleep(SOON)
    assert changes(world) == ({CREATE: 1, STATUS: 1}, ["secrets/credentials"])
    use(world, "ml", "fraud")
    label(world, "ml", argocd="1")
    await asyncio.sleep(24 * HOUR)
    assert changes(world) == ({}, [])
    world.api.remove(CONFIG_MAPS, "ml", CONFIG)
    await asyncio.sleep(SOON)
    assert changes(world) == ({CREATE: 1}, ["secrets/credentials"]), "made again, after a look"


@history
async def test_where_nobody_uses_it_nothing_is_made(world: ConnectionsWorld) -> None:
    world.secret(username="eve", password="p")
    connect(world, secretRef={"name": "credentials"})
    await asyncio.sleep(SOON)
    assert changes(world) == ({STATUS: 1}, [])
    use(world, "shop")
    await asyncio.sleep(SOON)
    assert config(world, "ml") is None
    assert config(world, "shop") is not None


@history
async def test_each_namespace_has_its_own_credentials(world: ConnectionsWorld) -> None:
    world.server.accepts = Credentials("eve", "p")
    world.secret(username="eve", password="p")
    connect(world, secretRef={"name": "credentials"})
    for namespace in ("ml", "shop"):
        use(world, namespace)
    await asyncio.sleep(SOON)
    assert ready(world)[:2] == ("True", "Connected"), "that it asks who is there is an answer"
    assert world.connections.endpoint(*ML) == Endpoint(URI, credentials=Credentials("eve", "p"))
    reason, message = failed(world.connections.endpoint(*SHOP))
    assert reason == "CredentialsForbidden"
    assert "Secret credentials in namespace shop does not exist: kubectl -n shop create secret" in message
    world.secret(namespace="shop", username="bob", password="q")
    await asyncio.sleep(300)
    assert world.connections.endpoint(*SHOP) == Endpoint(URI, credentials=Credentials("bob", "q"))
    assert SHOP in world.changed


@history
async def test_a_registry_that_wants_credentials_where_none_are_named(world: ConnectionsWorld) -> None:
    """The control of the test above."""
    world.server.accepts = Credentials("eve", "p")
    connect(world)
    await asyncio.sleep(SOON)
    assert ready(world)[:2] == ("False", "RegistryForbidden")


@history
async def test_only_allowed_namespaces(world: ConnectionsWorld) -> None:
    connect(world, allowedNamespaces={"matchLabels": {"models": "yes"}})
    label(world, "shop", models="yes")
    for namespace in ("ml", "shop"):
        use(world, namespace)
    await asyncio.sleep(SOON)
    assert isinstance(world.connections.endpoint(*SHOP), Endpoint)
    reason, message = failed(world.connections.endpoint(*ML))
    assert reason == "RegistryForbidden"
    assert message == (
        "ClusterRegistryConnection central does not allow namespace ml: have the namespace's labels meet "
        "spec.allowedNamespaces there, or name another connection in spec.registryRef"
    )
    assert config(world, "ml") is None
    assert ready(world)[:2] == ("True", "Connected")
    world.changed.clear()
    label(world, "ml", models="yes")
    assert isinstance(world.connections.endpoint(*ML), Pending)
    await asyncio.sleep(SOON)
    assert isinstance(world.connections.endpoint(*ML), Endpoint)
    assert config(world, "ml") is not None
    assert world.changed == [ML]
    label(world, "ml", models=None)
    await asyncio.sleep(SOON)
    assert failed(world.connections.endpoint(*ML))[0] == "RegistryForbidden"
    assert config(world, "ml") is not None, "what serves there needs it for new pods"
    seen = world.connections.view(*ML)
    assert seen is not None
    edit(world, allowedNamespaces={"matchLabels": None})
    await asyncio.sleep(SOON)
    assert isinstance(world.connections.endpoint(*ML), Endpoint)


@pytest.mark.parametrize(
    ("selector", "allowed"),
    [
        ({}, ("ml", "shop")),
        ({"matchLabels": {"team": "risk"}}, ("ml",)),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, ("ml",)),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, ("shop",)),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["risk", "x"]}]}, ("ml",)),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["risk"]}]}, ("shop",)),
        ({"matchLabels": {"team": "risk"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}, ()),
    ],
    ids=str,
)
@history
async def test_selectors(world: ConnectionsWorld, selector: dict[str, Any], allowed: tuple[str, ...]) -> None:
    label(world, "ml", team="risk")
    connect(world, allowedNamespaces=selector)
    for namespace in ("ml", "shop"):
        use(world, namespace)
    await asyncio.sleep(SOON)
    both = ("ml", "shop")
    found = tuple(n for n in both if isinstance(world.connections.endpoint(n, REGISTRY), Endpoint))
    assert found == allowed


@history
async def test_edited_and_deleted(world: ConnectionsWorld) -> None:
    connect(world)
    use(world, "ml")
    await asyncio.sleep(SOON)
    world.changed.clear()
    edit(world, uri="http://elsewhere:5000")
    await asyncio.sleep(SOON)
    assert ready(world)[:2] == ("False", "RegistryUnavailable")
    held = config(world, "ml")
    assert held is not None
    assert held["data"] == {"uri": "http://elsewhere:5000"}
    world.api.delete(CLUSTER_REGISTRY_CONNECTIONS, "", NAME)
    await asyncio.sleep(SOON)
    assert world.connections.endpoint(*ML) is None
    assert world.connections.view(*ML) is None
    assert world.changed.count(ML) == 2


@history
async def test_it_is_not_the_namespaces_own_of_the_same_name(world: ConnectionsWorld) -> None:
    world.connect(NAME, uri="http://mine:5000")
    connect(world)
    use(world, "ml")
    await asyncio.sleep(SOON)
    mine, central = (world.connections.endpoint("ml", name) for name in (NAME, REGISTRY))
    assert isinstance(mine, Endpoint)
    assert isinstance(central, Endpoint)
    assert (mine.uri, central.uri) == ("http://mine:5000", URI)
    assert world.api.get(CONFIG_MAPS, "ml", f"pintle-registry-{NAME}")["data"] == {"uri": "http://mine:5000"}
    world.api.delete(REGISTRY_CONNECTIONS, "ml", NAME)
    await asyncio.sleep(SOON)
    assert isinstance(world.connections.endpoint(*ML), Endpoint)


@history
async def test_an_outage_that_a_namespace_meets_is_looked_into(world: ConnectionsWorld) -> None:
    connect(world)
    use(world, "ml")
    await asyncio.sleep(60)
    world.connections.heard("ml", REGISTRY, "RegistryUnavailable")
    world.server.fault = ConnectionError("planted")
    await asyncio.sleep(60)
    assert ready(world)[:2] == ("False", "RegistryUnavailable")
    assert "planted" not in ready(world)[2]
    world.server.fault = None
    world.connections.heard("ml", REGISTRY, "ok")
    await asyncio.sleep(60)
    assert ready(world)[:2] == ("True", "Connected")


@history
async def test_another_process_carries_on(world: ConnectionsWorld) -> None:
    connect(world)
    use(world, "ml")
    await asyncio.sleep(SOON)
    changes(world)
    await world.stop()
    world.start()
    await asyncio.sleep(SOON)
    assert changes(world) == ({}, [])
    assert isinstance(world.connections.endpoint(*ML), Endpoint)
