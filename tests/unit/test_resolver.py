"""Whom the resolver asks, for whom, and how many at once; in virtual time."""

import asyncio
from typing import Any

import pytest

from pintle.conditions import Reason
from pintle.domain import Failed, Key, Pending, Resolved
from pintle.ports import Credentials
from pintle.resolver import CONCURRENCY
from tests.support.loop_clock import START
from tests.support.resolver_bench import HOUR, IRIS, OTHER, OUTAGE, Bench, failed, virtually
from tests.support.virtual_time import settle


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
