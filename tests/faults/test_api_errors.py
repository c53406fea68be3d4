"""Every API error on every verb and resource that the operator uses: it converges within a minute after.

What it uses is taken from clean runs: requests about an object from those of the workloads; lists, watches
and discovery from its start. `make test` runs a part of each, `make test-all` all of them.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pintle.resync import WATCHED
from tests.support.faults.bench import Bench
from tests.support.faults.campaign import Campaign, Outcome
from tests.support.faults.lane import CONVERGES_WITHIN, Lane
from tests.support.faults.points import Point
from tests.support.faults.record import DISCOVERY
from tests.support.faults.rules import Effect, Rule
from tests.support.faults.workloads import BY_NAME, MORE, Workload
from tests.support.waiting import until

ANSWERS = (
    Effect.CONFLICT,
    Effect.INVALID,
    Effect.THROTTLED,
    Effect.BROKEN,
    Effect.UNAVAILABLE,
    Effect.HANG,
    Effect.LOST,
    Effect.RESET,
    Effect.CUT,
    Effect.GARBLED,
)
EVENTS = (Effect.GONE_EVENT, Effect.BROKEN_EVENT)
KINDS = tuple(resource.plural for resource, _ in WATCHED)
# So often in a row: once could be mended by accident.
TIMES = 2

ALL = BY_NAME | {workload.name: workload for workload in MORE}
SHORT = ("create",)


def first_of_each(points: Iterable[Point]) -> Iterator[Point]:
    """One point for each verb and resource: the first one."""
    known = set()
    for point in points:
        if (point.verb, point.resource) not in known:
            known.add((point.verb, point.resource))
            yield point


def run(lane: Lane, workload: Workload, effects: Iterable[Effect]) -> Outcome:
    campaign = Campaign(lane, workload, times=TIMES)
    clean = campaign.clean()
    points = list(first_of_each(clean.points))
    outcome = campaign.run(clean, points, effects)
    print(f"{outcome} ({', '.join(f'{p.verb} {p.resource}' for p in points)})")
    return outcome


@pytest.mark.parametrize("name", SHORT)
def test_errors_of_requests_about_an_object(lane: Lane, name: str) -> None:
    outcome = run(lane, BY_NAME[name], ANSWERS)
    assert outcome.wrong == {}
    assert outcome.missed == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [name for name in ALL if name not in SHORT])
def test_errors_of_requests_about_an_object_of_the_others(lane: Lane, name: str) -> None:
    outcome = run(lane, ALL[name], ANSWERS)
    assert outcome.wrong == {}
    assert outcome.missed == []


def reading(resource: str, effect: Effect) -> list[Rule]:
    """The first lists of a kind by the operator's own client, the first by kopf, and the first watches."""
    if resource == DISCOVERY:
        return [Rule("get", DISCOVERY, effect, times=TIMES)]
    watch = Rule("watch", resource, effect, times=TIMES)
    if effect in EVENTS:
        return [watch]
    own = Rule("list", resource, effect, times=TIMES)
    return [own, Rule("list", resource, effect, ordinal=TIMES + 2, times=TIMES), watch]


def converges(lane: Lane) -> None:
    """A deployment is made and changed as if nothing had been."""
    subject = lane.subject()
    lane.create(subject, {"version": 1})
    lane.becomes(subject, "Serving")
    lane.edit(subject, version=2)
    lane.becomes(subject, "Serving")


def read_errors(bench: Bench, directory: Path, effect: Effect) -> int:
    """Give each kind an operator of its own, whose reads of that kind fail; how many requests failed."""
    resources = KINDS if effect in EVENTS else (*KINDS, DISCOVERY)
    with ExitStack() as stack:
        lanes = {}
        for resource in resources:
            lane = lanes[resource] = stack.enter_context(bench.lane(directory))
            lane.proxy.arm(*reading(resource, effect))
            lane.operator.launch()
        for resource, lane in lanes.items():
            rules = reading(resource, effect)
            until(
                lambda lane=lane, rules=rules: set(rules) <= {rule for rule, _ in lane.proxy.struck},  # type: ignore[misc]
                within=4 * CONVERGES_WITHIN,  # kopf gives a request half a minute
                what=f"{effect} strikes {resource}",
                now=lane.tail,
            )
        for resource, lane in lanes.items():
            until(
                lambda lane=lane: all(exchange.ended for _, exchange in lane.proxy.struck),  # type: ignore[misc]
                within=2 * CONVERGES_WITHIN,
                what=f"{effect} of {resource} ends",
                now=lane.tail,
            )
            converges(lane)
        return sum(len({rule for rule, _ in lane.proxy.struck}) for lane in lanes.values())


@pytest.mark.parametrize("effect", [Effect.BROKEN, Effect.CUT, Effect.BROKEN_EVENT])
def test_errors_of_lists_watches_and_discovery(bench: Bench, tmp_path: Path, effect: Effect) -> None:
    print(f"{effect}: {read_errors(bench, tmp_path, effect)} (verb, resource) of reads converge")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("effect", [Effect.GONE, *ANSWERS, *EVENTS])
def test_every_error_of_lists_watches_and_discovery(bench: Bench, tmp_path: Path, effect: Effect) -> None:
    print(f"{effect}: {read_errors(bench, tmp_path, effect)} (verb, resource) of reads converge")
