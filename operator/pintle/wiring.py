"""The composition root: which adapter stands behind which port, and who tells whom of what."""

import asyncio
from dataclasses import dataclass

from pintle import handlers
from pintle.adapters.addresses import AddressRules
from pintle.adapters.clock import SystemClock
from pintle.adapters.cluster import KubernetesCluster
from pintle.adapters.kube_http import login
from pintle.adapters.pod_metrics import PodMetrics
from pintle.adapters.registry import MlflowRegistry
from pintle.adapters.telemetry.events import KubernetesEvents
from pintle.adapters.telemetry.metrics import PrometheusMetrics
from pintle.cache import Cache
from pintle.comparisons import Comparisons
from pintle.connections import Connections
from pintle.controller import Controller
from pintle.domain import Json, Key, Resource
from pintle.guarded import Guarded
from pintle.hearing import Hearing
from pintle.intake import TAGS_SECONDS, Change, Intake
from pintle.leadership import Leadership
from pintle.lease import Terms
from pintle.ports import Cluster
from pintle.reconciler import Reconciler
from pintle.resolver import Resolver
from pintle.resync import Resync, watched
from pintle.settings import Settings
from pintle.watches import Watches
from pintle.workqueue import WorkQueue
from pintle.write_back import WriteBack


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that runs, and what has to be closed in the end."""

    cluster: KubernetesCluster
    registry: MlflowRegistry
    metrics: PrometheusMetrics
    events: KubernetesEvents
    leadership: Leadership | None
    connections: Connections
    resolver: Resolver
    comparisons: Comparisons
    scraper: PodMetrics
    intake: Intake
    resync: Resync
    watches: Watches
    write_back: WriteBack
    queues: tuple[WorkQueue[Key], ...]
    controllers: tuple[Controller, Controller, Controller]

    @property
    def works(self) -> bool:
        """Whether this process works on keys, rather than wait until it is the leader."""
        return self.leadership is None or self.leadership.leading


async def assemble(settings: Settings) -> Parts:
    """Make all parts. Nothing is asked of the API server yet.

    Raises:
        kubernetes.aio.config.ConfigException: no credentials for an API server are to be found.
    """
    clock, cache = SystemClock(), Cache()
    metrics = PrometheusMetrics(per_object=settings.metrics_per_object)
    cluster = await KubernetesCluster.connect(namespaces=settings.namespaces, observe=metrics.requested)
    rules = AddressRules.parse(
        refused=settings.refused_networks(), allowed=settings.registry_allowed_networks
    )
    registry = MlflowRegistry(rules)
    leadership = _leadership(settings, cluster, clock)
    writing: Cluster = Guarded(cluster, leadership.guard) if leadership else cluster
    events = KubernetesEvents(writing, clock, instance=settings.pod_name)
    deployments: WorkQueue[Key] = WorkQueue()
    connection_keys: WorkQueue[Key] = WorkQueue()
    tag_keys: WorkQueue[Key] = WorkQueue()

    def connection_changed(key: Key) -> None:
        resolver.connection_changed(key.namespace, key.name)
        for user in cache.deployments_of_connection(key.namespace, key.name):
            deployments.add(user)
        tag_keys.add(Key(key.namespace, ""))

    connections = Connections(
        writing,
        registry,
        cache,
        clock,
        changed=connection_changed,
        requeue=connection_keys.add,
        account=settings.account,
    )
    resolver = Resolver(
        registry, clock, metrics, connections.endpoint, deployments.add, heard=connections.heard
    )
    scraper = PodMetrics()
    comparisons = Comparisons(scraper, deployments.add)
    reconciler = Reconciler(
        cluster=writing,
        cache=cache,
        resolver=resolver,
        connections=connections,
        comparisons=comparisons,
        events=events,
        metrics=metrics,
        clock=clock,
        defaults=settings.defaults(),
        said=lambda key: tag_keys.add_after(Key(key.namespace, ""), TAGS_SECONDS),
    )
    write_back = WriteBack(
        writing,
        registry,
        cache,
        clock,
        events,
        endpoint=connections.endpoint,
        look=connection_keys.add,
        requeue=tag_keys.add,
        cluster_name=settings.cluster_name,
    )
    intake = Intake(cache, deployments, connection_keys, metrics, tags=tag_keys)
    resync = Resync(cluster, cache, intake)
    loop = asyncio.get_running_loop()
    metrics.watch_queue("deployments", deployments, loop.time)
    metrics.watch_queue("connections", connection_keys, loop.time)
    metrics.watch_queue("tags", tag_keys, loop.time)
    metrics.watch_leadership(lambda: leadership is None or leadership.leading)
    metrics.watch_polls(resolver.silence)
    hearing = Hearing()
    metrics.watch_watches(lambda: hearing.ages(_watchers(settings, cache)))
    return Parts(
        cluster=cluster,
        registry=registry,
        metrics=metrics,
        events=events,
        leadership=leadership,
        intake=intake,
        connections=connections,
        resolver=resolver,
        comparisons=comparisons,
        scraper=scraper,
        resync=resync,
        watches=_watches(settings, intake, resync, cache, hearing),
        write_back=write_back,
        queues=(deployments, connection_keys, tag_keys),
        controllers=(
            Controller("ModelDeployment", deployments, reconciler.reconcile, metrics),
            Controller("RegistryConnection", connection_keys, connections.reconcile, metrics),
            Controller("tags", tag_keys, write_back.reconcile, metrics),
        ),
    )


def _leadership(settings: Settings, cluster: Cluster, clock: SystemClock) -> Leadership | None:
    if not settings.leader_election:
        return None
    terms = Terms.of(settings.lease_seconds)
    return Leadership(cluster, clock, namespace=settings.pod_namespace, me=settings.pod_name, terms=terms)


def _watchers(settings: Settings, cache: Cache) -> frozenset[str]:
    return handlers.watchers(watched(cache), settings.namespaces)


def _watches(settings: Settings, intake: Intake, resync: Resync, cache: Cache, hearing: Hearing) -> Watches:
    """The watches live in a thread of their own; what they deliver is taken in where the work is done."""
    loop = asyncio.get_running_loop()

    def deliver(change: Change, resource: Resource, obj: Json) -> None:
        if change == "LISTED":
            # A watch has begun anew and does not tell what vanished before.
            loop.call_soon_threadsafe(resync.ask)
        loop.call_soon_threadsafe(intake.take, change, resource, obj)

    def kinds() -> tuple[tuple[Resource, str], ...]:
        return watched(cache)

    operate = handlers.operate(deliver, login, kinds, settings.namespaces, heard=hearing.heard)
    return Watches(operate, lambda: _watchers(settings, cache))
