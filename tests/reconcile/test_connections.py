"""RegistryConnections that come, change and go, in virtual time."""

import asyncio

from pintle.domain import Key, Pending, Query, Resolved
from pintle.domain.resources import CONFIG_MAPS, NAMESPACES, REGISTRY_CONNECTIONS
from pintle.ports import Credentials, Endpoint
from tests.support.connections_world import (
    CONFIG,
    CONNECTED,
    CREATE,
    HOUR,
    KEY,
    NAME,
    NAMESPACE,
    OUTAGE,
    PATCH,
    PEM,
    SOON,
    STATUS,
    URI,
    ConnectionsWorld,
    changes,
    history,
)
from tests.support.fake_cluster import Fault
from tests.support.fake_registry import SERVER_VERSION, Asked


@history
async def test_a_new_connection(world: ConnectionsWorld) -> None:
    uid = world.connect()["metadata"]["uid"]
    await asyncio.sleep(SOON)
    assert world.ready() == CONNECTED
    assert world.message() == f"MLflow {SERVER_VERSION} answers"
    assert world.status()["serverVersion"] == SERVER_VERSION
    assert world.status()["observedGeneration"] == 1
    assert world.config["data"] == {"uri": URI}
    assert world.config["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "pintle.dev/v1alpha1",
            "kind": "RegistryConnection",
            "name": NAME,
            "uid": uid,
            "controller": True,
        }
    ]
    assert changes(world) == ({CREATE: 1, STATUS: 1}, [])
    assert world.changed == [KEY]
    assert world.server.asked == [Asked("server")]


@history
async def test_nothing_is_read_or_written_at_rest(world: ConnectionsWorld) -> None:
    world.secret(username="eve", password="p")
    world.connect(secretRef={"name": "credentials"})
    await asyncio.sleep(SOON)
    assert changes(world) == ({CREATE: 1, STATUS: 1}, ["secrets/credentials"])
    world.api.patch(REGISTRY_CONNECTIONS, NAMESPACE, NAME, {"metadata": {"labels": {"argocd": "1"}}})
    await asyncio.sleep(24 * HOUR)
    assert changes(world) == ({}, [])
    assert len(world.server.asked) == 1


@history
async def test_the_resync_looks_again(world: ConnectionsWorld) -> None:
    world.secret(username="eve", password="p")
    world.connect(secretRef={"name": "credentials"})
    await asyncio.sleep(60)
    changes(world)
    world.intake.everything()
    await asyncio.sleep(SOON)
    assert changes(world) == ({}, []), "one that comes soon after another finds nothing to do"
    world.secret(username="eve", password="rotated")
    await asyncio.sleep(600)
    world.intake.everything()
    await asyncio.sleep(SOON)
    assert changes(world) == ({}, ["secrets/credentials"])
    found = world.connections.endpoint(*KEY)
    assert isinstance(found, Endpoint)
    assert found.credentials == Credentials("eve", "rotated")
    assert world.changed == [KEY, KEY]
    assert len(world.server.asked) == 2


@history
async def test_credentials_and_certificates(world: ConnectionsWorld) -> None:
    world.secret(username="eve", password="p")
    world.api.create(CONFIG_MAPS, NAMESPACE, {"metadata": {"name": "ca"}, "data": {"ca.crt": PEM}})
    world.server.accepts = Credentials("eve", "p")
    world.connect(
        uri=f"{URI}/",
        secretRef={"name": "credentials"},
        caBundle={"configMapRef": {"name": "ca"}},
        pollSeconds=7,
    )
    assert world.connections.endpoint(*KEY) == Pending(world.clock.now())
    seen = world.connections.view(*KEY)
    assert seen
    assert (seen.secret, seen.secret_problem, seen.checked) == ("credentials", "", False)
    await asyncio.sleep(SOON)
    found = world.connections.endpoint(*KEY)
    assert found == Endpoint(URI, PEM, Credentials("eve", "p"))
    assert isinstance(found, Endpoint)
    assert found.poll_seconds == 7
    seen = world.connections.view(*KEY)
    assert seen
    assert (seen.secret, seen.secret_problem, seen.checked) == ("credentials", "", True)
    assert world.config["data"] == {"uri": f"{URI}/", "ca.crt": PEM}
    assert world.ready() == CONNECTED
    assert world.connections.endpoint(NAMESPACE, "other") is None
    assert world.connections.view("shop", NAME) is None


