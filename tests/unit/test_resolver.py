"""The resolver with registries in memory, in virtual time: an hour takes milliseconds and nothing sleeps."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import wraps
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pintle.conditions import Reason
from pintle.domain import Failed, Key, Pending, Query, Resolution, Resolved
from pintle.errors import Retryable, Terminal
from pintle.ports import REGISTRY, Credentials, Endpoint, Json
from pintle.resolver import CONCURRENCY, Resolver
from tests.support.fake_registry import FakeRegistry, FakeServer
from tests.support.loop_clock import START, LoopClock
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
        """What is known once everything that can go on at once has."""
        self.want(key, version, registry, **query)
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


@virtually
async def test_a_version_is_asked_for_once() -> None:
    bench = Bench()
    expected = bench.server.register("iris")
    assert bench.want() == Pending(START)
    assert bench.want() == Pending(START)
    await settle()
    assert bench.requeued == [IRIS]
    assert bench.want() == Resolved(expected)
    await asyncio.sleep(24 * HOUR)
    assert bench.want() == Resolved(expected)
    assert len(bench.server.asked) == 1
    assert bench.requeued == [IRIS]
    assert (bench.outcomes, bench.heard) == (["ok"], [("ml", "mlflow", "ok")])


@virtually
async def test_nothing_is_asked_that_nobody_wants() -> None:
    bench = Bench()
    bench.server.register("iris")
    await asyncio.sleep(HOUR)
    assert bench.server.asked == []


@virtually
async def test_one_question_for_all_on_the_same_registry() -> None:
    """However the connections to it are named; a message names each one's own."""
    bench = Bench()
    bench.server.register("iris")
    bench.connect("shop", "models")
    bench.want(IRIS, "7"), bench.want(OTHER, "7", "models")
    await settle()
    assert len(bench.server.asked) == 1
    assert sorted(bench.requeued) == [IRIS, OTHER]
    assert failed(bench.want(IRIS, "7")) == (
        Reason.VERSION_NOT_FOUND,
        "iris version 7 is not in registry mlflow (newest is 1)",
    )
    assert failed(bench.want(OTHER, "7", "models"))[1].endswith("registry models (newest is 1)")
    assert sorted(bench.heard) == [
        ("ml", "mlflow", "VersionNotFound"),
        ("shop", "models", "VersionNotFound"),
    ]


@pytest.mark.parametrize(
    "other",
    [{"ca": "PEM"}, {"credentials": Credentials("eve")}, {"credentials": Credentials(token="t")}],
    ids=str,
)
@virtually
async def test_answers_are_not_shared_with_other_credentials(other: dict[str, Any]) -> None:
    bench = Bench()
    bench.server.register("iris")
    bench.connect("shop", "mlflow", **other)
    bench.want(IRIS), bench.want(OTHER)
    await settle()
    assert len(bench.server.asked) == 2


@virtually
async def test_bounded_for_each_registry() -> None:
    bench = Bench()
    bench.connect("shop", "mlflow", "http://other:5000")
    for registry in (bench.server, bench.registry.server("http://other:5000")):
        registry.latency = 1.0
        registry.register("iris")
    for number in range(20):
        bench.want(Key("ml", f"iris-{number}"), str(number + 1))
        bench.want(Key("shop", f"iris-{number}"), str(number + 1))
    await asyncio.sleep(20 / CONCURRENCY + 0.5)
    for registry in (bench.server, bench.registry.server("http://other:5000")):
        assert (registry.most_open, len(registry.asked)) == (CONCURRENCY, 20)
    await bench.resolver.stop()


@virtually
async def test_a_hanging_registry_holds_up_nobody_else() -> None:
    bench = Bench()
    bench.connect("shop", "mlflow", "http://other:5000")
    expected = bench.registry.server("http://other:5000").register("iris")
    bench.server.register("iris")
    bench.server.hang()
    for number in range(50):
        bench.want(Key("ml", f"iris-{number}"), str(number + 1))
    assert await bench.answer(OTHER) == Resolved(expected)
    assert bench.server.open == CONCURRENCY
    bench.server.release()
    await settle(range(200))
    assert isinstance(bench.want(Key("ml", "iris-0"), "1"), Resolved)
    assert failed(bench.want(Key("ml", "iris-49"), "50"))[0] == Reason.VERSION_NOT_FOUND
    await bench.resolver.stop()


