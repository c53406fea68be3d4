"""Keeps RegistryConnections usable: their credentials read, their ConfigMap there, their status true.

    Secret, CA -- read --> Endpoint | Problem --> resolver, pods' ConfigMap
                               |
                               +-- probe (a task of its own) --> status

Looked at when a connection changes, when a look found a problem (again after 1 s, then twice as long,
up to 5 min), when a question to its registry went otherwise than its status says (at most once in
`pollSeconds`: a Secret may have been rotated), and with the resync, as nothing else tells of a
rotated Secret or CA. Else nothing is read and nothing written.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pintle import connection_plan as plan
from pintle import connection_views
from pintle.api import CLUSTER_KIND, RegistryConnection
from pintle.cache import Cache
from pintle.conditions import REGISTRY_TROUBLE, Reason
from pintle.connection_objects import ConnectionObjects
from pintle.connection_plan import Problem
from pintle.domain import Connection, Failed, Key, Pending
from pintle.errors import Conflict, PintleError, Unauthorized
from pintle.naming import registry_shown
from pintle.ports import Clock, Cluster, Credentials, Endpoint, Registry, name_registry

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
JITTER = 0.2
# A little less than the time between two resyncs: each of them then looks again.
STALE_SECONDS = 540.0
# A question that ends like this has met trouble with the registry; one that ends otherwise has not.
_TROUBLE = {reason.value for reason in REGISTRY_TROUBLE} | {Reason.INVALID_SPEC.value}


@dataclass(slots=True)
class _Known:
    """What is known of one generation of one connection."""

    uid: str
    generation: int
    since: datetime
    allowed: bool = True
    looked: datetime | None = None
    credentials: Credentials | Problem | None = None
    endpoint: Endpoint | Problem | None = None
    endpoint_since: datetime | None = None
    ca: str | Problem = ""
    config: Problem | None = None
    probed: str | Problem | None = None  # the server's version, or why it does not answer
    probe: asyncio.Task[None] | None = None
    looks_in_vain: int = 0
    doubted: bool = False
    jitter: float = 0.0

    @property
    def outcome(self) -> str | Problem | None:
        """The server's version, or what is wrong; None while that is being found out."""
        if isinstance(self.endpoint, Problem):
            return self.endpoint
        return self.config or self.probed

    def due(self, poll_seconds: float) -> datetime | None:
        """When to look again, None if only an event or the resync asks for it."""
        if self.looked is None:
            return self.since
        pauses = []
        if isinstance(self.outcome, Problem):
            pause = min(FIRST_PAUSE * 2.0 ** min(self.looks_in_vain, 32), LONGEST_PAUSE)
            pauses.append(pause * (1 + JITTER * self.jitter))
        if self.doubted:
            pauses.append(poll_seconds)
        return self.looked + timedelta(seconds=min(pauses)) if pauses else None


