"""One poll for all aliases of a registry: what it asks, when, and whom it tells; in virtual time."""

import asyncio
from collections import Counter

import pytest

from pintle.alias_poll import GATHER_SECONDS, HURRY_SECONDS, SHOWN
from pintle.conditions import Reason
from pintle.domain import Key, Pending, Resolved
from pintle.errors import Retryable, Terminal
from pintle.ports import REGISTRY, Credentials
from tests.support.resolver_bench import HOUR, IRIS, OTHER, OUTAGE, POLL, Bench, failed, virtually
from tests.support.virtual_time import settle

FIRST = GATHER_SECONDS


def with_alias(bench: Bench, *versions: str, model: str = "iris") -> None:
    """A model with versions, and its alias `champion` on the first of them."""
    for _ in versions:
        bench.server.register(model)
    bench.server.set_alias(model, "champion", versions[0])


def counts(bench: Bench) -> Counter[str]:
    """How often each kind of question was asked."""
    return Counter(asked.what for asked in bench.server.asked)


def polled_at(bench: Bench) -> list[float]:
    """When the aliases were asked for."""
    both = zip(bench.server.asked, bench.server.asked_at, strict=True)
    return [round(at, 6) for asked, at in both if asked.what == "aliases"]


async def follow_many(deployments: int, connections: int, models: int) -> Bench:
    """So many deployments in as many namespaces as there are connections, all of the same registry."""
    bench = Bench()
    for number in range(models):
        with_alias(bench, "1", "2", model=f"model-{number}")
    for number in range(connections):
        bench.connect(f"team-{number}", "mlflow")
    for number in range(deployments):
        key = Key(f"team-{number % connections}", f"served-{number}")
        bench.want(key, None, model=f"model-{number % models}", alias="champion")
    await asyncio.sleep(FIRST)
    await settle(range(20 * models))
    return bench


@pytest.mark.parametrize("models", [1, 10])
@virtually
async def test_1000_deployments_over_200_connections_cost_as_much_as_10(models: int) -> None:
    asked = []
    for deployments, connections in ((10, 10), (1000, 200)):
        bench = await follow_many(deployments, connections, models)
        first = counts(bench)
        assert first == {"aliases": 1, "version": models}
        await asyncio.sleep(HOUR + 1)
        bench.server.set_alias("model-0", "champion", "2")
        await asyncio.sleep(HOUR + 1)
        assert counts(bench) == {"aliases": 1 + 2 * HOUR / POLL, "version": models + 1}
        moved = [k for k, times in Counter(bench.requeued).items() if times > 1]
        assert len(moved) == deployments / models
        asked.append(len(bench.server.asked))
        await bench.resolver.stop()
    assert asked[0] == asked[1]


@virtually
async def test_the_number_of_models_costs_nothing_once_they_are_known() -> None:
    bench = await follow_many(1000, 200, 1000)
    assert counts(bench) == {"aliases": 1, "version": 1000}
    assert bench.server.most_open <= 4
    await asyncio.sleep(HOUR + 1)
    assert counts(bench) == {"aliases": 1 + HOUR / POLL, "version": 1000}
    await bench.resolver.stop()


@virtually
async def test_the_shortest_of_the_poll_intervals_is_everybodys() -> None:
    bench = Bench()
    bench.connect("shop", "models", poll_seconds=10)
    first, second = bench.server.register("iris"), bench.server.register("iris")
    bench.server.set_alias("iris", "champion", "1")
    assert await bench.answer(IRIS, None, alias="champion") == Resolved(first)
    await asyncio.sleep(POLL + 5)
    assert polled_at(bench) == pytest.approx([FIRST, FIRST + POLL])
    assert bench.want(OTHER, None, "models", alias="champion") == Resolved(first), "known already"
    await asyncio.sleep(20)
    joined = FIRST * 2 + POLL + 5
    assert polled_at(bench)[2:] == pytest.approx([joined, joined + 10]), "the pause of 30 s was cut short"
    bench.server.set_alias("iris", "champion", "2")
    await asyncio.sleep(10)
    assert bench.want(IRIS, None, alias="champion") == Resolved(second)
    assert bench.requeued == [IRIS, IRIS, OTHER]
    bench.resolver.forget(OTHER)
    before = len(bench.server.asked)
    await asyncio.sleep(10 + 3 * POLL)
    assert len(bench.server.asked) == before + 4
    await bench.resolver.stop()


