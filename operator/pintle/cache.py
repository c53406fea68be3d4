"""What the watches have told: the cluster as this process knows it, in memory, without I/O.

Objects are held as compact JSON and parsed on each read. A reader thus has a copy of its own and
cannot change what is held, and a hundred deployments with all their children stay within a few
megabytes where parsed objects would take ten times that.

Which of two states of an object is the newer one is told by comparing resourceVersions as
integers: KEP-5504 (Comparable Resource Versions, stable in Kubernetes 1.35) promises what the API
server has always done. So the answer to an own write can be put in at once, and the watch event
of an earlier state, still on its way, does not undo it.
"""

from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from pintle import naming
from pintle.api import CLUSTER_KIND
from pintle.domain import Json, Key, Resource
from pintle.domain.resources import (
    CONTROLLER_REVISIONS,
    ENDPOINT_SLICES,
    MODEL_DEPLOYMENTS,
    NAMESPACES,
    OPTIONAL_CHILDREN,
)
from pintle.slimming import slim

LABEL_SERVICE_NAME = "kubernetes.io/service-name"
DEFAULT_REGISTRY = "default"

_At = TypeVar("_At")
# A late event is late by seconds; so many objects do not vanish within them.
_TOMBSTONES = 10_000
# Somebody who deletes records by hand deletes some; those that are pruned are among these, too.
_LAST_COPIES = 256


def deployment_of(resource: Resource, obj: Json) -> Key | None:
    """Name the ModelDeployment that an object belongs to by its labels; itself for a ModelDeployment.

    The EndpointSlice controller copies a Service's labels onto its slices, so they pass the same watch as
    the other children. One without ours belongs to the ModelDeployment that its Service is named as.
    """
    metadata = obj["metadata"]
    labels = metadata.get("labels") or {}
    if resource == MODEL_DEPLOYMENTS:
        name = metadata["name"]
    elif resource == ENDPOINT_SLICES:
        name = labels.get(naming.LABEL_DEPLOYMENT) or labels.get(LABEL_SERVICE_NAME)
    else:
        name = labels.get(naming.LABEL_DEPLOYMENT)
    return Key(metadata.get("namespace", ""), name) if name else None


def connection_of(deployment: Json) -> Key:
    """Name the connection that a ModelDeployment's `spec.registryRef` refers to: see `connection_views`."""
    ref = deployment.get("spec", {}).get("registryRef") or {}
    name = ref.get("name") or DEFAULT_REGISTRY
    registry = f"{CLUSTER_KIND}/{name}" if ref.get("kind") == CLUSTER_KIND else name
    return Key(deployment["metadata"].get("namespace", ""), registry)


@dataclass(frozen=True, slots=True)
class _Entry:
    uid: str
    resource_version: str
    deployment: Key | None
    connection: Key | None
    body: bytes