@pytest.mark.parametrize(
    ("fault", "poll_seconds", "jitter", "asked_at"),
    [
        (OUTAGE, 30, 0, [0, 1, 3, 7, 15, 31, 61, 91, 121]),
        (OUTAGE, 10, 0, [0, 1, 3, 7, 15, 25, 35, 45, 55, 65]),
        (OUTAGE, 5, 0, [0, 1, 3, 7, 12, 17, 22]),
        (OUTAGE, 30, 1, [0, 1.2, 3.6, 8.4, 18, 37.2, 73.2, 109.2]),
        (Terminal(Reason.REGISTRY_FORBIDDEN, "no"), 30, 0, [0, 30, 60, 90]),
        (Terminal(Reason.REGISTRY_FORBIDDEN, "no"), 30, 0.5, [0, 33, 66, 99]),
        (Retryable(Reason.RESOLVING, "wait"), 30, 0, [0, 1, 3, 7, 15]),
        (ZeroDivisionError("of the adapter's own making"), 30, 0, [0, 1, 3, 7, 15]),
    ],
    ids=str,
)
@virtually
async def test_when_it_is_asked_again(
    fault: Exception, poll_seconds: float, jitter: float, asked_at: list[float]
) -> None:
    bench = Bench(jitter=jitter)
    bench.connect("ml", "mlflow", poll_seconds=poll_seconds)
    bench.server.fault = fault
    first = await bench.answer()
    await asyncio.sleep(asked_at[-1] + 0.5)
    assert bench.server.asked_at == pytest.approx(asked_at)
    assert bench.want() == first, "the same failure, since the first time"
    assert isinstance(first, Failed)
    assert first.at == START
    assert bench.requeued == [IRIS], "what is no news wakes nobody"
    await bench.resolver.stop()


@virtually
async def test_an_unknown_failure_tells_nothing_of_itself() -> None:
    bench = Bench()
    bench.server.fault = ZeroDivisionError("planted")
    assert failed(await bench.answer()) == (
        Reason.REGISTRY_UNAVAILABLE,
        "registry mlflow could not be asked: see the operator's log",
    )
    assert bench.outcomes == [Reason.REGISTRY_UNAVAILABLE]
    await bench.resolver.stop()


@virtually
async def test_a_version_that_comes_is_found_at_the_next_poll() -> None:
    bench = Bench()
    bench.server.register("iris")
    assert isinstance(await bench.answer(version="2"), Failed)
    expected = bench.server.register("iris")
    await asyncio.sleep(POLL)
    await settle()
    assert bench.requeued == [IRIS, IRIS]
    assert bench.want(version="2") == Resolved(expected)
    await asyncio.sleep(HOUR)
    assert len(bench.server.asked) == 2


@virtually
async def test_another_failure_is_news_and_starts_the_pauses_anew() -> None:
    bench = Bench()
    bench.server.register("iris")
    bench.server.fault = OUTAGE
    assert failed(await bench.answer(version="2")) == (OUTAGE.reason, "registry mlflow is down")
    bench.server.fault = None
    await asyncio.sleep(1.5)
    after = bench.want(version="2")
    assert isinstance(after, Failed)
    assert (after.reason, after.at) == (Reason.VERSION_NOT_FOUND, START + timedelta(seconds=1))
    bench.server.fault = OUTAGE
    await asyncio.sleep(POLL + 1)
    assert bench.server.asked_at == [0, 1, 31, 32]
    assert bench.requeued == [IRIS] * 3
    await bench.resolver.stop()


@virtually
async def test_what_is_forgotten_is_dropped() -> None:
    bench = Bench()
    bench.server.register("iris")
    await bench.answer()
    bench.resolver.forget(IRIS)
    bench.resolver.forget(IRIS)
    bench.resolver.forget(OTHER)
    assert isinstance(bench.want(), Pending), "a later want asks again"
    await settle()
    assert isinstance(bench.want(), Resolved)
    assert len(bench.server.asked) == 2


@virtually
async def test_a_question_under_way_ends_when_nobody_wants_it() -> None:
    bench = Bench()
    bench.server.hang()
    bench.want()
    await settle()
    assert bench.server.open == 1
    bench.resolver.forget(IRIS)
    await settle()
    assert bench.server.open == 0
    bench.server.release()
    await asyncio.sleep(HOUR)
    assert bench.requeued == []


