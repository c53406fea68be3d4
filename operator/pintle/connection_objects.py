"""The Kubernetes objects of a RegistryConnection: reads what it names, writes its ConfigMap and status."""

from datetime import datetime

from pintle import connection_plan as plan
from pintle import views
from pintle.api import RegistryConnection
from pintle.cache import Cache
from pintle.conditions import Reason
from pintle.connection_plan import Problem
from pintle.domain.resources import CLUSTER_REGISTRY_CONNECTIONS, CONFIG_MAPS, REGISTRY_CONNECTIONS, SECRETS
from pintle.errors import AlreadyExists, ClusterError, Forbidden, Invalid, NotFound, Waiting
from pintle.naming import registry_config_name
from pintle.ports import Cluster, Json, Resource

NAMESPACE_GONE_SECONDS = 30.0


class ConnectionObjects:
    """Answers to own writes go into the cache, so that the next pass does not do the same again."""

    def __init__(self, cluster: Cluster, cache: Cache) -> None:
        self._cluster = cluster
        self._cache = cache

    async def read(
        self, connection: RegistryConnection
    ) -> tuple[Json | ClusterError | None, Json | ClusterError | None]:
        """The Secret and the ConfigMap of certificates: each as it is, or why not, or None if none is named.

        Raises:
            ClusterError: neither can be told at the moment.
        """
        spec = connection.spec
        secret = spec.secret_ref.name if spec.secret_ref else ""
        bundle = spec.ca_bundle.config_map_ref.name if spec.ca_bundle else ""
        return (
            await self._find(SECRETS, connection.namespace, secret),
            await self._find(CONFIG_MAPS, connection.namespace, bundle),
        )

    async def write_config(self, connection: RegistryConnection, ca: str) -> Problem | None:
        """Make or repair the ConfigMap that pods mount, or say why that cannot be.

        Raises:
            Waiting: the namespace is being deleted.
        """
        name = registry_config_name(connection.name)
        wanted = plan.config_map(connection, ca)
        held: Json | None = self._cache.get(CONFIG_MAPS, connection.namespace, name)
        try:
            if held is None:
                held = await self._create(connection.namespace, name, wanted)
            if _on_its_way_out(held, connection):
                return None  # its deletion is an event that asks for the next pass
            if views.owner_uid(held) != connection.uid:
                return _taken(connection, name)
            patch = plan.repair(held, wanted)
            if patch:
                answer = await self._cluster.patch(CONFIG_MAPS, connection.namespace, name, patch)
                self._cache.upsert(CONFIG_MAPS, answer)
        except (Forbidden, Invalid) as error:
            return _refused(name, error)
        return None

    async def write_status(
        self, connection: RegistryConnection, outcome: str | Problem, now: datetime
    ) -> None:
        """Write what is true, unless the status says that already."""
        patch = plan.status(connection, outcome, now)
        if patch is None:
            return
        resource = CLUSTER_REGISTRY_CONNECTIONS if connection.cluster else REGISTRY_CONNECTIONS
        answer = await self._cluster.patch(
            resource, connection.namespace, connection.name, patch, subresource="status"
        )
        self._cache.upsert(resource, answer)

    async def _find(self, resource: Resource, namespace: str, name: str) -> Json | ClusterError | None:
        if not name:
            return None
        try:
            return await self._cluster.get(resource, namespace, name)
        except (NotFound, Forbidden) as error:
            return error

    async def _create(self, namespace: str, name: str, wanted: Json) -> Json:
        """Make the ConfigMap, or give what holds its name: without our labels, no watch tells of it."""
        try:
            answer = await self._cluster.create(CONFIG_MAPS, namespace, wanted)
        except AlreadyExists:
            return await self._cluster.get(CONFIG_MAPS, namespace, name)
        self._cache.upsert(CONFIG_MAPS, answer)
        return answer


def _on_its_way_out(held: Json, connection: RegistryConnection) -> bool:
    """Whether a ConfigMap is being deleted, or will be, as its owner is an earlier object of this name."""
    owners = held["metadata"].get("ownerReferences") or ()
    kind = CLUSTER_REGISTRY_CONNECTIONS.kind if connection.cluster else REGISTRY_CONNECTIONS.kind
    name = connection.cluster or connection.name
    of_this_name = any(owner.get("kind") == kind and owner.get("name") == name for owner in owners)
    return views.deleting(held) or (of_this_name and views.owner_uid(held) != connection.uid)


def _taken(connection: RegistryConnection, name: str) -> Problem:
    return Problem(
        Reason.NAME_TAKEN,
        f"ConfigMap {name} in namespace {connection.namespace} belongs to somebody else; "
        f"if nothing needs it: kubectl -n {connection.namespace} delete configmap {name}",
    )


def _refused(name: str, error: Forbidden | Invalid) -> Problem:
    if "is being terminated" in error.message:
        raise Waiting(Reason.STARTING, error.message, after=NAMESPACE_GONE_SECONDS) from error
    quota, invalid = "exceeded quota" in error.message, isinstance(error, Invalid)
    reason = Reason.INSUFFICIENT_CAPACITY if quota else Reason.INVALID_SPEC if invalid else Reason.DEGRADED
    return Problem(reason, f"the API server refuses ConfigMap {name}: {error.message}")
