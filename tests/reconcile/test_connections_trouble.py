"""RegistryConnections whose Secret or whose registry is not as it should be."""

import asyncio

import pytest

from pintle.domain import Failed, Key, Query, Resolved
from pintle.ports import Credentials, Endpoint
from tests.support.connections_world import (
    CONNECTED,
    CREATE,
    HOUR,
    KEY,
    NAME,
    NAMESPACE,
    OUTAGE,
    SOON,
    STATUS,
    URI,
    ConnectionsWorld,
    changes,
    history,
)


@history
async def test_a_role_that_is_missing(world: ConnectionsWorld) -> None:
    world.secret(username="eve", password="p")
    world.cluster.readable.clear()
    world.connect(secretRef={"name": "credentials"})
    await asyncio.sleep(SOON)
    assert world.ready() == ("False", "CredentialsForbidden")
    assert [c["type"] for c in world.status()["conditions"]] == ["Ready", "Stalled"]
    command = "kubectl -n ml create role pintle-reads-credentials --verb=get --resource=secrets"
    assert command in world.message()
    found, seen = world.connections.endpoint(*KEY), world.connections.view(*KEY)
    assert isinstance(found, Failed)
    assert found.message == world.message()
    assert seen
    assert seen.secret_problem == world.message()
    assert world.config["data"] == {"uri": URI}, "pods read their Secret themselves"
    assert world.server.asked == []
    world.cluster.readable.add("credentials")
    await asyncio.sleep(2)
    assert world.ready() == CONNECTED
    assert world.changed == [KEY, KEY]


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("Opaque", {"token": "planted"}, "has the type Opaque"),
        ("pintle.dev/registry-credentials", {"password": "planted"}, "has no key username"),
    ],
)
@history
async def test_a_secret_that_is_not_meant_for_this(
    world: ConnectionsWorld, kind: str, data: dict[str, str], words: str
) -> None:
    world.secret(kind=kind, **data)
    world.connect(secretRef={"name": "credentials"})
    await asyncio.sleep(SOON)
    assert world.ready() == ("False", "CredentialsForbidden")
    assert words in world.message()
    assert world.server.asked == []
    world.secret(token="t")
    await asyncio.sleep(2)
    assert world.ready() == CONNECTED


@history
async def test_a_registry_that_is_down_and_comes_back(world: ConnectionsWorld) -> None:
    world.server.fault = OUTAGE
    world.connect()
    await asyncio.sleep(2000)
    assert world.ready() == ("False", "RegistryUnavailable")
    assert world.message() == f"registry mlflow at {URI} is down"
    assert [c["type"] for c in world.status()["conditions"]] == ["Ready", "Reconciling"]
    times = [round(t) for t in world.server.asked_at]
    assert times == [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111, 1411, 1711]
    assert world.changed == [KEY], "it is reached as before"
    assert changes(world) == ({CREATE: 1, STATUS: 1}, [])
    world.server.fault = None
    await asyncio.sleep(300)
    assert world.ready() == CONNECTED
    assert changes(world) == ({STATUS: 1}, [])
    await asyncio.sleep(HOUR)
    assert len(world.server.asked) == len(times) + 1


@history
async def test_a_registry_that_hangs_holds_up_nobody_else(world: ConnectionsWorld) -> None:
    world.server.hang()
    for number in range(20):
        world.connect(f"slow-{number}")
    world.registry.server("http://quick:5000")
    world.connect("quick", uri="http://quick:5000")
    await asyncio.sleep(SOON)
    assert world.ready("quick") == CONNECTED
    assert world.ready("slow-0") == ("", ""), "nothing is known yet, and nothing claimed"
    assert isinstance(world.connections.endpoint(NAMESPACE, "slow-0"), Endpoint)
    world.server.release()
    await asyncio.sleep(SOON)
    assert world.ready("slow-0") == CONNECTED


@history
async def test_a_rotated_secret(world: ConnectionsWorld) -> None:
    """Nothing tells of it but a question that is refused; the Secret is read again now and then."""
    world.secret(username="eve", password="old")
    world.server.accepts = Credentials("eve", "old")
    world.server.register("iris")
    world.connect(secretRef={"name": "credentials"})
    await asyncio.sleep(SOON)
    wanted = Key(NAMESPACE, "iris"), Query(NAME, "iris", "1")
    world.server.accepts = Credentials("eve", "new")
    world.resolver.want(*wanted)
    changes(world)
    await asyncio.sleep(299)
    assert world.ready() == ("False", "RegistryForbidden")
    reads = changes(world)[1]
    assert set(reads) == {"secrets/credentials"}
    assert len(reads) <= 10 + 5, "once in 30 s, and after 1, 2, 4, 8 and 16 s as the status tells of trouble"
    world.secret(username="eve", password="new")
    await asyncio.sleep(61)
    assert world.ready() == CONNECTED
    assert isinstance(world.resolver.want(*wanted), Resolved)
    changes(world)
    await asyncio.sleep(HOUR)
    assert changes(world) == ({}, [])


@history
async def test_an_outage_that_a_question_meets(world: ConnectionsWorld) -> None:
    world.connect()
    world.server.register("iris")
    await asyncio.sleep(60)
    world.server.fault = OUTAGE
    world.resolver.want(Key(NAMESPACE, "iris"), Query(NAME, "iris", "1"))
    await asyncio.sleep(SOON)
    assert world.ready() == ("False", "RegistryUnavailable")
    await asyncio.sleep(2000)
    world.server.fault = None
    await asyncio.sleep(31)
    assert isinstance(world.resolver.want(Key(NAMESPACE, "iris"), Query(NAME, "iris", "1")), Resolved)
    await asyncio.sleep(31)
    assert world.ready() == CONNECTED, "found by the question, long before the pause of 300 s is over"


@history
async def test_a_missing_version_is_no_trouble_of_the_connection(world: ConnectionsWorld) -> None:
    world.connect()
    await asyncio.sleep(SOON)
    changes(world)
    world.resolver.want(Key(NAMESPACE, "iris"), Query(NAME, "iris", "1"))
    await asyncio.sleep(HOUR)
    assert changes(world) == ({}, [])
    assert [asked.what for asked in world.server.asked].count("server") == 1


@history
async def test_the_pause_begins_when_the_registry_has_failed(world: ConnectionsWorld) -> None:
    world.server.fault = OUTAGE
    world.server.latency = 8.0
    world.connect()
    await asyncio.sleep(40)
    assert world.server.asked_at == [0, 9, 19, 31]


@history
async def test_a_registry_that_hangs_is_asked_once_at_a_time(world: ConnectionsWorld) -> None:
    world.server.hang()
    world.connect()
    for _ in range(3):
        await asyncio.sleep(700)
        world.intake.everything()
    assert (world.server.open, len(world.server.asked)) == (1, 1)