@virtually
async def test_forgetting_for_one_keeps_it_for_the_other() -> None:
    bench = Bench()
    bench.connect("shop", "mlflow")
    bench.server.fault = OUTAGE
    bench.want(IRIS), bench.want(OTHER)
    await settle()
    bench.resolver.forget(IRIS)
    bench.server.fault = None
    bench.server.register("iris")
    await asyncio.sleep(1.5)
    assert isinstance(bench.want(OTHER), Resolved)
    assert bench.requeued == [IRIS, OTHER, OTHER]


@virtually
async def test_another_want_replaces_the_first() -> None:
    bench = Bench()
    bench.server.register("iris")
    assert isinstance(await bench.answer(version="7"), Failed)
    assert isinstance(await bench.answer(version="1"), Resolved)
    await asyncio.sleep(HOUR)
    assert [asked.wanted for asked in bench.server.asked] == ["7", "1"]


@virtually
async def test_an_alias_has_one_poll() -> None:
    bench = Bench()
    bench.connect("shop", "models", poll_seconds=10)
    first, second = bench.server.register("iris"), bench.server.register("iris")
    bench.server.set_alias("iris", "champion", "1")
    assert await bench.answer(IRIS, None, alias="champion") == Resolved(first)
    assert await bench.answer(OTHER, None, "models", alias="champion") == Resolved(first)
    await asyncio.sleep(30.5)
    assert bench.server.asked_at == [0, 30], "the pause of 30 s had begun when the shorter one came"
    bench.server.set_alias("iris", "champion", "2")
    await asyncio.sleep(10)
    assert bench.server.asked_at == [0, 30, 40], "the shortest of the poll intervals"
    assert bench.want(IRIS, None, alias="champion") == Resolved(second)
    assert bench.requeued == [IRIS, IRIS, OTHER]
    bench.resolver.forget(OTHER)
    await asyncio.sleep(60)
    assert bench.server.asked_at == [0, 30, 40, 50, 80]
    await bench.resolver.stop()


@virtually
async def test_an_alias_stays_resolved_through_an_outage() -> None:
    bench = Bench()
    known = bench.server.register("iris")
    bench.server.set_alias("iris", "champion", "1")
    assert await bench.answer(version=None, alias="champion") == Resolved(known)
    bench.server.fault = OUTAGE
    await asyncio.sleep(HOUR)
    assert bench.want(version=None, alias="champion") == Resolved(known)
    assert bench.requeued == [IRIS]
    bench.server.fault = None
    bench.server.delete_alias("iris", "champion")
    await asyncio.sleep(POLL)
    assert failed(bench.want(version=None, alias="champion"))[0] == Reason.ALIAS_NOT_FOUND
    await bench.resolver.stop()


@virtually
async def test_without_a_connection() -> None:
    bench = Bench()
    bench.server.register("iris")
    del bench.endpoints["ml", "mlflow"]
    first = bench.want()
    assert failed(first) == (
        Reason.REGISTRY_NOT_FOUND,
        "there is no RegistryConnection mlflow in namespace ml",
    )
    await asyncio.sleep(HOUR)
    assert bench.want() == first
    assert bench.server.asked == []
    bench.connect("ml", "mlflow")
    bench.resolver.connection_changed("ml", "mlflow")
    assert bench.requeued == [IRIS]
    await settle()
    assert isinstance(bench.want(), Resolved)


@virtually
async def test_what_a_connection_waits_for_is_passed_on() -> None:
    bench = Bench()
    bench.endpoints["ml", "mlflow"] = Pending(START)
    assert bench.want() == Pending(START)
    bench.endpoints["ml", "mlflow"] = Failed(Reason.CREDENTIALS_FORBIDDEN, "no Role", START)
    bench.resolver.connection_changed("ml", "mlflow")
    assert bench.want() == bench.endpoints["ml", "mlflow"]
    assert bench.requeued == [IRIS]
    assert bench.server.asked == []


@virtually
async def test_a_connection_that_leads_elsewhere_is_asked_at_once() -> None:
    bench = Bench()
    bench.server.register("iris")
    await bench.answer()
    elsewhere = bench.registry.server("http://elsewhere:5000")
    expected = elsewhere.register("iris")
    bench.connect("ml", "mlflow", "http://elsewhere:5000")
    bench.resolver.connection_changed("shop", "mlflow")
    bench.resolver.connection_changed("ml", "another")
    await settle()
    assert elsewhere.asked == []
    bench.resolver.connection_changed("ml", "mlflow")
    await settle()
    assert len(elsewhere.asked) == 1
    assert bench.want() == Resolved(expected)
    assert bench.requeued == [IRIS] * 3
    assert len(bench.server.asked) == 1


