"""When the resolver asks again; in virtual time."""

import asyncio
from datetime import timedelta

import pytest

from pintle.conditions import Reason
from pintle.domain import Failed, Requirement, Resolved
from pintle.errors import Retryable, Terminal
from tests.support.loop_clock import START
from tests.support.resolver_bench import HOUR, IRIS, OTHER, OUTAGE, POLL, Bench, failed, virtually
from tests.support.virtual_time import settle


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


APPROVED = Requirement((("validation_status", "approved"),), ("released",))


@virtually
async def test_a_version_is_asked_for_until_it_has_what_is_required() -> None:
    bench = Bench()
    found = bench.server.register("iris")
    assert await bench.answer(required=APPROVED) == Resolved(found), "what is lacking is for others to judge"
    bench.server.set_tag("iris", "1", "validation_status", "approved")
    await asyncio.sleep(POLL + 1)
    bench.server.set_alias("iris", "released", "1")
    await asyncio.sleep(POLL)
    assert bench.server.asked_at == [0, 30, 60]
    assert bench.requeued == [IRIS] * 3, "each time, there is news of it"
    answer = bench.want(required=APPROVED)
    assert isinstance(answer, Resolved)
    assert APPROVED.missing_in(answer.version) == ()
    await asyncio.sleep(HOUR)
    assert len(bench.server.asked) == 3


@virtually
async def test_an_aliased_version_is_looked_at_until_it_has_what_is_required() -> None:
    bench = Bench()
    bench.server.register("iris")
    bench.server.set_alias("iris", "champion", "1")
    await bench.answer(version=None, alias="champion", required=APPROVED)
    await asyncio.sleep(3 * POLL + 1)
    assert [a.what for a in bench.server.asked] == ["aliases", "version"] * 4
    assert bench.requeued == [IRIS], "what is no news wakes nobody"
    bench.server.set_tag("iris", "1", "validation_status", "approved")
    bench.server.set_alias("iris", "released", "1")
    await asyncio.sleep(3 * POLL)
    assert [a.what for a in bench.server.asked][8:] == ["aliases", "version", "aliases", "aliases"]
    assert bench.requeued == [IRIS, IRIS]
    await bench.resolver.stop()


@virtually
async def test_silence_is_that_of_the_registry_that_has_not_answered_for_longest() -> None:
    bench = Bench()
    silence = bench.resolver.silence
    assert silence() == 0, "none is asked"
    bench.connect("shop", "mlflow", "http://other:5000")
    for uri in ("http://mlflow:5000", "http://other:5000"):
        bench.registry.server(uri).register("iris")
        bench.registry.server(uri).set_alias("iris", "champion", "1")
    for key in (IRIS, OTHER):
        bench.want(key, None, alias="champion")
    await asyncio.sleep(POLL - 1)
    assert silence() == pytest.approx(POLL - 1, abs=0.2), "both have answered at the beginning"
    bench.registry.server("http://other:5000").fault = OUTAGE
    await asyncio.sleep(HOUR)
    assert silence() == pytest.approx(HOUR + POLL - 1, abs=0.2), "one answers, one does not"
    bench.resolver.forget(OTHER)
    await settle()
    assert silence() <= POLL + 1, "nobody asks it any more"
    bench.server.fault = Terminal(Reason.REGISTRY_FORBIDDEN, "no")
    await asyncio.sleep(HOUR)
    assert silence() <= POLL + 1, "a refusal is an answer"
    await bench.resolver.stop()
    await settle()
    assert silence() == 0


@virtually
async def test_a_registry_that_is_not_asked_again_is_not_silent() -> None:
    bench = Bench()
    bench.server.register("iris")
    assert isinstance(await bench.answer(), Resolved)
    await asyncio.sleep(HOUR)
    assert bench.resolver.silence() == 0
