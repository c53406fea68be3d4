"""Everything listed anew from time to time, for what the watches have missed.

A watch can lose events for good: kopf tells nobody of objects that vanished while it was not
connected, and goes blind on some faults (docs/adr). A list is the truth; it is paged, so that ten
thousand objects are never one body, and what it finds unchanged costs a comparison.
"""

import asyncio
import logging

from pintle.cache import Cache
from pintle.domain import Key, Resource
from pintle.domain.resources import CHILDREN, NAMESPACES, OPTIONAL_CHILDREN, OWN
from pintle.errors import ClusterError, Forbidden, NotFound
from pintle.intake import Intake
from pintle.naming import MANAGED_SELECTOR
from pintle.ports import Cluster

log = logging.getLogger(__name__)

RETRY_FIRST, RETRY_LIMIT = 1.0, 30.0
# kopf lists a kind in pages, and all kinds at once: one resync serves all of them.
GATHER_SECONDS = 2.0
# However often a watch starts anew.
SPACING_SECONDS = 30.0

WATCHED = (
    (NAMESPACES, ""),
    *((resource, "") for resource in OWN),
    *((resource, MANAGED_SELECTOR) for resource in CHILDREN),
)
"""What is watched: the kinds, and the label selector of each. Own kinds come before children, which find
theirs; namespaces come first, so that nothing is written in one that is on its way out."""

OPTIONAL = tuple((resource, MANAGED_SELECTOR) for resource in OPTIONAL_CHILDREN)
"""What is watched besides, in a cluster that serves it; each list finds out anew whether it does."""


def watched(cache: Cache) -> tuple[tuple[Resource, str], ...]:
    """What is to be watched now, as far as is known. May be asked from any thread."""
    return (*WATCHED, *((resource, labels) for resource, labels in OPTIONAL if cache.serves(resource)))


class Resync:
    """Lists into the cache and wakes the keys of what differs."""

    def __init__(self, cluster: Cluster, cache: Cache, intake: Intake) -> None:
        self._cluster = cluster
        self._cache = cache
        self._intake = intake
        self._asked = asyncio.Event()
        self._listed: float | None = None

    @property
    def done(self) -> bool:
        """Whether everything has been listed once."""
        return self._listed is not None

    def age(self) -> float:
        """Seconds since everything was listed last; infinite if it never was."""
        return asyncio.get_running_loop().time() - self._listed if self._listed is not None else float("inf")

    def ask(self) -> None:
        """Have it done soon: a watch was interrupted, and does not tell what vanished meanwhile."""
        self._asked.set()

    async def first(self) -> None:
        """List everything once, however long the API server (or the kinds' installation) takes."""
        wait = RETRY_FIRST
        while not await self._attempt():
            await asyncio.sleep(wait)
            wait = min(2 * wait, RETRY_LIMIT)

    async def run(self, interval: float) -> None:
        """Repeat it for ever: `interval` seconds after the last time, and whenever asked to."""
        wait = interval
        while True:
            try:
                await asyncio.wait_for(self._asked.wait(), wait)
                await asyncio.sleep(max(GATHER_SECONDS, SPACING_SECONDS - self.age()))
            except TimeoutError:
                pass  # the interval is over
            self._asked.clear()
            wait = interval if await self._attempt() else RETRY_LIMIT

    async def once(self) -> None:
        """List everything, take in what is new, drop what is gone, and have every key looked at.

        Raises:
            ClusterError: a list failed; what was listed until then is taken in.
        """
        for resource, labels in OPTIONAL:
            await self._list_if_served(resource, labels)
        for resource, labels in WATCHED:
            await self._list(resource, labels)
        self._listed = asyncio.get_running_loop().time()
        self._intake.everything()

    async def _attempt(self) -> bool:
        try:
            await self.once()
        except ClusterError as error:
            log.warning("cannot list the cluster's objects, will try again: %s", error)
            return False
        return True

    async def _list_if_served(self, resource: Resource, labels: str) -> None:
        """List a kind that may not be there, or that this operator may not be allowed yet to list."""
        served = self._cache.serves(resource)
        try:
            await self._list(resource, labels)
            self._cache.note(resource, served=True)
        except NotFound:
            for key, held in self._cache.versions(resource).items():
                self._drop(resource, key, held)
            self._cache.note(resource, served=False)
        except Forbidden as error:
            log.warning("cannot list %s, and goes on without: %s", resource.plural, error)
            self._cache.note(resource, served=False)
        if served is not self._cache.serves(resource):
            log.info("%s %s served", resource.plural, "is no longer" if served else "is")

    async def _list(self, resource: Resource, labels: str) -> None:
        before = self._cache.versions(resource)
        listed: set[str] = set()
        async for page in self._cluster.pages(resource, labels=labels):
            for obj in page:
                listed.add(obj["metadata"].get("uid", ""))
                self._intake.take("LISTED", resource, obj)
        for key, held in before.items():
            if held[0] not in listed:
                self._drop(resource, key, held)

    def _drop(self, resource: Resource, key: Key, held: tuple[str, str]) -> None:
        """Drop what a list does not have, unless it has changed since the list was begun.

        A list says nothing about what was made or written after its own moment; the watch does.
        """
        obj = self._cache.get(resource, key.namespace, key.name)
        if obj and (obj["metadata"].get("uid"), obj["metadata"].get("resourceVersion")) == held:
            self._intake.take("DELETED", resource, obj)