@virtually
async def test_those_who_join_within_moments_share_a_poll() -> None:
    """As after the operator's start, when a thousand keys are worked on within seconds."""
    bench = Bench()
    for number in range(1000):
        with_alias(bench, "1", model=f"model-{number}")
    for number in range(1000):
        bench.want(Key("ml", str(number)), None, model=f"model-{number}", alias="champion")
        await asyncio.sleep(0.005)
    await asyncio.sleep(2 * HURRY_SECONDS)
    assert counts(bench)["version"] == 1000
    assert counts(bench)["aliases"] <= 5 / HURRY_SECONDS + 2
    known = (bench.want(Key("ml", str(n)), None, model=f"model-{n}", alias="champion") for n in range(1000))
    assert all(isinstance(answer, Resolved) for answer in known)
    await bench.resolver.stop()


@virtually
async def test_one_who_joins_later_does_not_wait_for_the_next_poll() -> None:
    bench = Bench()
    with_alias(bench, "1")
    with_alias(bench, "1", model="fraud")
    await bench.answer(IRIS, None, alias="champion")
    await asyncio.sleep(10)
    bench.connect("shop", "mlflow")
    assert isinstance(bench.want(OTHER, None, model="fraud", alias="champion"), Pending)
    await asyncio.sleep(2 * FIRST)
    assert isinstance(bench.want(OTHER, None, model="fraud", alias="champion"), Resolved)
    await bench.resolver.stop()


@virtually
async def test_two_aliases_of_one_version_are_one_question_about_it() -> None:
    bench = Bench()
    with_alias(bench, "1", "2")
    bench.server.set_alias("iris", "best", "1")
    bench.connect("shop", "mlflow")
    bench.want(IRIS, None, alias="champion"), bench.want(OTHER, None, alias="best")
    await asyncio.sleep(FIRST * 2)
    assert counts(bench) == {"aliases": 1, "version": 1}
    for alias in ("champion", "best"):
        bench.server.set_alias("iris", alias, "2")
    await asyncio.sleep(POLL + 1)
    assert counts(bench) == {"aliases": 2, "version": 2}
    assert sorted(bench.requeued) == [IRIS, IRIS, OTHER, OTHER]
    await bench.resolver.stop()


@virtually
async def test_a_move_there_and_back_between_two_polls_is_none() -> None:
    bench = Bench()
    with_alias(bench, "1", "2")
    known = await bench.answer(version=None, alias="champion")
    bench.server.set_alias("iris", "champion", "2")
    await asyncio.sleep(POLL / 2)
    bench.server.set_alias("iris", "champion", "1")
    await asyncio.sleep(POLL + 1)
    assert bench.want(version=None, alias="champion") == known
    assert (bench.requeued, counts(bench)["version"]) == ([IRIS], 1)
    await bench.resolver.stop()


@virtually
async def test_a_model_made_again_is_another_one() -> None:
    """Its numbers start at 1 again: only when the model was created tells."""
    bench = Bench()
    with_alias(bench, "1")
    before = await bench.answer(version=None, alias="champion")
    bench.server.delete_model("iris")
    with_alias(bench, "1")
    await asyncio.sleep(POLL + 1)
    after = bench.want(version=None, alias="champion")
    assert isinstance(before, Resolved)
    assert isinstance(after, Resolved)
    assert (before.version.version, after.version.version) == ("1", "1")
    assert before.version.created_time < after.version.created_time
    assert bench.requeued == [IRIS, IRIS]
    await bench.resolver.stop()


@virtually
async def test_an_alias_stays_resolved_through_an_outage() -> None:
    bench = Bench()
    known = bench.server.register("iris")
    bench.server.set_alias("iris", "champion", "1")
    assert await bench.answer(version=None, alias="champion") == Resolved(known)
    bench.server.fault = OUTAGE
    await asyncio.sleep(HOUR + 1)
    assert bench.want(version=None, alias="champion") == Resolved(known)
    assert bench.requeued == [IRIS]
    bench.server.fault = None
    bench.server.delete_alias("iris", "champion")
    await asyncio.sleep(POLL + 1)
    assert failed(bench.want(version=None, alias="champion"))[0] == Reason.ALIAS_NOT_FOUND
    await bench.resolver.stop()