@virtually
async def test_a_changed_connection_ends_a_pause() -> None:
    bench = Bench()
    bench.server.fault = OUTAGE
    bench.want()
    await asyncio.sleep(100)
    asked = len(bench.server.asked)
    bench.resolver.connection_changed("ml", "mlflow")
    await asyncio.sleep(1.5)
    assert bench.server.asked_at[asked:] == [100, 101], "and the pauses start anew"
    await bench.resolver.stop()


@virtually
async def test_a_changed_connection_does_not_ask_for_what_is_known() -> None:
    bench = Bench()
    bench.server.register("iris")
    await bench.answer()
    bench.resolver.connection_changed("ml", "mlflow")
    await asyncio.sleep(HOUR)
    assert len(bench.server.asked) == 1
    assert bench.requeued == [IRIS]


@virtually
async def test_stopped_in_the_middle() -> None:
    bench = Bench()
    bench.server.hang()
    for number in range(10):
        bench.want(Key("ml", str(number)), str(number + 1))
    await settle()
    await bench.resolver.stop()
    assert bench.server.open == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
    bench.server.release()
    await asyncio.sleep(HOUR)
    assert len(bench.server.asked) == CONCURRENCY
    assert bench.requeued == []


KEYS = [Key(namespace, name) for namespace in ("ml", "shop") for name in ("a", "b")]
STEPS = st.one_of(
    st.tuples(st.just("want"), st.sampled_from(KEYS), st.sampled_from(["1", "2", "3"])),
    st.tuples(st.just("follow"), st.sampled_from(KEYS), st.sampled_from(["champion", "nobody"])),
    st.tuples(st.just("forget"), st.sampled_from(KEYS), st.none()),
    st.tuples(st.just("connect"), st.sampled_from(["ml", "shop"]), st.sampled_from(["a", "b", None])),
    st.tuples(st.just("break"), st.sampled_from(["a", "b"]), st.booleans()),
    st.tuples(st.just("wait"), st.none(), st.sampled_from([0.0, 1.0, 31.0])),
)


@given(st.lists(STEPS, max_size=30))
def test_whatever_happens_it_ends_with_the_truth(steps: list[tuple[str, Any, Any]]) -> None:
    run_virtually(_whatever_happens(steps))


async def _whatever_happens(steps: list[tuple[str, Any, Any]]) -> None:
    bench = Bench()
    servers = {name: bench.registry.server(f"http://{name}") for name in ("a", "b")}
    for server in servers.values():
        server.register("iris"), server.register("iris")
        server.set_alias("iris", "champion", "2")
    wanted: dict[Key, Query] = {}
    for step in steps:
        await _take(step, bench, servers, wanted)
    for server in servers.values():
        server.fault = None
    await asyncio.sleep(2 * POLL)
    for key, query in wanted.items():
        endpoint = bench.endpoints.get((key.namespace, "mlflow"))
        reached = isinstance(endpoint, Endpoint) and endpoint.uri != URI
        answer = bench.resolver.want(key, query)
        if reached and (query.version in ("1", "2") or query.alias == "champion"):
            assert isinstance(answer, Resolved)
            assert answer.version.version == (query.version or "2")
        else:
            assert isinstance(answer, Failed)
    for key in wanted:
        bench.resolver.forget(key)
    await settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    asked = [len(server.asked) for server in servers.values()]
    await asyncio.sleep(HOUR)
    assert asked == [len(server.asked) for server in servers.values()]


async def _take(
    step: tuple[str, Any, Any], bench: Bench, servers: dict[str, FakeServer], wanted: dict[Key, Query]
) -> None:
    what, subject, value = step
    match what:
        case "want" | "follow":
            version, alias = (value, None) if what == "want" else (None, value)
            wanted[subject] = Query("mlflow", "iris", version, alias)
            bench.resolver.want(subject, wanted[subject])
        case "forget":
            wanted.pop(subject, None)
            bench.resolver.forget(subject)
        case "connect":
            bench.endpoints.pop((subject, "mlflow"), None)
            if value:
                bench.connect(subject, "mlflow", f"http://{value}")
            bench.resolver.connection_changed(subject, "mlflow")
        case "break":
            servers[subject].fault = OUTAGE if value else None
        case _:
            await asyncio.sleep(value)