class Connections:
    """All RegistryConnections. Methods that are not `async` return at once, and are called in the loop.

    `changed(key)` is told when a connection is reached in another way, or its Secret has become usable
    or has ceased to be. `requeue(key)` has `reconcile` called. `account` is the operator's own
    ServiceAccount, as `namespace:name`, for the command that lets it read a Secret.
    """

    def __init__(
        self,
        cluster: Cluster,
        registry: Registry,
        cache: Cache,
        clock: Clock,
        *,
        changed: Callable[[Key], None],
        requeue: Callable[[Key], None],
        account: str = "pintle-system:pintle-operator",
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._objects = ConnectionObjects(cluster, cache)
        self._registry = registry
        self._cache = cache
        self._clock = clock
        self._changed = changed
        self._requeue = requeue
        self._account = account
        self._jitter = jitter
        self._known: dict[Key, _Known] = {}

    def endpoint(self, namespace: str, name: str) -> Endpoint | Pending | Failed | None:
        """How a registry is reached: Pending until its Secret has been read, None if there is no such one."""
        key = Key(namespace, name)
        connection = self._connection(key)
        if connection is None:
            return None
        known = self._see(key, connection)
        if isinstance(known.endpoint, Problem):
            problem, since = known.endpoint, known.endpoint_since or known.since
            return Failed(problem.reason, problem.message, since)
        return known.endpoint or Pending(known.since)

    def view(self, namespace: str, name: str) -> Connection | None:
        """What decisions need to know of a connection, or None if there is no such one."""
        key = Key(namespace, name)
        connection = self._connection(key)
        if connection is None:
            return None
        known = self._see(key, connection)
        problem = known.credentials.message if isinstance(known.credentials, Problem) else ""
        secret = connection.spec.secret_ref.name if connection.spec.secret_ref else ""
        return Connection(connection, secret, problem, checked=known.looked is not None)

    def heard(self, namespace: str, name: str, outcome: str) -> None:
        """Take note of how a question went: "ok" or a Reason. What contradicts the status is looked into."""
        key = Key(namespace, name)
        if name.startswith(f"{CLUSTER_KIND}/") and outcome != Reason.REGISTRY_FORBIDDEN:
            key = Key("", registry_shown(name))  # whose probe it is; only the credentials are the namespace's
        known = self._known.get(key)
        if known is None or known.probed is None:
            return
        agrees = (outcome in _TROUBLE) == isinstance(known.probed, Problem)
        if outcome == Reason.REGISTRY_FORBIDDEN or not agrees:
            known.doubted = True
            self._requeue(key)

    async def reconcile(self, key: Key) -> float | None:
        """Make one pass. Gives the seconds until the next one, or None if an event will ask for it.

        Raises:
            ClusterError: of the API server, Conflict included; nothing is lost, it is called again.
            Waiting: the namespace is being deleted.
        """
        connection = self._connection(key)
        if connection is None:
            self._drop(key)
            return None
        of_cluster = bool(connection.cluster and key.namespace)
        if of_cluster and not connection_views.used(self._cache, key):
            self._drop(key)
            return None
        known = self._see(key, connection)
        if connection.deletion_timestamp or self._cache.terminating(key.namespace):
            return None
        now = self._clock.now()
        due = known.due(connection.spec.poll_seconds)
        stale = known.looked is None or now >= known.looked + timedelta(seconds=STALE_SECONDS)
        if known.probe is None and (stale or (due and now >= due)):
            await self._look(key, connection, known)
        if isinstance(known.ca, str) and known.config is None and key.namespace and connection.allowed:
            known.config = await self._objects.write_config(connection, known.ca)
        if known.outcome is not None and not of_cluster:
            await self._objects.write_status(connection, known.outcome, self._clock.now())
        due = None if known.probe else known.due(connection.spec.poll_seconds)
        return max(0.0, (due - self._clock.now()).total_seconds()) if due else None

    async def stop(self) -> None:
        """End the questions that are under way."""
        tasks = [known.probe for known in self._known.values() if known.probe]
        for key in list(self._known):
            self._cancel(self._known.pop(key))
        await asyncio.gather(*tasks, return_exceptions=True)

    def _connection(self, key: Key) -> RegistryConnection | None:
        return connection_views.find(self._cache, key)

    def _see(self, key: Key, connection: RegistryConnection) -> _Known:
        """What is known of this generation; nothing yet where it is a new one."""
        known = self._known.get(key)
        seen = (connection.uid, connection.generation, connection.allowed)
        if known and (known.uid, known.generation, known.allowed) == seen:
            return known
        if known:
            self._cancel(known)
        self._known[key] = known = _Known(
            connection.uid, connection.generation, self._clock.now(), connection.allowed
        )
        return known

    def _drop(self, key: Key) -> None:
        known = self._known.pop(key, None)
        if known:
            self._cancel(known)
            self._changed(key)

    @staticmethod
    def _cancel(known: _Known) -> None:
        if known.probe:
            known.probe.cancel()

    async def _look(self, key: Key, connection: RegistryConnection, known: _Known) -> None:
        """Read what the connection names, and have its registry asked."""
        secret, config = await self._objects.read(connection)
        if self._known.get(key) is not known:
            raise Conflict(f"RegistryConnection {key.name} was edited meanwhile")
        known.looks_in_vain = known.looks_in_vain + 1 if isinstance(known.outcome, Problem) else 0
        before = (known.credentials, known.endpoint)
        known.credentials = plan.credentials(connection, secret, account=self._account)
        known.ca = plan.authorities(connection, config)
        known.endpoint = plan.endpoint(connection, known.credentials, known.ca)
        known.looked = self._clock.now()
        known.config, known.doubted, known.jitter = None, False, self._jitter()
        if connection.cluster and key.namespace:
            known.probed = ""  # the connection itself is probed, not every namespace's use of it
        elif isinstance(known.endpoint, Endpoint):
            probe = self._probe(key, connection, known, known.endpoint)
            known.probe = asyncio.create_task(probe, name=f"probe {key.namespace}/{key.name}")
        if (known.credentials, known.endpoint) != before:
            known.endpoint_since = known.looked
            self._changed(key)

    async def _probe(
        self, key: Key, connection: RegistryConnection, known: _Known, endpoint: Endpoint
    ) -> None:
        """Ask the registry, beside the passes: it may take its time."""
        try:
            known.probed = await self._registry.server_version(endpoint)
        except PintleError as error:
            # Where each namespace has credentials of its own, that some are asked for is an answer.
            answers = isinstance(error, Unauthorized) and connection.identified_by_namespaces
            message = name_registry(error.message, connection.name)
            known.probed = "" if answers else Problem(Reason(error.reason), message)
        except Exception:
            log.exception("registry %s/%s could not be asked", *key)
            message = f"registry {connection.name} could not be asked: see the operator's log"
            known.probed = Problem(Reason.REGISTRY_UNAVAILABLE, message)
        known.probe = None
        known.looked = self._clock.now()
        self._requeue(key)
