"""What a resync takes in, drops and leaves alone, in virtual time."""

import asyncio
from typing import Any

import pytest

from pintle import errors, naming
from pintle.adapters.telemetry.metrics import PrometheusMetrics
from pintle.cache import Cache
from pintle.domain import Key
from pintle.domain.resources import (
    CONFIG_MAPS,
    HTTP_ROUTES,
    MODEL_DEPLOYMENTS,
    REGISTRY_CONNECTIONS,
    SERVICES,
)
from pintle.intake import Intake
from pintle.resync import GATHER_SECONDS, OPTIONAL, RETRY_FIRST, SPACING_SECONDS, WATCHED, Resync, watched
from pintle.workqueue import WorkQueue
from tests.support.fake_api_server import FakeApiServer
from tests.support.fake_clock import FakeClock
from tests.support.fake_cluster import FakeCluster, Fault
from tests.support.virtual_time import run_virtually

IRIS = Key("ml", "iris")
MODEL_DEPLOYMENT = {"metadata": {"name": "iris"}, "spec": {"model": "iris", "version": 3}}


class World:
    def __init__(self) -> None:
        self.api = FakeApiServer(FakeClock())
        self.cluster = FakeCluster(self.api)
        self.cache = Cache()
        self.deployments, self.connections = WorkQueue[Key](), WorkQueue[Key]()
        intake = Intake(self.cache, self.deployments, self.connections, PrometheusMetrics())
        self.resync = Resync(self.cluster, self.cache, intake)

    def child(self, name: str) -> dict[str, Any]:
        metadata = {"name": name, "labels": naming.child_labels("iris")}
        return self.api.create(CONFIG_MAPS, "ml", {"metadata": metadata})

    async def woken(self) -> Key:
        key = await asyncio.wait_for(self.deployments.get(), 1)
        self.deployments.done(key)
        return key


def now() -> float:
    return asyncio.get_running_loop().time()


def test_everything_watched_is_listed_and_what_is_not_ours_is_not() -> None:
    async def run() -> None:
        world = World()
        world.api.create(MODEL_DEPLOYMENTS, "ml", MODEL_DEPLOYMENT)
        world.child("ours")
        world.api.create(CONFIG_MAPS, "ml", {"metadata": {"name": "others"}})
        assert not world.resync.done
        await world.resync.first()
        assert world.resync.done
        assert world.cache.deployments() == (IRIS,)
        assert set(world.cache.versions(CONFIG_MAPS)) == {Key("ml", "ours")}
        listed = [r.resource for r in world.cluster.requests]
        assert listed == [resource.plural for resource, _ in (*OPTIONAL, *WATCHED)]
        assert await world.woken() == IRIS

    run_virtually(run())


def test_what_vanished_unseen_is_dropped_and_wakes_its_deployment() -> None:
    async def run() -> None:
        world = World()
        world.api.create(MODEL_DEPLOYMENTS, "ml", MODEL_DEPLOYMENT)
        gone, stays = world.child("gone"), world.child("stays")
        await world.resync.first()
        world.api.remove(CONFIG_MAPS, "ml", "gone")
        await world.resync.once()
        assert set(world.cache.versions(CONFIG_MAPS)) == {Key("ml", "stays")}
        assert not world.cache.upsert(CONFIG_MAPS, gone)
        assert not world.cache.upsert(CONFIG_MAPS, stays)

    run_virtually(run())


def test_what_is_made_while_a_list_is_read_stays() -> None:
    async def run() -> None:
        world = World()
        await world.resync.first()

        def made_meanwhile() -> None:
            """The watch tells of an object that the list, read a moment before, does not have."""
            world.cache.upsert(SERVICES, {"metadata": {"name": "x", "uid": "u", "resourceVersion": "999"}})

        # The list of services is over when the next kind is asked for: the object comes in between.
        world.cluster.faults.append(Fault("list", "services", meanwhile=made_meanwhile))
        await world.resync.once()
        assert Key("", "x") in world.cache.versions(SERVICES)
        await world.resync.once()
        assert Key("", "x") not in world.cache.versions(SERVICES)

    run_virtually(run())


