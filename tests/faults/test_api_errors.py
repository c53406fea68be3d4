"""Every API error on every verb and resource that the operator uses: it converges within a minute after.

What it uses is taken from clean runs: requests about an object from those of the workloads; lists, watches
and discovery from its start. `make test` runs a part of each, `make test-all` all of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from pintle.resync import WATCHED
from tests.support.faults.bench import Bench
from tests.support.faults.campaign import Campaign, Outcome
from tests.support.faults.lane import CONVERGES_WITHIN, Lane
from tests.support.faults.points import Point
from tests.support.faults.record import DISCOVERY
from tests.support.faults.rules import Effect, Rule, Verb
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
REFUSALS = (Effect.UNAUTHORIZED, Effect.FORBIDDEN)
EVENTS = (Effect.GONE_EVENT, Effect.BROKEN_EVENT)
KINDS = tuple(resource.plural for resource, _ in WATCHED)
LEASE_VERBS: tuple[Verb, ...] = ("get", "create", "patch")
# So often in a row: once could be mended by accident.
TIMES = 2
# A watch that says nothing is given up by kopf after 70 s, a request by the operator after 30 s.
_GIVEN_UP_SECONDS = 90.0

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


def leading(verb: Verb, effect: Effect) -> list[Rule]:
    """The requests by which the operator becomes the leader, and some by which it stays it."""
    first = Rule(verb, "leases", effect, times=1 if verb == "create" else TIMES)
    return (
        [first] if verb == "create" else [first, Rule(verb, "leases", effect, ordinal=TIMES + 2, times=TIMES)]
    )


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
    return errors_from_the_start(bench, directory, effect, {r: reading(r, effect) for r in resources})


def errors_from_the_start(
    bench: Bench, directory: Path, effect: Effect, kinds: Mapping[str, Sequence[Rule]]
) -> int:
    """Give each kind of requests an operator of its own, for which they fail; how many requests failed."""
    with ExitStack() as stack:
        lanes = {}
        for kind, rules in kinds.items():
            lane = lanes[kind] = stack.enter_context(bench.lane(directory))
            lane.proxy.arm(*rules)
            lane.operator.launch()
        for kind, lane in lanes.items():
            until(
                lambda lane=lane, kind=kind: {*kinds[kind]} <= {r for r, _ in lane.proxy.struck},  # type: ignore[misc]
                within=4 * CONVERGES_WITHIN,  # a request has half a minute
                what=f"{effect} strikes {kind}",
                now=lane.tail,
            )
        for kind, lane in lanes.items():
            until(
                lambda lane=lane: all(exchange.ended for _, exchange in lane.proxy.struck),  # type: ignore[misc]
                within=TIMES * _GIVEN_UP_SECONDS,
                what=f"{effect} of {kind} ends",
                now=lane.tail,
            )
            converges(lane)
        return sum(len({rule for rule, _ in lane.proxy.struck}) for lane in lanes.values())


@pytest.mark.parametrize("effect", [Effect.BROKEN, Effect.CUT, Effect.BROKEN_EVENT])
def test_errors_of_lists_watches_and_discovery(bench: Bench, tmp_path: Path, effect: Effect) -> None:
    print(f"{effect}: {read_errors(bench, tmp_path, effect)} (verb, resource) of reads converge")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("effect", [*REFUSALS, Effect.GONE, *ANSWERS, *EVENTS])
def test_every_error_of_lists_watches_and_discovery(bench: Bench, tmp_path: Path, effect: Effect) -> None:
    print(f"{effect}: {read_errors(bench, tmp_path, effect)} (verb, resource) of reads converge")


def lease_errors(bench: Bench, directory: Path, effect: Effect) -> int:
    """Give each verb on the Lease an operator of its own; how many requests failed."""
    kinds = {f"{verb} leases": leading(verb, effect) for verb in LEASE_VERBS}
    return errors_from_the_start(bench, directory, effect, kinds)


@pytest.mark.parametrize("effect", [Effect.LOST])
def test_errors_of_the_lease(bench: Bench, tmp_path: Path, effect: Effect) -> None:
    print(f"{effect}: {lease_errors(bench, tmp_path, effect)} requests about the Lease converge")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("effect", [effect for effect in ANSWERS if effect is not Effect.LOST])
def test_every_error_of_the_lease(bench: Bench, tmp_path: Path, effect: Effect) -> None:
    print(f"{effect}: {lease_errors(bench, tmp_path, effect)} requests about the Lease converge")
