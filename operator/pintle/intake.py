"""What has changed in the cluster -> the cache -> the keys that have to be looked at."""

import logging
from collections.abc import Iterable
from typing import Literal, TypeAlias

from pintle.api import CLUSTER_KIND
from pintle.cache import Cache, connection_of, deployment_of
from pintle.domain import Json, Key, Resource
from pintle.domain.resources import (
    CLUSTER_REGISTRY_CONNECTIONS,
    CONFIG_MAPS,
    MODEL_DEPLOYMENTS,
    MODEL_RUNTIMES,
    NAMESPACES,
    REGISTRY_CONNECTIONS,
)
from pintle.naming import LABEL_CLUSTER_REGISTRY, LABEL_REGISTRY
from pintle.ports import Metrics
from pintle.workqueue import WorkQueue

log = logging.getLogger(__name__)

# Statuses and specs change in bursts; what they say of versions is written once for all of them.
TAGS_SECONDS = 1.0
# What can change the tags that versions have in their registries.
_TAGGED = (MODEL_DEPLOYMENTS, REGISTRY_CONNECTIONS, CLUSTER_REGISTRY_CONNECTIONS, CONFIG_MAPS)

Change: TypeAlias = Literal["LISTED", "ADDED", "MODIFIED", "DELETED"]


class Intake:
    """Where watch events and listed objects come in. `deployments` and `connections` are queues of keys.

    `tags` is one of namespaces, whose versions' tags in registries may have to be written anew.
    """

    def __init__(
        self,
        cache: Cache,
        deployments: WorkQueue[Key],
        connections: WorkQueue[Key],
        metrics: Metrics,
        *,
        tags: WorkQueue[Key] | None = None,
    ) -> None:
        self._cache = cache
        self._deployments = deployments
        self._connections = connections
        self._metrics = metrics
        self._tags = tags

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
        for connection in self._connections_for(resource, key, obj):
            self._connections.add(connection)
        if resource in _TAGGED:
            self._look_at_tags([key.namespace] if key.namespace else self._namespaces())
        return True

    def everything(self) -> None:
        """Have every key looked at: what is decided by the time may be due."""
        for deployment in self._cache.deployments():
            self._deployments.add(deployment)
        for resource in (REGISTRY_CONNECTIONS, CLUSTER_REGISTRY_CONNECTIONS):
            for connection in self._cache.versions(resource):
                self._connections.add(connection)
        for connection in self._cache.cluster_connections():
            self._connections.add(connection)
        self._look_at_tags(self._namespaces())

    def _look_at_tags(self, namespaces: Iterable[str]) -> None:
        if self._tags is None:
            return
        for namespace in namespaces:
            self._tags.add_after(Key(namespace, ""), TAGS_SECONDS)

    def _namespaces(self) -> set[str]:
        """Every namespace that may have tags to write, or had."""
        return {key.namespace for resource in _TAGGED for key in self._cache.versions(resource)} - {""}

    def _deployments_for(self, resource: Resource, key: Key, obj: Json) -> Iterable[Key]:
        if resource == MODEL_RUNTIMES:
            # Whoever waits for a runtime of that name waits for this; the others find nothing to do.
            return self._cache.deployments()
        if resource == REGISTRY_CONNECTIONS:
            return self._cache.deployments_of_connection(*key)
        if resource in (CLUSTER_REGISTRY_CONNECTIONS, NAMESPACES):
            return self._users_of(self._as_used(resource, key))
        labelled = deployment_of(resource, obj)
        # By its owner too: a child whose labels were edited by hand is its owner's to repair.
        return {owner for owner in (labelled, _owner(key.namespace, obj)) if owner}

    def _connections_for(self, resource: Resource, key: Key, obj: Json) -> Iterable[Key]:
        """Name the connections that an object is, that it was made for, or that it is the first to use."""
        if resource == MODEL_DEPLOYMENTS:
            used = connection_of(obj)
            return [used] if used.name.startswith(f"{CLUSTER_KIND}/") else []
        if resource == CLUSTER_REGISTRY_CONNECTIONS:
            return [key, *self._as_used(resource, key)]
        if resource == NAMESPACES:
            return self._as_used(resource, key)
        if resource == REGISTRY_CONNECTIONS:
            return [key]
        labels = obj["metadata"].get("labels") or {}
        name, cluster = labels.get(LABEL_REGISTRY), labels.get(LABEL_CLUSTER_REGISTRY)
        registries = [name] if name else [f"{CLUSTER_KIND}/{cluster}"] if cluster else []
        return [Key(key.namespace, registry) for registry in registries]

    def _as_used(self, resource: Resource, key: Key) -> tuple[Key, ...]:
        """A ClusterRegistryConnection in every namespace that uses it, or all that one namespace uses."""
        if resource == NAMESPACES:
            return self._cache.cluster_connections(namespace=key.name)
        return self._cache.cluster_connections(name=key.name)

    def _users_of(self, connections: Iterable[Key]) -> Iterable[Key]:
        return [user for used in connections for user in self._cache.deployments_of_connection(*used)]

    def _measure(self, change: Change, key: Key, obj: Json) -> None:
        status = None if change == "DELETED" else obj.get("status") or {}
        model = obj.get("spec", {}).get("model", "")
        self._metrics.deployment(key.namespace, key.name, status=status, model=model)


def _owner(namespace: str, obj: Json) -> Key | None:
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("kind") == MODEL_DEPLOYMENTS.kind:
            return Key(namespace, owner.get("name", ""))
    return None