def test_what_changes_while_a_list_is_read_stays() -> None:
    async def run() -> None:
        world = World()
        child = world.child("x")
        await world.resync.first()
        world.api.remove(CONFIG_MAPS, "ml", "x")
        child["metadata"]["resourceVersion"] = str(world.api.version + 5)

        def changes() -> None:
            world.cache.upsert(CONFIG_MAPS, child)

        world.cluster.faults.append(Fault("list", "configmaps", meanwhile=changes))
        await world.resync.once()
        assert Key("ml", "x") in world.cache.versions(CONFIG_MAPS)

    run_virtually(run())


def test_the_first_list_is_tried_until_it_succeeds() -> None:
    async def run() -> None:
        world = World()
        for ordinal in (1, 2):
            error = errors.NotFound("the kinds are not installed", status=404)
            world.cluster.faults.append(Fault("list", "modeldeployments", ordinal=ordinal, error=error))
        await world.resync.first()
        assert now() == RETRY_FIRST + 2 * RETRY_FIRST

    run_virtually(run())


def test_an_error_that_is_no_answer_of_the_api_server_is_not_swallowed() -> None:
    async def run() -> None:
        world = World()
        world.cluster.faults.append(Fault("list", "modeldeployments", error=ValueError("a fault of our own")))
        with pytest.raises(ValueError, match="our own"):
            await world.resync.first()

    run_virtually(run())


def test_it_repeats_and_comes_early_when_asked_but_not_too_often() -> None:
    async def run() -> None:
        world = World()
        times: list[float] = []
        world.cluster.faults += [
            Fault("list", "modeldeployments", ordinal=n, meanwhile=lambda: times.append(now()))
            for n in range(1, 9)
        ]
        await world.resync.first()
        running = asyncio.create_task(world.resync.run(600))
        await asyncio.sleep(700)
        world.resync.ask()
        world.resync.ask()
        await asyncio.sleep(10)
        world.resync.ask()
        await asyncio.sleep(100)
        running.cancel()
        first = 700 + GATHER_SECONDS
        assert times == [0, 600, first, first + SPACING_SECONDS]
        assert world.resync.age() == pytest.approx(810 - first - SPACING_SECONDS)

    run_virtually(run())


def test_keys_of_connections_are_woken_too() -> None:
    async def run() -> None:
        world = World()
        body = {"metadata": {"name": "mlflow"}, "spec": {"uri": "http://mlflow"}}
        world.api.create(REGISTRY_CONNECTIONS, "ml", body)
        await world.resync.first()
        assert await asyncio.wait_for(world.connections.get(), 1) == Key("ml", "mlflow")

    run_virtually(run())


def test_a_kind_that_the_cluster_does_not_serve_is_watched_once_it_does() -> None:
    async def run() -> None:
        world = World()
        await world.resync.first()
        assert watched(world.cache) == WATCHED
        world.api.unserved.clear()
        body = {"metadata": {"name": "iris", "labels": naming.child_labels("iris")}, "spec": {}}
        world.api.create(HTTP_ROUTES, "ml", body)
        await world.resync.once()
        assert watched(world.cache) == (*WATCHED, *OPTIONAL)
        assert set(world.cache.versions(HTTP_ROUTES)) == {IRIS}
        world.api.unserved.add(HTTP_ROUTES)
        await world.woken()
        await world.resync.once()
        assert watched(world.cache) == WATCHED
        assert world.cache.versions(HTTP_ROUTES) == {}, "what was of that kind is gone with it"
        assert await world.woken() == IRIS

    run_virtually(run())


def test_a_kind_that_may_not_be_listed_is_done_without() -> None:
    """As after an upgrade whose ClusterRole has not been applied yet."""

    async def run() -> None:
        world = World()
        world.api.unserved.clear()
        error = errors.Forbidden("httproutes is forbidden", status=403)
        world.cluster.faults.append(Fault("list", "httproutes", error=error))
        await world.resync.first()
        assert now() == 0
        assert watched(world.cache) == WATCHED
        await world.resync.once()
        assert watched(world.cache) == (*WATCHED, *OPTIONAL)

    run_virtually(run())


def test_an_own_answer_shows_that_a_kind_is_served() -> None:
    async def run() -> None:
        world = World()
        await world.resync.first()
        world.api.unserved.clear()
        made = world.api.create(HTTP_ROUTES, "ml", {"metadata": {"name": "iris"}, "spec": {}})
        world.cache.upsert(HTTP_ROUTES, made)
        assert watched(world.cache) == (*WATCHED, *OPTIONAL)

    run_virtually(run())
