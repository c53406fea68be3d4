"""The composition root: settings -> ports -> loop. Run as `python -m pintle`."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Coroutine
from typing import Any

from pintle import handlers, settings
from pintle.adapters.addresses import AddressRules
from pintle.adapters.clock import SystemClock
from pintle.adapters.cluster import KubernetesCluster
from pintle.adapters.kube_http import login
from pintle.adapters.registry import MlflowRegistry
from pintle.adapters.telemetry import logs
from pintle.adapters.telemetry.events import KubernetesEvents
from pintle.adapters.telemetry.metrics import PrometheusMetrics
from pintle.adapters.telemetry.probes import ProbeServer, Verdict
from pintle.cache import Cache
from pintle.connections import Connections
from pintle.controller import Controller
from pintle.domain import Json, Key, Resource
from pintle.intake import Change, Intake
from pintle.reconciler import Reconciler
from pintle.resolver import Resolver
from pintle.resync import Resync
from pintle.settings import Settings, SettingsError
from pintle.watches import Watches
from pintle.workqueue import WorkQueue

log = logging.getLogger(__name__)

# A key that waits this long means that the workers are stuck, not busy.
STUCK_SECONDS = 300.0
CONNECTION_WORKERS = 4


def main() -> None:
    """Start the operator; it ends with SIGTERM."""
    try:
        chosen = settings.load(os.environ)
    except SettingsError as error:
        sys.exit(f"pintle: cannot start:\n{error}")
    logs.configure(chosen.log_level)
    asyncio.run(run(chosen))


async def run(chosen: Settings) -> None:
    """Wire everything and work until told to stop."""
    clock = SystemClock()
    metrics = PrometheusMetrics(per_object=chosen.metrics_per_object)
    cluster = await KubernetesCluster.connect(namespaces=chosen.namespaces, observe=metrics.requested)
    registry = MlflowRegistry(
        AddressRules.parse(
            refused=chosen.registry_refused_networks, allowed=chosen.registry_allowed_networks
        )
    )
    cache = Cache()
    deployments: WorkQueue[Key] = WorkQueue()
    connection_keys: WorkQueue[Key] = WorkQueue()
    loop = asyncio.get_running_loop()

    def connection_changed(key: Key) -> None:
        resolver.connection_changed(key.namespace, key.name)
        for user in cache.deployments_of_connection(key.namespace, key.name):
            deployments.add(user)

    connections = Connections(
        cluster, registry, cache, clock, changed=connection_changed, requeue=connection_keys.add
    )
    resolver = Resolver(
        registry, clock, metrics, connections.endpoint, deployments.add, heard=connections.heard
    )
    events = KubernetesEvents(cluster, clock, instance=os.environ.get("POD_NAME") or socket.gethostname())
    reconciler = Reconciler(
        cluster=cluster,
        cache=cache,
        resolver=resolver,
        connections=connections,
        events=events,
        metrics=metrics,
        clock=clock,
        defaults=chosen.defaults(),
    )
    intake = Intake(cache, deployments, connection_keys, metrics)
    resync = Resync(cluster, cache, intake)

    def deliver(change: Change, resource: Resource, obj: Json) -> None:
        if change == "LISTED":
            loop.call_soon_threadsafe(resync.ask)
        loop.call_soon_threadsafe(intake.take, change, resource, obj)

    watches = Watches(
        handlers.operate(deliver, login, chosen.namespaces), handlers.watchers(chosen.namespaces)
    )
    metrics.watch_queue("deployments", deployments, loop.time)
    metrics.watch_queue("connections", connection_keys, loop.time)

    def synced() -> Verdict:
        return Verdict(resync.done, f"resync: everything listed {resync.age():.0f} s ago")

    def fresh() -> Verdict:
        stale = resync.done and resync.age() > 3 * chosen.resync_seconds
        return Verdict(not stale, f"resync: everything listed {resync.age():.0f} s ago")

    def watching() -> Verdict:
        problem = watches.problem()
        return Verdict(not problem, f"watches: {problem or 'all there'}")

    def moving() -> Verdict:
        age = max(deployments.oldest_age(loop.time()), connection_keys.oldest_age(loop.time()))
        return Verdict(age < STUCK_SECONDS, f"queue: the oldest key waits for {age:.1f} s")

    server = ProbeServer(health=[fresh, watching, moving], readiness=[synced], metrics=metrics.registry)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await server.start(chosen.http_port)
    log.info("pintle starts")
    background = [_task(events.run(), "events")]
    await _until(stop, resync.first())
    if not stop.is_set():
        watches.start()
        background.append(_task(resync.run(chosen.resync_seconds), "resync"))
        workers = [
            _task(
                Controller("ModelDeployment", deployments, reconciler.reconcile, metrics).run(
                    workers=chosen.workers
                ),
                "deployments",
            ),
            _task(
                Controller("RegistryConnection", connection_keys, connections.reconcile, metrics).run(
                    workers=CONNECTION_WORKERS
                ),
                "connections",
            ),
        ]
        await stop.wait()
        log.info("pintle stops")
        deployments.shut_down()
        connection_keys.shut_down()
        await asyncio.wait(workers, timeout=5)
        await watches.stop()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(events.drain(), 2)
    for task in background:
        task.cancel()
    await resolver.stop()
    await registry.close()
    await server.stop()
    await cluster.close()


def _task(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    return asyncio.create_task(work, name=name)


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do something, or be told to stop before it is done."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not task.done():
        task.cancel()


if __name__ == "__main__":
    main()
