"""The ConfigMap of a RegistryConnection: made, put back, and the names that others hold."""

import asyncio
from typing import Any

import pytest

from pintle.domain.resources import CONFIG_MAPS, REGISTRY_CONNECTIONS
from pintle.ports import Endpoint
from tests.support.connections_world import (
    CONFIG,
    CONNECTED,
    CREATE,
    KEY,
    NAME,
    NAMESPACE,
    PATCH,
    SOON,
    STATUS,
    URI,
    ConnectionsWorld,
    changes,
    history,
)


@history
async def test_its_config_map_is_put_back(world: ConnectionsWorld) -> None:
    world.connect()
    await asyncio.sleep(SOON)
    changes(world)
    world.api.remove(CONFIG_MAPS, NAMESPACE, CONFIG)
    await asyncio.sleep(SOON)
    assert changes(world) == ({CREATE: 1}, [])
    edit: dict[str, Any]
    for edit, reads in (
        ({"data": {"uri": "http://evil:5000", "mine": "kept"}}, []),
        ({"data": {"ca.crt": "planted"}}, []),
        ({"metadata": {"labels": {"pintle.dev/registry": None}}}, []),
        ({"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}, [f"configmaps/{CONFIG}"]),
    ):
        world.api.patch(CONFIG_MAPS, NAMESPACE, CONFIG, edit)
        world.intake.everything()
        await asyncio.sleep(SOON)
        writes, read = changes(world)
        assert (writes.pop(PATCH), read) == (1, reads)
        assert set(writes) <= {CREATE}
        assert world.config["data"] == {"uri": URI, "mine": "kept"}
        assert world.config["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "pintle"
    assert len(world.server.asked) == 1


@pytest.mark.parametrize(
    "labels", [{}, {"app.kubernetes.io/managed-by": "pintle"}], ids=["foreign", "orphan"]
)
@history
async def test_a_name_that_is_taken(world: ConnectionsWorld, labels: dict[str, str]) -> None:
    theirs = {"metadata": {"name": CONFIG, "labels": labels}, "data": {"uri": "http://theirs"}}
    world.api.create(CONFIG_MAPS, NAMESPACE, theirs)
    world.connect()
    await asyncio.sleep(SOON)
    assert world.ready() == ("False", "NameTaken")
    assert f"kubectl -n ml delete configmap {CONFIG}" in world.message()
    assert world.config["data"] == {"uri": "http://theirs"}
    assert isinstance(world.connections.endpoint(*KEY), Endpoint), "the registry can be asked all the same"
    await asyncio.sleep(2000)
    assert len([r for r in world.cluster.requests if r.resource == "configmaps"]) < 40
    world.api.remove(CONFIG_MAPS, NAMESPACE, CONFIG)
    await asyncio.sleep(301)
    assert world.ready() == CONNECTED
    assert world.config["data"] == {"uri": URI}


@history
async def test_made_again_under_the_same_name(world: ConnectionsWorld) -> None:
    world.connect()
    await asyncio.sleep(SOON)
    world.api.remove(REGISTRY_CONNECTIONS, NAMESPACE, NAME)
    await asyncio.sleep(SOON)
    assert world.connections.endpoint(*KEY) is None
    uid = world.connect()["metadata"]["uid"]
    changes(world)
    await asyncio.sleep(60)
    assert world.config["metadata"]["ownerReferences"][0]["uid"] != uid, (
        "it is on its way out, and waited for"
    )
    assert set(changes(world)[0]) <= {STATUS}
    world.controllers.step()  # the garbage collector
    await asyncio.sleep(SOON)
    assert world.config["metadata"]["ownerReferences"][0]["uid"] == uid
    assert world.ready() == CONNECTED