@history
async def test_an_edit(world: ConnectionsWorld) -> None:
    world.connect()
    world.server.register("iris")
    await asyncio.sleep(SOON)
    world.resolver.want(Key(NAMESPACE, "iris"), Query(NAME, "iris", "1"))
    await asyncio.sleep(SOON)
    changes(world)
    other = world.registry.server("http://other:5000")
    expected = other.register("iris")
    world.edit(uri="http://other:5000")
    assert isinstance(world.connections.endpoint(*KEY), Pending), "what it led to before is not asked"
    await asyncio.sleep(SOON)
    assert changes(world) == ({PATCH: 1, STATUS: 1}, [])
    assert world.config["data"] == {"uri": "http://other:5000"}
    assert world.ready() == CONNECTED
    assert world.status()["observedGeneration"] == 2
    assert world.resolver.want(Key(NAMESPACE, "iris"), Query(NAME, "iris", "1")) == Resolved(expected)


@history
async def test_an_edit_while_the_registry_is_asked(world: ConnectionsWorld) -> None:
    world.server.hang()
    world.connect()
    await asyncio.sleep(SOON)
    world.registry.server("http://other:5000").fault = OUTAGE
    world.edit(uri="http://other:5000")
    await asyncio.sleep(SOON)
    world.server.release()
    await asyncio.sleep(SOON)
    assert world.ready() == ("False", "RegistryUnavailable"), "the answer of the first one says nothing now"


@history
async def test_an_edit_ends_the_question_that_is_under_way(world: ConnectionsWorld) -> None:
    world.server.hang()
    world.connect()
    await asyncio.sleep(SOON)
    assert world.server.open == 1
    world.registry.server("http://other:5000")
    world.edit(uri="http://other:5000")
    await asyncio.sleep(SOON)
    assert world.server.open == 0
    assert world.ready() == CONNECTED


@history
async def test_an_edit_while_the_secret_is_read(world: ConnectionsWorld) -> None:
    def edit() -> None:
        world.edit(uri="http://other:5000")
        world.connections.endpoint(*KEY)  # as a pass of a ModelDeployment asks

    world.secret(username="eve", password="p")
    world.registry.server("http://other:5000").register("iris")
    world.server.hang()
    world.cluster.faults.append(Fault("get", "secrets", meanwhile=edit))
    world.connect(secretRef={"name": "credentials"})
    await asyncio.sleep(SOON)
    assert world.server.asked == [], "what it led to before is not asked"
    assert world.config["data"] == {"uri": "http://other:5000"}
    assert world.ready() == CONNECTED


@history
async def test_deletion(world: ConnectionsWorld) -> None:
    world.connect()
    await asyncio.sleep(SOON)
    finalizer = {"metadata": {"finalizers": ["somebody.else/thinks"]}}
    world.api.patch(REGISTRY_CONNECTIONS, NAMESPACE, NAME, finalizer)
    world.api.delete(REGISTRY_CONNECTIONS, NAMESPACE, NAME)
    world.api.remove(CONFIG_MAPS, NAMESPACE, CONFIG)
    changes(world)
    world.intake.everything()
    await asyncio.sleep(HOUR)
    assert changes(world) == ({}, [])
    world.api.remove(REGISTRY_CONNECTIONS, NAMESPACE, NAME)
    await asyncio.sleep(HOUR)
    assert changes(world) == ({}, [])
    assert world.connections.endpoint(*KEY) is None
    assert world.changed == [KEY, KEY]


@history
async def test_a_namespace_on_its_way_out(world: ConnectionsWorld) -> None:
    world.connect()
    await asyncio.sleep(SOON)
    finalizer = {"metadata": {"finalizers": ["kubernetes"]}}
    world.api.patch(NAMESPACES, "", NAMESPACE, finalizer)
    world.api.delete(NAMESPACES, "", NAMESPACE)
    world.api.remove(CONFIG_MAPS, NAMESPACE, CONFIG)
    changes(world)
    await asyncio.sleep(300)
    assert changes(world) == ({}, [])


@history
async def test_one_that_cannot_be_read_harms_no_other(world: ConnectionsWorld) -> None:
    body = world.connect("odd")
    body["spec"]["pollSeconds"] = "of another schema"
    world.cache.upsert(
        REGISTRY_CONNECTIONS, {**body, "metadata": {**body["metadata"], "resourceVersion": "99999"}}
    )
    world.queue.add(Key(NAMESPACE, "odd"))
    world.connect()
    await asyncio.sleep(SOON)
    assert world.connections.endpoint(NAMESPACE, "odd") is None
    assert world.ready() == CONNECTED
