"""A resolver with registries in memory, for tests in virtual time: an hour takes milliseconds."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from pintle.alias_poll import GATHER_SECONDS
from pintle.conditions import Reason
from pintle.domain import Failed, Key, Pending, Query, Resolution
from pintle.errors import Retryable
from pintle.ports import REGISTRY, Endpoint, Json
from pintle.resolver import Resolver
from tests.support.fake_registry import FakeRegistry, FakeServer
from tests.support.loop_clock import LoopClock
from tests.support.virtual_time import run_virtually, settle

URI = "http://mlflow:5000"
POLL = 30.0
IRIS, OTHER = Key("ml", "iris"), Key("shop", "iris-too")
HOUR = 3600.0
OUTAGE = Retryable(Reason.REGISTRY_UNAVAILABLE, f"{REGISTRY} is down")


class Bench:
    """A resolver, what it is connected to, and what it has said."""

    def __init__(self, *, jitter: float = 0.0) -> None:
        self.registry = FakeRegistry()
        self.endpoints: dict[tuple[str, str], Endpoint | Pending | Failed] = {}
        self.requeued: list[Key] = []
        self.outcomes: list[str] = []
        self.heard: list[tuple[str, str, str]] = []
        self.connect("ml", "mlflow")
        self.resolver = Resolver(
            self.registry,
            LoopClock(),
            self,
            lambda namespace, name: self.endpoints.get((namespace, name)),
            self.requeued.append,
            heard=lambda *told: self.heard.append(told),
            jitter=lambda: jitter,
        )

    @property
    def server(self) -> FakeServer:
        return self.registry.server(URI)

    def connect(self, namespace: str, name: str, uri: str = URI, **endpoint: Any) -> None:  # noqa: ANN401 - fields of Endpoint
        self.registry.server(uri)
        self.endpoints[namespace, name] = Endpoint(uri, **{"poll_seconds": POLL, **endpoint})

    def want(
        self,
        key: Key = IRIS,
        version: str | None = "1",
        registry: str = "mlflow",
        **query: Any,  # noqa: ANN401 - fields of Query
    ) -> Resolution:
        return self.resolver.want(key, Query(registry, query.pop("model", "iris"), version, **query))

    async def answer(
        self,
        key: Key = IRIS,
        version: str | None = "1",
        registry: str = "mlflow",
        **query: Any,  # noqa: ANN401 - as above
    ) -> Resolution:
        """What is known once everything that can go on at once has; of an alias, after its first poll."""
        self.want(key, version, registry, **query)
        await asyncio.sleep(GATHER_SECONDS if version is None else 0)
        await settle()
        return self.want(key, version, registry, **query)

    # As `ports.Metrics`.

    def reconciled(self, outcome: str, seconds: float) -> None: ...

    def polled(self, outcome: str) -> None:
        self.outcomes.append(outcome)

    def transition(self, outcome: str) -> None: ...

    def deployment(self, namespace: str, name: str, *, status: Json | None, model: str = "") -> None: ...


def virtually(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test in virtual time. It ends with the resolver stopped: no task may be left over."""

    @wraps(test)
    def run(**arguments: object) -> None:
        async def body() -> None:
            await test(**arguments)

        run_virtually(body())

    return run


def failed(answer: Resolution) -> tuple[str, str]:
    assert isinstance(answer, Failed)
    return answer.reason, answer.message
