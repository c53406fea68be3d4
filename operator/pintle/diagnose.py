"""`python -m pintle diagnose NAMESPACE/NAME`: what an operator that starts now knows of one object.

It reads what the operator reads, with its rights and its code, and writes nothing. What a running operator
remembers between passes it does not know: which names it found taken, and the samples of an analysis.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from kubernetes.aio.config import ConfigException
from pydantic import ValidationError

from pintle import diagnosis, gather, references, sampling, settings, unreadable
from pintle.adapters.addresses import AddressRules
from pintle.adapters.clock import SystemClock
from pintle.adapters.cluster import KubernetesCluster
from pintle.adapters.registry import MlflowRegistry
from pintle.adapters.telemetry.metrics import PrometheusMetrics
from pintle.api import ModelDeployment, parse_model_deployment
from pintle.cache import Cache, connection_of
from pintle.connections import Connections
from pintle.domain import Comparison, Defaults, Key, Observed, Pending, Verdict
from pintle.domain.resources import MODEL_DEPLOYMENTS
from pintle.errors import ClusterError, Forbidden, PintleError
from pintle.guarded import Guarded
from pintle.intake import Intake
from pintle.memory import Memory
from pintle.ports import Clock, Cluster, Registry
from pintle.resolver import Resolver
from pintle.resync import Resync
from pintle.settings import Settings
from pintle.workqueue import WorkQueue

# So long a registry has for its answer.
PATIENCE_SECONDS = 15.0
USAGE = "usage: python -m pintle diagnose NAMESPACE/NAME"


class Unknown(Exception):
    """There is nothing to tell of; the text says why."""


def main(arguments: Sequence[str]) -> int:
    """Print it. 0: it was told; 1: there is no such object; 2: it cannot be told."""
    command, *rest = arguments
    namespace, _, name = (rest[0] if len(rest) == 1 else "").partition("/")
    if command != "diagnose" or not (namespace and name):
        sys.stderr.write(f"{USAGE}\n")
        return 2
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    try:
        sys.stdout.write(asyncio.run(_connected(Key(namespace, name))))
    except Unknown as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (ClusterError, PintleError, ConfigException, settings.SettingsError) as error:
        sys.stderr.write(f"cannot tell: {error}\n")
        return 2
    return 0


async def _connected(key: Key) -> str:
    chosen = settings.load(os.environ)
    rules = AddressRules.parse(refused=chosen.refused_networks(), allowed=chosen.registry_allowed_networks)
    # Lists are confined to the one namespace: what is asked about is all in there.
    cluster = await KubernetesCluster.connect(namespaces=(key.namespace,))
    registry = MlflowRegistry(rules)
    try:
        return await look(cluster, registry, SystemClock(), key, chosen)
    finally:
        await registry.close()
        await cluster.close()


async def look(cluster: Cluster, registry: Registry, clock: Clock, key: Key, chosen: Settings) -> str:
    """Read what a pass over an object reads, and tell of it.

    Raises:
        Unknown: there is no such object, or it cannot be read.
        ClusterError: the API server does not answer, or refuses.
    """
    looking = _Looking(Guarded(cluster, _refuse), registry, clock, chosen)
    try:
        observed = await looking.observe(key, chosen.defaults())
        return diagnosis.describe(observed, clock.now())
    finally:
        await looking.stop()


def _refuse() -> None:
    raise Forbidden("nothing is written by a diagnosis")


class _Looking:
    """The parts of an operator that are needed to gather, and none that works."""

    def __init__(self, cluster: Cluster, registry: Registry, clock: Clock, chosen: Settings) -> None:
        metrics = PrometheusMetrics()
        self._cluster = cluster
        self._clock = clock
        self._cache = Cache()
        self._news = asyncio.Event()
        self._resync = Resync(
            cluster, self._cache, Intake(self._cache, WorkQueue[Key](), WorkQueue[Key](), metrics)
        )
        self._connections = Connections(
            cluster,
            registry,
            self._cache,
            clock,
            changed=lambda _: None,
            requeue=lambda _: None,
            account=chosen.account,
        )
        self._resolver = Resolver(
            registry, clock, metrics, self._connections.endpoint, lambda _: self._news.set()
        )

    async def observe(self, key: Key, defaults: Defaults) -> Observed:
        await self._resync.once()
        body = self._cache.get(MODEL_DEPLOYMENTS, *key)
        if body is None:
            raise Unknown(f"there is no ModelDeployment {key.name} in namespace {key.namespace}")
        try:
            deployment = parse_model_deployment(body)
        except ValidationError as error:
            said = unreadable.status(body, error, self._clock.now())
            raise Unknown(said["conditions"][0]["message"]) from error
        with suppress(ClusterError):  # it reads the Secret, and would then write the ConfigMap and the status
            await self._connections.reconcile(connection_of(body))
        observed = self._gather(deployment, defaults)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while isinstance(observed.resolution, Pending):
                    self._news.clear()
                    await self._news.wait()
                    observed = self._gather(deployment, defaults)
        return await references.look(self._cluster, observed)

    def _gather(self, deployment: ModelDeployment, defaults: Defaults) -> Observed:
        memory, now = Memory(), self._clock.now()
        memory.see(deployment.uid, (deployment.generation,), now)
        return gather.gather(
            self._cache,
            self._resolver,
            self._connections,
            _Unsampled(),
            deployment=deployment,
            memory=memory,
            defaults=defaults,
            now=now,
        )

    async def stop(self) -> None:
        await self._resolver.stop()
        await self._connections.stop()


class _Unsampled:
    """`gather.Comparisons` of a process that has read no pod yet, and will not."""

    def want(self, _: Key, comparison: Comparison) -> Verdict:
        """As the protocol says."""
        return sampling.waiting(comparison)

    def forget(self, key: Key) -> None:
        """As the protocol says."""
