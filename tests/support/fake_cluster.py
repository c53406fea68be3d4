"""`ports.Cluster` on a `FakeApiServer`, with a log of requests and with faults.

One `FakeApiServer` may have several of these, as a cluster may have two operators at once.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pintle import errors
from pintle.ports import Json, PatchType, Resource, Subresource
from tests.support.fake_api_server import FakeApiServer

Verb: TypeAlias = Literal["get", "list", "create", "patch", "update", "delete"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request that the operator made. `status` is what came back, 0 where nothing did."""

    verb: Verb
    resource: str  # plural, with its subresource: `deployments/scale`
    namespace: str
    name: str
    status: int
    body: Json | tuple[Json, ...] | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class Fault:
    """What happens to the `ordinal`th request (from 1) of its kind; "" matches any name.

    `error` is raised before the API server sees the request, or after it has acted (`committed`):
    an answer that is lost. It may be a CancelledError, as when the process is killed there: nothing gets
    through then, until another process is there (`FakeCluster.revive`).
    `meanwhile` runs just before the request is handled: what somebody else does first.
    """

    verb: Verb
    resource: str
    name: str = ""
    ordinal: int = 1
    error: BaseException | None = None
    committed: bool = False
    meanwhile: Callable[[], None] | None = None
    seen: int = 0

    def strikes(self, verb: Verb, resource: str, name: str) -> bool:
        """Count a request, and tell whether it is the one."""
        if (self.verb, self.resource) != (verb, resource) or self.name not in ("", name):
            return False
        self.seen += 1
        return self.seen == self.ordinal


class FakeCluster:
    """A `ports.Cluster`. `requests` is the log; `faults` are what goes wrong.

    An answer is `answer_seconds` on its way: who is cancelled by then does not learn what was done.
    """

    def __init__(self, api: FakeApiServer) -> None:
        self.api = api
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.answer_seconds = 0.0
        self._dead = False

    def revive(self) -> None:
        """Let requests through again: another process makes them."""
        self._dead = False

    def writes(self) -> Counter[tuple[str, str]]:
        """How many requests there were of each (verb, resource), reads left out."""
        return Counter((r.verb, r.resource) for r in self.requests if r.verb not in ("get", "list"))

    async def get(self, resource: Resource, namespace: str, name: str) -> Json:
        return await self._request(
            "get", resource.plural, namespace, name, lambda: self.api.get(resource, namespace, name)
        )

    async def pages(
        self, resource: Resource, *, labels: str = "", size: int = 500
    ) -> AsyncIterator[list[Json]]:
        found: list[Json] = []

        def read() -> Json:
            found.extend(self.api.objects(resource, labels=labels))
            return {}

        await self._request("list", resource.plural, "", "", read)
        for start in range(0, len(found), size):
            if start:
                await self._request("list", resource.plural, "", "", dict)
            yield found[start : start + size]

    async def create(self, resource: Resource, namespace: str, body: Json) -> Json:
        name = body["metadata"]["name"]
        return await self._request(
            "create",
            resource.plural,
            namespace,
            name,
            lambda: self.api.create(resource, namespace, body),
            body=body,
        )

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
        def act() -> Json:
            return self.api.patch(
                resource, namespace, name, body, patch_type=patch_type, subresource=subresource
            )

        what = f"{resource.plural}/{subresource}" if subresource else resource.plural
        return await self._request(
            "patch", what, namespace, name, act, body=tuple(body) if isinstance(body, list) else body
        )

    async def replace(self, resource: Resource, namespace: str, body: Json, *, dry_run: bool = False) -> Json:
        def act() -> Json:
            return self.api.replace(resource, namespace, body, dry_run=dry_run)

        return await self._request(
            "update", resource.plural, namespace, body["metadata"]["name"], act, body=body
        )

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str | None = None
    ) -> None:
        def act() -> Json:
            self.api.delete(resource, namespace, name, uid=uid, resource_version=resource_version)
            return {}

        try:
            await self._request("delete", resource.plural, namespace, name, act)
        except errors.NotFound:
            return

    async def _request(
        self,
        verb: Verb,
        resource: str,
        namespace: str,
        name: str,
        act: Callable[[], Json],
        *,
        body: Json | tuple[Json, ...] | None = None,
    ) -> Json:
        await asyncio.sleep(0)  # a request lets others run
        if self._dead:
            raise asyncio.CancelledError
        faults = [fault for fault in self.faults if fault.strikes(verb, resource, name)]
        status = 0
        try:
            for fault in faults:
                if fault.meanwhile:
                    fault.meanwhile()
                if fault.error and not fault.committed:
                    raise fault.error
            answer = act()
            for fault in faults:
                if fault.error:
                    raise fault.error
            status = 200
        except errors.ClusterError as error:
            status = error.status
            raise
        except asyncio.CancelledError:
            self._dead = True
            raise
        finally:
            self.requests.append(Request(verb, resource, namespace, name, status, body))
        if self.answer_seconds:
            await asyncio.sleep(self.answer_seconds)
        return answer
