"""RegistryConnections while requests fail, answers get lost and the operator is killed."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from pintle import errors
from pintle.domain import Key, Query
from pintle.domain.resources import CONFIG_MAPS, REGISTRY_CONNECTIONS
from pintle.ports import Credentials
from tests.support.connections_world import (
    CONNECTED,
    CREATE,
    HOUR,
    KEY,
    NAME,
    NAMESPACE,
    PEM,
    SOON,
    STATUS,
    URI,
    ConnectionsWorld,
    changes,
    history,
)
from tests.support.fake_cluster import Fault, Verb

# Each request of a first pass with a Secret and a CA.
STEPS: list[tuple[Verb, str]] = [
    ("get", "secrets"),
    ("get", "configmaps"),
    ("create", "configmaps"),
    ("patch", "registryconnections/status"),
]
FAULTS: dict[str, Callable[[], BaseException]] = {
    "409": lambda: errors.Conflict("the object has been modified", status=409),
    "500": lambda: errors.Unavailable("etcdserver: request timed out", status=500),
    "429": lambda: errors.Unavailable("too many requests", status=429, after=2),
}


@pytest.mark.parametrize("committed", [False, True], ids=["refused", "lost"])
@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("step", STEPS, ids=" ".join)
@history
async def test_a_fault_at_each_request(
    world: ConnectionsWorld, step: tuple[Verb, str], kind: str, committed: bool
) -> None:
    fault = Fault(*step, error=FAULTS[kind](), committed=committed)
    world.cluster.faults.append(fault)
    await _from_nothing_to_connected(world)
    assert fault.seen, "the fault has struck"


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=" ".join)
@history
async def test_killed_at_each_request(
    world: ConnectionsWorld, step: tuple[Verb, str], committed: bool
) -> None:
    """The next process carries on from what the cluster holds."""
    killed = asyncio.Event()
    stuck = Fault(*step, error=asyncio.CancelledError(), committed=committed)
    stuck.meanwhile = killed.set
    world.cluster.faults.append(stuck)
    _make(world)
    await asyncio.wait_for(killed.wait(), 60)
    await world.end()
    world.api.listeners.remove(world.watch._changed)
    world.cluster.faults.clear()
    world.start()
    await _from_nothing_to_connected(world)


def _make(world: ConnectionsWorld) -> None:
    world.secret(username="eve", password="planted")
    world.server.accepts = Credentials("eve", "planted")
    world.api.create(CONFIG_MAPS, NAMESPACE, {"metadata": {"name": "ca"}, "data": {"ca.crt": PEM}})
    world.connect(secretRef={"name": "credentials"}, caBundle={"configMapRef": {"name": "ca"}})


async def _from_nothing_to_connected(world: ConnectionsWorld) -> None:
    """The same end, whatever happened on the way, and then rest."""
    if world.api.find(REGISTRY_CONNECTIONS, NAMESPACE, NAME) is None:
        _make(world)
    await asyncio.sleep(10)
    assert world.ready() == CONNECTED
    assert world.config["data"] == {"uri": URI, "ca.crt": PEM}
    assert len(world.api.objects(CONFIG_MAPS)) == 2
    changes(world)
    await asyncio.sleep(HOUR)
    assert changes(world) == ({}, [])


@history
async def test_a_late_watch_makes_nothing_twice(world: ConnectionsWorld) -> None:
    world.watch.hold()
    world.connect()
    world.watch.deliver()
    for _ in range(3):
        await asyncio.sleep(20)
        world.intake.everything()
    world.watch.release()
    await asyncio.sleep(60)
    assert changes(world) == ({CREATE: 1, STATUS: 1}, [])
    assert world.ready() == CONNECTED


@history
async def test_no_secret_gets_out(world: ConnectionsWorld) -> None:
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(logging.Formatter().format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("pintle")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        _make(world)
        await asyncio.sleep(SOON)
        world.server.accepts = Credentials("eve", "another")
        world.resolver.want(Key(NAMESPACE, "iris"), Query(NAME, "iris", "1"))
        world.server.fault = ZeroDivisionError("at fault")
        await asyncio.sleep(HOUR)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert told
    shown = [*told, repr(world.connections.endpoint(*KEY)), repr(world.connections.view(*KEY))]
    shown += [repr(r.body) for r in world.cluster.requests] + [repr(world.body()), repr(world.config)]
    assert not any("planted" in text or "cGxhbnRlZA" in text for text in shown)
