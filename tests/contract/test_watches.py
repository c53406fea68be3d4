"""kopf's watches on a real API server: what they deliver, what they write, and that they come back.

Each fault is one that kopf has been seen to stop at, or to go blind at (docs/adr/0001).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import pytest

from pintle import handlers, naming, watches
from pintle.adapters import kube_http
from pintle.adapters.cluster import KubernetesCluster
from pintle.adapters.kube_http import Login
from pintle.domain.resources import CONFIG_MAPS, MODEL_DEPLOYMENTS
from pintle.intake import Change
from pintle.ports import Json, Resource
from pintle.resync import WATCHED
from pintle.watches import Watches
from testbed import api
from tests.support.faults.proxy import ApiProxy

DEADLINE = 30.0
KINDS = len(handlers.watchers(WATCHED))


@dataclass
class World:
    """Watches behind a proxy, and what they have delivered from one namespace."""

    proxy: ApiProxy
    watches: Watches
    cluster: KubernetesCluster
    namespace: str
    events: list[tuple[Change, str, str]] = field(default_factory=list)
    heard: Counter[str] = field(default_factory=Counter)

    async def until(self, condition: Callable[[], bool], what: str, within: float = DEADLINE) -> None:
        deadline = monotonic() + within
        while not condition():
            assert monotonic() < deadline, f"{what}; watched: {self.proxy.paths}; delivered: {self.events}"
            await asyncio.sleep(0.02)

    async def all_watched(self) -> None:
        await self.until(lambda: self.proxy.watching == KINDS, "not all kinds are watched")

    async def sees(self, name: str, change: Change = "ADDED") -> None:
        """Make an object, and wait until the watch tells."""
        metadata = {"name": name, "labels": naming.child_labels("iris")}
        await self.cluster.create(CONFIG_MAPS, self.namespace, {"metadata": metadata})
        expected = (change, "configmaps", name)
        await self.until(lambda: expected in self.events, f"{expected} was not delivered")


@asynccontextmanager
async def watching(server: api.Cluster, namespace: str) -> AsyncIterator[World]:
    login = await kube_http.login(server.kubeconfig)
    cluster = await KubernetesCluster.connect(kubeconfig=server.kubeconfig)
    proxy = ApiProxy(login)
    await proxy.start()
    loop = asyncio.get_running_loop()
    events: list[tuple[Change, str, str]] = []
    heard: Counter[str] = Counter()

    def deliver(change: Change, resource: Resource, obj: Json) -> None:
        if obj["metadata"].get("namespace") == namespace:
            loop.call_soon_threadsafe(events.append, (change, resource.plural, obj["metadata"]["name"]))

    async def through_proxy() -> Login:
        return Login(server=proxy.url, ca_path=None, certificate_path=None, key_path=None)

    def hear(watcher: str) -> None:
        loop.call_soon_threadsafe(heard.update, [watcher])

    operate = handlers.operate(deliver, through_proxy, lambda: WATCHED, heard=hear)
    made = Watches(operate, lambda: handlers.watchers(WATCHED))
    made.start()
    world = World(proxy, made, cluster, namespace, events, heard)
    try:
        await world.all_watched()
        yield world
    finally:
        await made.stop()
        await proxy.stop()
        await cluster.close()


@pytest.fixture
async def world(api_server: api.Cluster, crds: None, namespace: str) -> AsyncIterator[World]:  # noqa: ARG001 - crds installs
    async with watching(api_server, namespace) as world:
        yield world


async def test_own_kinds_are_watched_whole_and_children_by_label(world: World) -> None:
    body: dict[str, Any] = {"metadata": {"name": "iris"}, "spec": {"model": "iris", "version": 3}}
    made = await world.cluster.create(MODEL_DEPLOYMENTS, world.namespace, body)
    await world.cluster.create(CONFIG_MAPS, world.namespace, {"metadata": {"name": "not-ours"}})
    await world.sees("ours")
    await world.cluster.patch(MODEL_DEPLOYMENTS, world.namespace, "iris", {"spec": {"version": 4}})
    await world.cluster.delete(MODEL_DEPLOYMENTS, world.namespace, "iris", uid=made["metadata"]["uid"])
    gone = ("DELETED", "modeldeployments", "iris")
    await world.until(lambda: gone in world.events, "the deletion was not delivered")
    of_iris = [change for change, _, name in world.events if name == "iris"]
    assert (of_iris[0], of_iris[-1]) == ("ADDED", "DELETED")
    assert set(of_iris[1:-1]) == {"MODIFIED"}  # an operator may be at work, and report
    assert "not-ours" not in {name for _, _, name in world.events}
    assert world.watches.problem() == ""


@pytest.mark.slow
async def test_a_watch_at_rest_is_heard_of_every_minute(world: World) -> None:
    """By bookmarks, which is what `pintle_watch_age_seconds` and its alert count on."""
    all_of_them = handlers.watchers(WATCHED)
    await world.until(lambda: world.heard.keys() == all_of_them, "not all lists were heard")
    before = world.heard.copy()
    await world.until(
        lambda: all(world.heard[watcher] > before[watcher] for watcher in all_of_them),
        "a watch was silent for 90 s",
        within=90,
    )


async def test_kopf_writes_nothing(world: World) -> None:
    body: dict[str, Any] = {"metadata": {"name": "iris"}, "spec": {"model": "iris", "version": 3}}
    await world.cluster.create(MODEL_DEPLOYMENTS, world.namespace, body)
    await world.sees("later")  # what would be written about `iris` is on its way by now
    held = await world.cluster.get(MODEL_DEPLOYMENTS, world.namespace, "iris")
    assert held["metadata"].get("annotations") is None
    assert held["metadata"].get("finalizers") is None
    assert not [exchange for exchange in world.proxy.journal if exchange.target.is_write]


@pytest.mark.parametrize("error", [None, 410, 429, 500, 404])
async def test_watches_come_back_after_an_interruption(world: World, error: int | None) -> None:
    await world.sees("before")
    world.proxy.end_watches(error=error)
    await world.until(lambda: world.proxy.watching < KINDS, "no watch ended")
    await world.all_watched()
    await world.sees("after")


async def test_watches_come_back_after_an_outage(world: World) -> None:
    with world.proxy.refusing(503):
        world.proxy.end_watches(error=500)  # kopf exits at this, and starts again amid the outage
        await world.until(lambda: world.proxy.watching == 0, "the watches did not end")
        await asyncio.sleep(3)
    await world.all_watched()
    await world.sees("after")


async def test_what_is_listed_again_is_said_to_be_listed(world: World) -> None:
    await world.sees("before")
    world.events.clear()
    world.proxy.end_watches(error=410)
    listed = ("LISTED", "configmaps", "before")
    await world.until(lambda: listed in world.events, "no list was delivered")


async def test_a_watcher_that_is_lost_is_started_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """kopf#1276: a cancelled watcher is dropped, and kopf's own liveness goes on to answer 200."""
    monkeypatch.setattr(watches, "_GONE_SECONDS", 0.0)
    loop = world.watches._loop
    lost = next(t for t in asyncio.all_tasks(loop) if t.get_name() == "watcher for configmaps.v1@None")
    loop.call_soon_threadsafe(lost.cancel)
    await world.until(lambda: world.proxy.watching < KINDS, "the watcher goes on")
    await world.all_watched()
    await world.sees("after")


async def test_stopping_ends_the_thread(world: World) -> None:
    await world.watches.stop()
    assert not world.watches._thread.is_alive()
    await world.until(lambda: world.proxy.watching == 0, "a watch goes on")
