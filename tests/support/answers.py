"""What the operator of a `World` learns beside the cluster, and what it tells: ports as short as can be."""

from collections import Counter
from datetime import datetime
from typing import TypeAlias

from pintle import connection_views
from pintle.cache import Cache
from pintle.domain import Connection, Failed, Key, Pending, Query, RegisteredVersion, Resolution, Resolved
from pintle.ports import Event, Json
from tests.support.fake_clock import FakeClock

Wanted: TypeAlias = tuple[Query, datetime]


class Answers:
    """A resolver that answers at once with what a test says; `asked` counts the questions."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.versions: dict[str, RegisteredVersion] = {}
        self.aliases: dict[str, str] = {}
        self.failure: tuple[str, str] | None = None
        self.hangs = False
        self.asked: Counter[Query] = Counter()
        self.wanted: dict[Key, Wanted] = {}

    def want(self, key: Key, query: Query) -> Resolution:
        now = self._clock.now()
        if self.wanted.get(key, (None, now))[0] != query:
            self.asked[query] += 1
            self.wanted[key] = (query, now)
        if self.hangs:
            return Pending(self.wanted[key][1])
        if self.failure:
            return Failed(*self.failure, now)
        if query.alias is not None and query.alias not in self.aliases:
            text = f"{query.model} has no alias {query.alias} in {query.registry}"
            return Failed("AliasNotFound", text, now)
        found = self.versions.get(self.aliases.get(query.alias or "", query.version or ""))
        if found is None:
            newest = max(self.versions, key=int, default="none")
            text = f"{query.model} version {query.version} is not in {query.registry} (newest is {newest})"
            return Failed("VersionNotFound", text, now)
        return Resolved(found)

    def forget(self, key: Key) -> None:
        self.wanted.pop(key, None)

    def register(self, *versions: str, source: str = "models:/m-") -> None:
        for version in versions:
            self.versions[version] = RegisteredVersion(
                "iris", version, f"{source}{version}", 1_700_000_000_000 + int(version), f"run-{version}"
            )


class Views:
    """Connections as the cache has them, their Secrets found in order."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self.secret_problem = ""

    def view(self, namespace: str, name: str) -> Connection | None:
        spec = connection_views.find(self._cache, Key(namespace, name))
        if spec is None:
            return None
        secret = spec.spec.secret_ref.name if spec.spec.secret_ref else ""
        return Connection(spec, secret, self.secret_problem if secret else "", checked=True)


class Recorder:
    """Events and metrics, kept."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.counted: list[str] = []

    def post(self, event: Event) -> None:
        self.events.append(event)

    def reconciled(self, outcome: str, seconds: float) -> None: ...

    def polled(self, outcome: str) -> None: ...

    def transition(self, outcome: str) -> None:
        self.counted.append(outcome)

    def deployment(self, namespace: str, name: str, *, status: Json | None, model: str = "") -> None: ...
