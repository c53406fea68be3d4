"""A `ports.Cluster` that writes only while this process may: see `leadership`."""

from collections.abc import AsyncIterator, Callable

from pintle.ports import Cluster, Json, PatchType, Resource, Subresource


class Guarded:
    """Asks `guard` before each write; it raises a ClusterError where that must not be made. Reads pass."""

    def __init__(self, cluster: Cluster, guard: Callable[[], None]) -> None:
        self._cluster = cluster
        self._guard = guard

    async def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """As the port says."""
        return await self._cluster.get(resource, namespace, name)

    def pages(self, resource: Resource, *, labels: str = "", size: int = 500) -> AsyncIterator[list[Json]]:
        """As the port says."""
        return self._cluster.pages(resource, labels=labels, size=size)

    async def create(self, resource: Resource, namespace: str, body: Json) -> Json:
        """As the port says."""
        self._guard()
        return await self._cluster.create(resource, namespace, body)

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Json | list[Json],
        *,
        patch_type: PatchType = "merge",
        subresource: Subresource = "",
    ) -> Json:
        """As the port says."""
        self._guard()
        return await self._cluster.patch(
            resource, namespace, name, body, patch_type=patch_type, subresource=subresource
        )

    async def replace(self, resource: Resource, namespace: str, body: Json, *, dry_run: bool = False) -> Json:
        """As the port says."""
        self._guard()
        return await self._cluster.replace(resource, namespace, body, dry_run=dry_run)

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str | None = None
    ) -> None:
        """As the port says."""
        self._guard()
        await self._cluster.delete(resource, namespace, name, uid=uid, resource_version=resource_version)
