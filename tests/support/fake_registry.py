"""`ports.Registry` in memory: registries by address, with faults and a log of what was asked.

`tests/contract/test_registry.py` holds it to the same behaviour as the adapter with a real server.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import NamedTuple, TypeVar

from pintle.conditions import Reason
from pintle.domain import ModelAliases, RegisteredVersion
from pintle.errors import Retryable, Terminal, Unauthorized
from pintle.ports import REGISTRY, Credentials, Endpoint, no_model

T = TypeVar("T")

SERVER_VERSION = "3.17.2"


class Asked(NamedTuple):
    """One question, as it came in."""

    what: str  # version, aliases, server, set-tag or delete-tag
    model: str = ""
    wanted: str = ""


@dataclass(slots=True)
class _Model:
    created_time: int
    versions: dict[int, RegisteredVersion] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    tags: dict[int, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    newest: int = 0  # numbers are not used twice, until the model itself is deleted


class FakeServer:
    """One registry. `fault` is what every question fails with; `latency` is in seconds of the loop's time."""

    def __init__(self, uri: str, created: Callable[[], int]) -> None:
        self.uri = uri
        self.fault: Exception | None = None
        self.faults: dict[str, Exception] = {}  # by what is asked
        self.latency = 0.0
        self.accepts: Credentials | None = None  # None: no credentials are asked for
        self.hidden: dict[str, Credentials] = {}  # model -> whose requests may not read it
        self.asked: list[Asked] = []
        self.asked_at: list[float] = []  # by the loop's clock
        self.open = 0
        self.most_open = 0
        self._created = created
        self._models: dict[str, _Model] = {}
        self._answers = asyncio.Event()
        self._answers.set()

    def register(
        self, model: str, source: str = "", *, run_id: str = "", artifact_uri: str = ""
    ) -> RegisteredVersion:
        """Add the next version of a model, which is made if need be."""
        held = self._models.get(model) or self._models.setdefault(model, _Model(self._created()))
        held.newest += 1
        source = source or f"s3://models/{model}/{held.newest}"
        held.versions[held.newest] = RegisteredVersion(
            model=model,
            version=str(held.newest),
            source=source,
            created_time=self._created(),
            run_id=run_id,
            artifact_uri=artifact_uri or source,
        )
        return held.versions[held.newest]

    def set_alias(self, model: str, alias: str, version: str) -> None:
        self._models[model].aliases[alias] = int(version)

    def delete_alias(self, model: str, alias: str) -> None:
        del self._models[model].aliases[alias]

    def set_tag(self, model: str, version: str, key: str, value: str) -> None:
        self._models[model].tags[int(version)][key] = value

    def delete_tag(self, model: str, version: str, key: str) -> None:
        if model in self._models:
            self._models[model].tags[int(version)].pop(key, None)

    def delete_version(self, model: str, version: str) -> None:
        """Remove a version, and the aliases that name it."""
        held = self._models[model]
        del held.versions[int(version)]
        held.aliases = {a: v for a, v in held.aliases.items() if v != int(version)}

    def delete_model(self, model: str) -> None:
        del self._models[model]

    def hang(self) -> None:
        """Answer nothing from now on."""
        self._answers.clear()

    def release(self) -> None:
        """Answer again, what was asked meanwhile too."""
        self._answers.set()

    def counts(self) -> Counter[Asked]:
        """How often each question was asked."""
        return Counter(self.asked)

    async def answer(self, asked: Asked, credentials: Credentials, find: Callable[[], T]) -> T:
        self.asked.append(asked)
        self.asked_at.append(asyncio.get_running_loop().time())
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await asyncio.sleep(self.latency)
            await self._answers.wait()
        finally:
            self.open -= 1
        if fault := self.fault or self.faults.get(asked.what):
            raise fault.with_traceback(None)
        if self.accepts not in (None, credentials):
            raise Unauthorized(
                Reason.REGISTRY_FORBIDDEN, f"{REGISTRY} at {self.uri} does not accept them (401)"
            )
        return find()

    def find_version(self, model: str, version: str) -> RegisteredVersion:
        held = self._held(model)
        if found := held.versions.get(int(version)):
            aliases = frozenset(a for a, v in held.aliases.items() if v == int(version))
            return replace(found, tags=dict(held.tags[int(version)]), aliases=aliases)
        newest = f"newest is {max(held.versions)}" if held.versions else "the model has no versions"
        raise Terminal(Reason.VERSION_NOT_FOUND, f"{model} version {version} is not in {REGISTRY} ({newest})")

    def find_aliases(self, models: Sequence[str], asks: Credentials) -> dict[str, ModelAliases]:
        readable = {m: held for m, held in self._models.items() if self.hidden.get(m) != asks}
        if len(models) == 1 and models[0] in self._models and models[0] not in readable:
            raise Terminal(
                Reason.REGISTRY_FORBIDDEN, f"{REGISTRY} at {self.uri} does not let them read (403)"
            )
        return {
            model: ModelAliases(held.created_time, {a: str(v) for a, v in held.aliases.items()})
            for model, held in readable.items()
            if model in models
        }

    def _held(self, model: str) -> _Model:
        if model not in self._models:
            raise no_model(model)
        return self._models[model]


class FakeRegistry:
    """A `ports.Registry`. An address without a server is one where nobody answers."""

    def __init__(self) -> None:
        self._servers: dict[str, FakeServer] = {}
        self._created = count(1_700_000_000_000)
        self.closed = False

    def server(self, uri: str) -> FakeServer:
        """The registry at an address, made if need be."""
        if uri not in self._servers:
            self._servers[uri] = FakeServer(uri, lambda: next(self._created))
        return self._servers[uri]

    async def version(self, endpoint: Endpoint, model: str, version: str) -> RegisteredVersion:
        return await self._ask(
            endpoint, Asked("version", model, version), lambda server: server.find_version(model, version)
        )

    async def aliases(self, endpoint: Endpoint, models: Sequence[str]) -> dict[str, ModelAliases]:
        wanted = tuple(models)
        return await self._ask(
            endpoint,
            Asked("aliases", ",".join(wanted)),
            lambda server: server.find_aliases(wanted, endpoint.credentials),
        )

    async def server_version(self, endpoint: Endpoint) -> str:
        return await self._ask(endpoint, Asked("server"), lambda _: SERVER_VERSION)

    async def set_tag(self, endpoint: Endpoint, model: str, version: str, key: str, value: str) -> None:
        def put(server: FakeServer) -> None:
            server.find_version(model, version)
            server.set_tag(model, version, key, value)

        await self._ask(endpoint, Asked("set-tag", model, version), put)

    async def delete_tag(self, endpoint: Endpoint, model: str, version: str, key: str) -> None:
        asked = Asked("delete-tag", model, version)
        await self._ask(endpoint, asked, lambda server: server.delete_tag(model, version, key))

    async def close(self) -> None:
        self.closed = True

    def _ask(self, endpoint: Endpoint, asked: Asked, find: Callable[[FakeServer], T]) -> Awaitable[T]:
        server = self._servers.get(endpoint.uri)
        if server is None:
            raise Retryable(
                Reason.REGISTRY_UNAVAILABLE,
                f"{REGISTRY} at {endpoint.uri} cannot be connected to (connection refused)",
            )
        return server.answer(asked, endpoint.credentials, lambda: find(server))
