"""`ports.Cluster` on the asyncio API of the official `kubernetes` package: raw JSON in and out.

Only its configuration, authentication and connections are used. Its typed models are left alone:
they drop fields that they do not know, and what was read could not be written back as it was.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from pintle import errors, naming
from pintle.adapters.kube_http import Connections, find_credentials
from pintle.adapters.wire import Gone, encode, parse
from pintle.ports import Json, PatchType, Resource, Subresource

Observer: TypeAlias = Callable[[str, str], None]
"""Told of each request: its verb, and the answer's status or the name of what went wrong."""

# A list that expires so often while its pages are read is not going to end.
_LIST_ATTEMPTS = 3

_PATCH_TYPES: Mapping[PatchType, str] = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
}
_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class KubernetesCluster:
    """A `ports.Cluster`: one API server, with one set of credentials.

    Args:
        configuration: where the API server is and how to log in; `connect` finds it.
        namespaces: lists are confined to these; all namespaces if there are none.
        observe: told of each request.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        namespaces: tuple[str, ...] = (),
        observe: Observer = lambda *_: None,
    ) -> None:
        self._client = ApiClient(configuration)
        self._client.user_agent = f"{naming.MANAGER}-operator"
        self._connections = Connections(configuration)
        self._namespaces = namespaces
        self._observe = observe

    @classmethod
    async def connect(
        cls,
        *,
        kubeconfig: Path | None = None,
        namespaces: tuple[str, ...] = (),
        observe: Observer = lambda *_: None,
    ) -> "KubernetesCluster":
        """Use the pod's service account, or outside a pod the current context of a kubeconfig.

        Args:
            kubeconfig: a file to use in any case; else it is the one that KUBECONFIG names.
            namespaces: as in the constructor.
            observe: as in the constructor.

        Raises:
            kubernetes.aio.config.ConfigException: there is neither.
        """
        configuration = Configuration()
        await find_credentials(configuration, kubeconfig)
        return cls(configuration, namespaces=namespaces, observe=observe)

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()
        await self._client.close()  # type: ignore[no-untyped-call] # so it is

    async def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """As the port says."""
        return await self._request("GET", _path(resource, namespace, name))

    async def pages(
        self, resource: Resource, *, labels: str = "", size: int = 500
    ) -> AsyncIterator[list[Json]]:
        """As the port says. When a list expires while it is read it starts anew: objects come again."""
        for namespace in self._namespaces if resource.namespaced and self._namespaces else ("",):
            for attempt in range(1, _LIST_ATTEMPTS + 1):
                try:
                    async for page in self._list(resource, namespace, labels, size):
                        yield page
                    break
                except Gone as error:
                    if attempt == _LIST_ATTEMPTS:
                        raise errors.Unavailable(error.message, status=error.status) from error

    async def create(self, resource: Resource, namespace: str, body: Json) -> Json:
        """As the port says."""
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        return await self._request("POST", _path(resource, namespace), body=whole, query=_MANAGER)

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
        path = _path(resource, namespace, name, subresource)
        return await self._request(
            "PATCH", path, body=body, query=_MANAGER, content_type=_PATCH_TYPES[patch_type]
        )

    async def replace(self, resource: Resource, namespace: str, body: Json, *, dry_run: bool = False) -> Json:
        """As the port says."""
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        query = {**_MANAGER, "dryRun": "All"} if dry_run else _MANAGER
        path = _path(resource, namespace, body["metadata"]["name"])
        return await self._request("PUT", path, body=whole, query=query)

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str | None = None
    ) -> None:
        """As the port says. Raises Conflict where the name is held by an object of another uid."""
        preconditions = {"uid": uid} | ({"resourceVersion": resource_version} if resource_version else {})
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": preconditions,
        }
        try:
            await self._request("DELETE", _path(resource, namespace, name), body=options)
        except errors.NotFound:
            return

    async def _list(
        self, resource: Resource, namespace: str, labels: str, size: int
    ) -> AsyncIterator[list[Json]]:
        query = {"limit": str(size)} | ({"labelSelector": labels} if labels else {})
        token = ""
        while True:
            more = {"continue": token} if token else {}
            answer = await self._request("GET", _path(resource, namespace), query=query | more, verb="list")
            # Items of a list do not say their kind; what is written back later has to.
            kind = {"apiVersion": resource.api_version, "kind": resource.kind}
            yield [{**kind, **item} for item in answer.get("items") or []]
            token = answer.get("metadata", {}).get("continue", "")
            if not token:
                return

    async def _request(
        self,
        method: str,
        path: str,
        *,
        body: Json | list[Json] | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        verb: str = "",
    ) -> dict[str, Any]:
        verb = verb or _VERBS[method]
        try:
            status, headers, content = await self._send(method, path, body, query or {}, content_type)
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            self._observe(verb, type(error).__name__)
            message = f"{method} {path}: no answer from the API server: {str(error) or type(error).__name__}"
            raise errors.Unavailable(message) from error
        self._observe(verb, str(status))
        return parse(status, headers, content, what=f"{method} {path}")

    async def _send(
        self,
        method: str,
        path: str,
        body: Json | list[Json] | None,
        query: Mapping[str, str],
        content_type: str,
    ) -> tuple[int, Mapping[str, str], bytes]:
        _, url, login, *_ = await self._client.param_serialize(
            method=method,
            resource_path=path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": content_type},
            auth_settings=["BearerToken"],
        )
        return await self._connections.send(method, url, login, None if body is None else encode(body))


_MANAGER = {"fieldManager": naming.MANAGER}


def _path(resource: Resource, namespace: str, name: str = "", subresource: str = "") -> str:
    parts = ["apis", resource.group] if resource.group else ["api"]
    parts.append(resource.version)
    if resource.namespaced and namespace:
        parts += ["namespaces", namespace]
    parts += [part for part in (resource.plural, name, subresource) if part]
    return "/" + "/".join(quote(part, safe="") for part in parts)