@pytest.mark.parametrize(
    ("fault", "pauses"),
    [(OUTAGE, [1, 2, 4, 8, 16, 30, 30]), (Terminal(Reason.REGISTRY_FORBIDDEN, "no"), [30, 30, 30])],
    ids=["retryable", "terminal"],
)
@virtually
async def test_when_a_poll_that_failed_is_made_again(fault: Exception, pauses: list[float]) -> None:
    bench = Bench()
    bench.connect("shop", "mlflow")
    bench.server.fault = fault
    bench.want(IRIS, None, alias="champion"), bench.want(OTHER, None, model="fraud", alias="champion")
    await asyncio.sleep(sum(pauses) + 0.5)
    times = [FIRST + sum(pauses[:n]) for n in range(len(pauses) + 1)]
    assert polled_at(bench) == pytest.approx(times)
    assert sorted(bench.requeued) == [IRIS, OTHER], "told once each"
    assert {h for h in bench.heard if h[2] != "ok"} == {(n, "mlflow", fault.reason) for n in ("ml", "shop")}  # type: ignore[attr-defined]
    assert len(bench.outcomes) == len(times), "counted once for each poll"
    await bench.resolver.stop()


@virtually
async def test_what_a_refusal_says_of_an_alias_that_was_known() -> None:
    bench = Bench()
    with_alias(bench, "1")
    await bench.answer(version=None, alias="champion")
    bench.server.accepts = Credentials("somebody", "else")
    await asyncio.sleep(POLL + 1)
    assert failed(bench.want(version=None, alias="champion"))[0] == Reason.REGISTRY_FORBIDDEN
    bench.server.accepts = None
    await asyncio.sleep(POLL + 1)
    assert isinstance(bench.want(version=None, alias="champion"), Resolved)
    await bench.resolver.stop()


@virtually
async def test_a_move_that_cannot_be_looked_at_is_tried_again_soon() -> None:
    """The version is still being registered, say. What was known holds until then."""
    bench = Bench()
    with_alias(bench, "1", "2")
    known = await bench.answer(version=None, alias="champion")
    bench.server.set_alias("iris", "champion", "2")
    bench.server.faults["version"] = Retryable(Reason.RESOLVING, f"being registered in {REGISTRY}")
    await asyncio.sleep(POLL + 2)
    assert bench.want(version=None, alias="champion") == known
    bench.server.faults.clear()
    await asyncio.sleep(3)
    answer = bench.want(version=None, alias="champion")
    assert isinstance(answer, Resolved)
    assert answer.version.version == "2"
    await bench.resolver.stop()


@virtually
async def test_a_missing_alias_names_those_that_there_are() -> None:
    bench = Bench()
    bench.server.register("iris")
    assert failed(await bench.answer(version=None, alias="champion"))[1].endswith(
        "(it has none): set it in MLflow"
    )
    for alias in ("zoo", "canary"):
        bench.server.set_alias("iris", alias, "1")
    await asyncio.sleep(POLL + 1)
    assert failed(bench.want(version=None, alias="champion")) == (
        Reason.ALIAS_NOT_FOUND,
        "iris has no alias champion in registry mlflow (it has canary, zoo): set it in MLflow",
    )
    for number in range(1000):
        bench.server.set_alias("iris", f"a{number:03}" + "x" * 50, "1")
    bench.server.set_alias("iris", "not <an> alias", "1")
    await asyncio.sleep(POLL + 1)
    message = failed(bench.want(version=None, alias="champion"))[1]
    assert f"and {1002 - SHOWN} more" in message
    assert len(message) < 1000
    assert "<an>" not in message
    await bench.resolver.stop()


