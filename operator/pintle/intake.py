"""What has changed in the cluster -> the cache -> the keys that have to be looked at."""

import logging
from collections.abc import Iterable
from typing import Literal, TypeAlias

from pintle.cache import Cache, deployment_of
from pintle.domain import Json, Key, Resource
from pintle.domain.resources import MODEL_DEPLOYMENTS, MODEL_RUNTIMES, REGISTRY_CONNECTIONS
from pintle.naming import LABEL_REGISTRY
from pintle.ports import Metrics
from pintle.workqueue import WorkQueue

log = logging.getLogger(__name__)

Change: TypeAlias = Literal["LISTED", "ADDED", "MODIFIED", "DELETED"]


class Intake:
    """Where watch events and listed objects come in. `deployments` and `connections` are queues of keys."""

    def __init__(
        self, cache: Cache, deployments: WorkQueue[Key], connections: WorkQueue[Key], metrics: Metrics
    ) -> None:
        self._cache = cache
        self._deployments = deployments
        self._connections = connections
        self._metrics = metrics

    def take(self, change: Change, resource: Resource, obj: Json) -> bool:
        """Take in an object's state. True if it was news: what is known already wakes nobody."""
        put = self._cache.remove if change == "DELETED" else self._cache.upsert
        if not put(resource, obj):
            return False
        metadata = obj["metadata"]
        key = Key(metadata.get("namespace", ""), metadata["name"])
        if resource == MODEL_DEPLOYMENTS:
            self._measure(change, key, obj)
        for deployment in self._deployments_for(resource, key, obj):
            self._deployments.add(deployment)
        connection = _connection_for(resource, key, obj)
        if connection:
            self._connections.add(connection)
        return True

    def everything(self) -> None:
        """Have every key looked at: what is decided by the time may be due."""
        for deployment in self._cache.deployments():
            self._deployments.add(deployment)
        for connection in self._cache.versions(REGISTRY_CONNECTIONS):
            self._connections.add(connection)

    def _deployments_for(self, resource: Resource, key: Key, obj: Json) -> Iterable[Key]:
        if resource == MODEL_RUNTIMES:
            # Whoever waits for a runtime of that name waits for this; the others find nothing to do.
            return self._cache.deployments()
        if resource == REGISTRY_CONNECTIONS:
            return self._cache.deployments_of_connection(key.namespace, key.name)
        labelled = deployment_of(resource, obj)
        # By its owner too: a child whose labels were edited by hand is its owner's to repair.
        return {owner for owner in (labelled, _owner(key.namespace, obj)) if owner}

    def _measure(self, change: Change, key: Key, obj: Json) -> None:
        status = None if change == "DELETED" else obj.get("status") or {}
        model = obj.get("spec", {}).get("model", "")
        self._metrics.deployment(key.namespace, key.name, status=status, model=model)


def _owner(namespace: str, obj: Json) -> Key | None:
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("kind") == MODEL_DEPLOYMENTS.kind:
            return Key(namespace, owner.get("name", ""))
    return None


def _connection_for(resource: Resource, key: Key, obj: Json) -> Key | None:
    """Name the RegistryConnection that an object is, or that it was made for."""
    if resource == REGISTRY_CONNECTIONS:
        return key
    name = (obj["metadata"].get("labels") or {}).get(LABEL_REGISTRY)
    return Key(key.namespace, name) if name else None