class Cache:
    """Objects by kind, namespace and name, with the indexes that one reconcile pass needs."""

    def __init__(self) -> None:
        self._entries: dict[Resource, dict[Key, _Entry]] = defaultdict(dict)
        self._children: dict[tuple[Resource, Key], set[Key]] = defaultdict(set)
        self._users: dict[Key, set[Key]] = defaultdict(set)
        self._removed: OrderedDict[str, str] = OrderedDict()
        self._last_copies: OrderedDict[Key, bytes] = OrderedDict()
        self._optional: set[Resource] = set()

    def upsert(self, resource: Resource, obj: Json) -> bool:
        """Hold an object's state unless a newer one, or its removal, is known. True when it was taken."""
        key, uid, version = _identify(obj)
        if not _newer(version, self._removed.get(uid)):
            return False
        held = self._entries[resource].get(key)
        if held and not _newer(version, held.resource_version):
            return False
        if held:
            self._forget(resource, key, held)
        entry = _Entry(
            uid,
            version,
            deployment_of(resource, obj),
            connection_of(obj) if resource == MODEL_DEPLOYMENTS else None,
            # A copy: orjson returns bytes in the buffer that it wrote to, of 8 KiB at the least.
            bytes(memoryview(orjson.dumps(slim(resource, obj)))),
        )
        self._entries[resource][key] = entry
        self.note(resource, served=True)
        if entry.deployment:
            self._children[resource, entry.deployment].add(key)
        if entry.connection:
            self._users[entry.connection].add(key)
        return True

    def remove(self, resource: Resource, obj: Json) -> bool:
        """Drop an object that is gone; `obj` is its last state. True when it was held until now.

        The removal is remembered, so that an event from before it does not bring the object back.
        What has another uid is another object of the same name and stays.
        """
        key, uid, version = _identify(obj)
        if _newer(version, self._removed.get(uid)):
            self._removed[uid] = version
            self._removed.move_to_end(uid)
            if len(self._removed) > _TOMBSTONES:
                self._removed.popitem(last=False)
        held = self._entries[resource].get(key)
        if held is None or held.uid != uid or _newer(held.resource_version, version):
            return False
        self._forget(resource, key, held)
        if resource == CONTROLLER_REVISIONS:
            self._last_copies[key] = held.body
            if len(self._last_copies) > _LAST_COPIES:
                self._last_copies.popitem(last=False)
        return True

    def last_copy(self, key: Key) -> dict[str, Any] | None:
        """What a record was like when it went: one of the last to go, of all namespaces."""
        body = self._last_copies.get(key)
        return orjson.loads(body) if body else None

    def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        """One object; `namespace` is "" for a cluster-scoped kind."""
        entry = self._entries[resource].get(Key(namespace, name))
        return orjson.loads(entry.body) if entry else None

    def children(self, resource: Resource, namespace: str, deployment: str) -> tuple[dict[str, Any], ...]:
        """Objects of a kind that belong to a ModelDeployment, sorted by name."""
        keys = self._children.get((resource, Key(namespace, deployment)), set())
        return tuple(orjson.loads(self._entries[resource][key].body) for key in sorted(keys))

    def all(self, resource: Resource, namespace: str | None = None) -> tuple[dict[str, Any], ...]:
        """All objects of a kind, of one namespace if one is given, sorted by namespace and name."""
        held = self._entries[resource]
        return tuple(
            orjson.loads(held[key].body)
            for key in sorted(held)
            if namespace is None or key.namespace == namespace
        )

    def versions(self, resource: Resource) -> dict[Key, tuple[str, str]]:
        """(uid, resourceVersion) of each object of a kind, by key: what a resync compares."""
        return {key: (entry.uid, entry.resource_version) for key, entry in self._entries[resource].items()}

    def note(self, resource: Resource, *, served: bool) -> None:
        """Note whether the cluster serves a kind that not every cluster does; others always are."""
        if resource in OPTIONAL_CHILDREN:
            (self._optional.add if served else self._optional.discard)(resource)

    def serves(self, resource: Resource) -> bool:
        """Whether the cluster serves a kind, as far as is known. May be asked from any thread."""
        return resource not in OPTIONAL_CHILDREN or resource in self._optional

    def terminating(self, namespace: str) -> bool:
        """Whether a namespace is on its way out: nothing is written in it any more."""
        found = self.get(NAMESPACES, "", namespace)
        return found is not None and "deletionTimestamp" in found["metadata"]

    def deployments(self) -> tuple[Key, ...]:
        """Keys of all ModelDeployments, sorted."""
        return tuple(sorted(self._entries[MODEL_DEPLOYMENTS]))

    def deployments_of_connection(self, namespace: str, name: str) -> tuple[Key, ...]:
        """Keys of the ModelDeployments that name a connection, sorted."""
        return tuple(sorted(self._users.get(Key(namespace, name), set())))

    def cluster_connections(self, *, name: str = "", namespace: str = "") -> tuple[Key, ...]:
        """ClusterRegistryConnections as namespaces use them; of one name or namespace, if given."""
        return tuple(
            key
            for key in sorted(self._users)
            if key.name.startswith(f"{CLUSTER_KIND}/")
            and name in ("", naming.registry_shown(key.name))
            and namespace in ("", key.namespace)
        )

    def _forget(self, resource: Resource, key: Key, entry: _Entry) -> None:
        del self._entries[resource][key]
        if entry.deployment:
            _discard(self._children, (resource, entry.deployment), key)
        if entry.connection:
            _discard(self._users, entry.connection, key)


def _discard(index: dict[_At, set[Key]], at: _At, key: Key) -> None:
    index[at].discard(key)
    if not index[at]:
        del index[at]


def _identify(obj: Json) -> tuple[Key, str, str]:
    metadata = obj["metadata"]
    key = Key(metadata.get("namespace", ""), metadata["name"])
    return key, metadata.get("uid", ""), metadata.get("resourceVersion", "")


def _newer(version: str, than: str | None) -> bool:
    """Tell whether a state is newer than another; what cannot be compared is taken for newer."""
    if than is None:
        return True
    try:
        return int(version) > int(than)
    except ValueError:
        return version != than