@virtually
async def test_a_missing_model_is_looked_for_once_and_harms_no_other() -> None:
    bench = Bench()
    bench.connect("shop", "mlflow")
    with_alias(bench, "1")
    bench.want(IRIS, None, alias="champion"), bench.want(OTHER, None, model="fraud", alias="champion")
    await asyncio.sleep(HOUR + 1)
    assert isinstance(bench.want(IRIS, None, alias="champion"), Resolved)
    assert failed(bench.want(OTHER, None, model="fraud", alias="champion")) == (
        Reason.VERSION_NOT_FOUND,
        "there is no model fraud in registry mlflow: register it",
    )
    asked = Counter(a.model for a in bench.server.asked if a.what == "aliases")
    assert asked == {"fraud,iris": 1 + HOUR / POLL, "fraud": 1}
    with_alias(bench, "1", model="fraud")
    await asyncio.sleep(POLL + 1)
    assert isinstance(bench.want(OTHER, None, model="fraud", alias="champion"), Resolved)
    await bench.resolver.stop()


@virtually
async def test_a_model_that_may_not_be_read_says_so() -> None:
    """A list leaves it out as if it were not there."""
    bench = Bench()
    bench.connect("shop", "mlflow")
    with_alias(bench, "1")
    with_alias(bench, "1", model="fraud")
    bench.server.hidden["fraud"] = Credentials()
    bench.want(IRIS, None, alias="champion"), bench.want(OTHER, None, model="fraud", alias="champion")
    await asyncio.sleep(HOUR + 1)
    assert failed(bench.want(OTHER, None, model="fraud", alias="champion"))[0] == Reason.REGISTRY_FORBIDDEN
    assert isinstance(bench.want(IRIS, None, alias="champion"), Resolved)
    assert Counter(a.model for a in bench.server.asked if a.what == "aliases")["fraud"] == 1
    bench.server.hidden.clear()
    await asyncio.sleep(POLL + 1)
    assert isinstance(bench.want(OTHER, None, model="fraud", alias="champion"), Resolved)
    await bench.resolver.stop()


@virtually
async def test_nothing_is_asked_when_nobody_follows_any_more() -> None:
    bench = Bench()
    with_alias(bench, "1", "2")
    await bench.answer(version=None, alias="champion")
    bench.want(IRIS, "2", alias=None)  # held
    await settle()
    held = len(bench.server.asked)
    await asyncio.sleep(HOUR + 1)
    assert len(bench.server.asked) == held
    assert isinstance(bench.want(IRIS, None, alias="champion"), Pending), "taken away, it follows again"
    await asyncio.sleep(FIRST * 2)
    assert isinstance(bench.want(IRIS, None, alias="champion"), Resolved)
    bench.resolver.forget(IRIS)
    await settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@virtually
async def test_one_who_left_in_the_middle_of_a_poll_is_told_nothing() -> None:
    bench = Bench()
    bench.connect("shop", "mlflow")
    with_alias(bench, "1")
    bench.server.hang()
    bench.want(IRIS, None, alias="champion"), bench.want(OTHER, None, model="fraud", alias="champion")
    await asyncio.sleep(FIRST * 2)
    bench.resolver.forget(OTHER)
    bench.server.release()
    await settle(range(50))
    assert bench.requeued == [IRIS]
    await bench.resolver.stop()


@virtually
async def test_a_registry_that_hangs_holds_up_no_other() -> None:
    bench = Bench()
    bench.connect("shop", "mlflow", "http://other:5000")
    other = bench.registry.server("http://other:5000")
    other.register("iris")
    other.set_alias("iris", "champion", "1")
    bench.server.hang()
    bench.want(IRIS, None, alias="champion")
    assert isinstance(await bench.answer(OTHER, None, alias="champion"), Resolved)
    assert isinstance(bench.want(IRIS, None, alias="champion"), Pending)
    await bench.resolver.stop()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@virtually
async def test_a_changed_connection_ends_a_pause() -> None:
    bench = Bench()
    bench.server.fault = OUTAGE
    bench.want(version=None, alias="champion")
    await asyncio.sleep(100)
    asked = len(polled_at(bench))
    bench.resolver.connection_changed("ml", "mlflow")
    await asyncio.sleep(1.5)
    assert polled_at(bench)[asked:] == pytest.approx([100 + FIRST, 101 + FIRST]), "and the pauses start anew"
    await bench.resolver.stop()
