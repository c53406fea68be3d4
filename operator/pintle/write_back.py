"""Tells registries what serves: tags on the versions, for connections with `writeBack`.

    statuses --> tags.wanted --+
                               +--> changes --> ledger (what may be there) --> registry --> ledger (what is)
    ledger (a ConfigMap) ------+

Level-based, by the ledger: what it says is written is neither written nor read again, by whatever process. A
pass looks at one namespace, and waits for no registry: a task of its own talks to each, one change after the
other with a pause between them, and what came of it is noted in the next pass. A registry that is down is
tried again after 1 s, then after twice as long, up to 5 min; one that forbids it, every 5 min.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from pintle import connection_views, tags, views
from pintle.api import CLUSTER_KIND, RegistryConnection
from pintle.cache import Cache
from pintle.conditions import Reason
from pintle.domain import Failed, Identity, Json, Key, Pending
from pintle.domain.resources import (
    CLUSTER_REGISTRY_CONNECTIONS,
    CONTROLLER_REVISIONS,
    MODEL_DEPLOYMENTS,
    NAMESPACES,
    REGISTRY_CONNECTIONS,
)
from pintle.errors import PintleError, Retryable
from pintle.ledger import LedgerObjects
from pintle.naming import registry_shown
from pintle.ports import Clock, Cluster, Endpoint, Event, Events, Registry, name_registry
from pintle.tags import Change

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
# Between two changes in one registry.
PAUSE_SECONDS = 0.2

Endpoints = Callable[[str, str], Endpoint | Pending | Failed | None]


@dataclass(slots=True)
class _Course:
    """How it goes with one connection of one namespace."""

    task: asyncio.Task[None] | None = None
    done: list[Change] = field(default_factory=list)  # and not in the ledger yet
    endpoint: Endpoint | None = None  # that failed last
    failures: int = 0
    again: datetime | None = None
    told: str = ""


class WriteBack:
    """Keys are namespaces. `look(key)` has a connection looked at; `requeue(key)` has `reconcile` called."""

    def __init__(
        self,
        cluster: Cluster,
        registry: Registry,
        cache: Cache,
        clock: Clock,
        events: Events,
        *,
        endpoint: Endpoints,
        look: Callable[[Key], None],
        requeue: Callable[[Key], None],
        cluster_name: str = "",
    ) -> None:
        self._ledgers = LedgerObjects(cluster, cache)
        self._registry = registry
        self._cache = cache
        self._clock = clock
        self._events = events
        self._endpoint = endpoint
        self._look = look
        self._requeue = requeue
        self._cluster_name = cluster_name
        self._courses: dict[Key, _Course] = {}
        self._gates: WeakValueDictionary[Endpoint, asyncio.Lock] = WeakValueDictionary()

    async def reconcile(self, key: Key) -> float | None:
        """Make one pass over a namespace. Gives the seconds until the next one, None if an event asks for it.

        Raises:
            ClusterError: of the API server, Conflict included; nothing is lost, it is called again.
        """
        if not key.namespace or self._cache.terminating(key.namespace):
            return None
        waits = [await self._pass(Key(key.namespace, name)) for name in self._names(key.namespace)]
        return min((seconds for seconds in waits if seconds is not None), default=None)

    async def stop(self) -> None:
        """End the changes that are under way."""
        tasks = [course.task for course in self._courses.values() if course.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _names(self, namespace: str) -> Iterable[str]:
        """The connections that a namespace has, or could have."""
        own = (k.name for k in self._cache.versions(REGISTRY_CONNECTIONS) if k.namespace == namespace)
        shared = (f"{CLUSTER_KIND}/{k.name}" for k in self._cache.versions(CLUSTER_REGISTRY_CONNECTIONS))
        return (*sorted(own), *sorted(shared))

    async def _pass(self, at: Key) -> float | None:
        connection = connection_views.find(self._cache, at)
        if connection is None or connection.deletion_timestamp:
            self._courses.pop(at, None)
            return None
        held = self._ledgers.find(connection)
        on = connection.spec.write_back and connection.allowed
        if not on and held is None:
            return None
        course = self._courses.setdefault(at, _Course())
        if course.task:
            return None  # its end has the namespace looked at again
        ledger = tags.settle(tags.read(held), course.done)
        planned = tags.changes(ledger, self._wanted(at) if on else {})
        if not await self._ledgers.write(connection, held, tags.intend(ledger, planned), keep=on):
            return LONGEST_PAUSE
        course.done.clear()
        endpoint = self._ready(at, course) if planned else None
        if isinstance(endpoint, Endpoint):
            work = self._change(at, connection, endpoint, planned, course)
            course.task = asyncio.create_task(work, name=f"tags of {at.namespace}/{at.name}")
            return None
        return endpoint

    def _ready(self, at: Key, course: _Course) -> Endpoint | float | None:
        """Where to write now, or in how many seconds; None where an event will tell."""
        endpoint = self._endpoint(*at)
        if isinstance(endpoint, Pending):
            self._look(at)
        if not isinstance(endpoint, Endpoint) or not self._cluster():
            return None
        if course.endpoint == endpoint and course.again and (now := self._clock.now()) < course.again:
            return (course.again - now).total_seconds()
        return endpoint

    def _wanted(self, at: Key) -> dict[tags.Tag, tags.Wanted]:
        deployments = self._cache.all(MODEL_DEPLOYMENTS, at.namespace)
        named = (revision for body in deployments for revision in tags.revisions(body))
        found = {revision: self._identity(at.namespace, revision) for revision in named}
        return tags.wanted(at.name, deployments, {r: i for r, i in found.items() if i is not None})

    def _identity(self, namespace: str, revision: str) -> Identity | None:
        body = self._cache.get(CONTROLLER_REVISIONS, namespace, revision)
        record = views.record(body) if body else None
        return record.identity if record else None

    def _cluster(self) -> str:
        """This cluster's name in tags: the administrator's, else the beginning of what no other has."""
        system: Json = self._cache.get(NAMESPACES, "", "kube-system") or {"metadata": {}}
        return self._cluster_name or str(system["metadata"].get("uid", ""))[:8]

    async def _change(
        self,
        at: Key,
        connection: RegistryConnection,
        endpoint: Endpoint,
        planned: Iterable[Change],
        course: _Course,
    ) -> None:
        """Change the registry, beside the passes: it may take its time."""
        gate = self._gates.setdefault(endpoint, asyncio.Lock())
        try:
            async with gate:
                for change in planned:
                    await self._one(endpoint, at.namespace, change)
                    course.done.append(change)
                    course.failures, course.again, course.told = 0, None, ""
                    await asyncio.sleep(PAUSE_SECONDS)
        except PintleError as error:
            self._failed(at, connection, error, course)
            course.endpoint = endpoint
        except Exception:
            log.exception("tags of %s/%s could not be written", *at)
            course.endpoint, course.again = endpoint, self._clock.now() + timedelta(seconds=LONGEST_PAUSE)
        course.task = None
        self._requeue(Key(at.namespace, ""))

    async def _one(self, endpoint: Endpoint, namespace: str, change: Change) -> None:
        """Make one change, if the version is there and is the one that is meant."""
        tag, wanted = change.tag, change.wanted
        key = tags.key(self._cluster(), namespace, tag.deployment)
        if wanted is None:
            await self._registry.delete_tag(endpoint, tag.model, tag.version, key)
            return
        try:
            found = await self._registry.version(endpoint, tag.model, tag.version)
            meant = (wanted.identity.source, wanted.identity.created_time)
            if (found.source, found.created_time) == meant and found.tags.get(key) != wanted.value:
                await self._registry.set_tag(endpoint, tag.model, tag.version, key, wanted.value)
        except PintleError as error:
            if error.reason != Reason.VERSION_NOT_FOUND:
                raise

    def _failed(self, at: Key, connection: RegistryConnection, error: PintleError, course: _Course) -> None:
        course.failures += 1
        pause = LONGEST_PAUSE
        if isinstance(error, Retryable):
            pause = min(pause, FIRST_PAUSE * 2.0 ** min(course.failures - 1, 32))
        course.again = self._clock.now() + timedelta(seconds=pause)
        message = f"tags of versions cannot be written: {name_registry(error.message, at.name)}"
        if message == course.told:
            return
        course.told = message
        log.warning("%s", message, extra={"key": f"{at.namespace}/{registry_shown(at.name)}"})
        if isinstance(error, Retryable):
            return  # the connection's own condition tells of that
        resource = CLUSTER_REGISTRY_CONNECTIONS if connection.cluster else REGISTRY_CONNECTIONS
        namespace = "" if connection.cluster else at.namespace
        name = connection.cluster or connection.name
        self._events.post(
            Event(resource, namespace, name, connection.uid, "Warning", "WriteBackFailed", message)
        )
