"""Every state of a revision that is judged by its requests x all that may happen in it.

As `test_pairs`; in a canary with an analysis the share is named as well, as in `test_canary_pairs`. The other
states are of a bake after a plain switch. What has failed does well again by the time that something happens,
so it is the mark alone that keeps it from another try.
"""

from asyncio import CancelledError
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pintle.domain.resources import CONTROLLER_REVISIONS
from pintle.naming import ANNOTATION_REJECTED
from pintle.views import annotation
from tests.reconcile.test_canary_pairs import outcome
from tests.support.canary_world import CanaryWorld, canary
from tests.support.fake_cluster import Fault
from tests.support.fake_requests import Manners
from tests.support.pairs import EVENTS, cells, happens
from tests.support.world import NAME

RATE, BAKE = 200.0, 300
TOO_FEW = 0.01
FAILING = Manners(failing=0.2)
TERMS = {"minRequests": 100}
ONE_HOUR = {"weight": 10, "pauseSeconds": 3600}
SOON = {"weight": 10, "pauseSeconds": 5}
HELD = {"weight": 50, "pause": True}


def judged(spec: dict[str, object], *, rate: float = RATE, seconds: float = 20) -> CanaryWorld:
    """Version 1 serves and has been asked, and version 2 is declared."""
    world = CanaryWorld()
    world.requests.rate = RATE
    world.apply(version=1, replicas=2, **spec)
    world.run(30)
    world.requests.rate = rate
    world.apply(version=2)
    world.run(seconds)
    return world


def by_steps(*steps: dict[str, Any], rate: float = RATE, seconds: float = 40) -> CanaryWorld:
    wanted = canary(*steps)
    return judged(wanted | {"rollout": wanted["rollout"] | {"analysis": TERMS}}, rate=rate, seconds=seconds)


def baking(*, rate: float = RATE, seconds: float = 20) -> CanaryWorld:
    """Version 2 has taken over from version 1, which stands by."""
    return judged({"rollout": {"bakeSeconds": BAKE}}, rate=rate, seconds=seconds)


def failed(world: CanaryWorld) -> CanaryWorld:
    """Version 2 does badly for a while, and loses what it had."""
    world.requests.behave("2", FAILING)
    world.run(60)
    world.requests.behave("2", Manners())
    assert world.serving == "1"
    return world


def unmarked(world: CanaryWorld) -> CanaryWorld:
    """It has lost that, and before its record says why, there is no operator any more."""
    world.cluster.faults.append(Fault("patch", "controllerrevisions", error=CancelledError()))
    failed(world)
    assert world.operator.killed
    assert "rejected" not in world.status
    assert world.sends in ({}, {NAME: 100})
    return world


STATES: Mapping[str, Callable[[], CanaryWorld]] = {
    "Canary, too few": lambda: by_steps(SOON, HELD, rate=TOO_FEW),
    "Canary, does well": lambda: by_steps(ONE_HOUR, HELD),
    "AwaitingPromotion, too few": lambda: by_steps(HELD, rate=TOO_FEW),
    "AnalysisFailed, share back": lambda: failed(by_steps(ONE_HOUR)),
    "Serving, watched": baking,
    "Serving, too few": lambda: baking(rate=TOO_FEW, seconds=2 * BAKE),
    "Serving, passed": lambda: baking(seconds=BAKE + 60),
    "AnalysisFailed, gone back": lambda: failed(baking()),
}
EDITS = """
                           | new version              | back to 1 | suspend
Canary, too few            | 1 Canary 3:10            | 1 Serving | 1 Suspended 2:10
Canary, does well          | 1 Canary 3:10            | 1 Serving | 1 Suspended 2:10
AwaitingPromotion, too few | 1 AwaitingPromotion 3:50 | 1 Serving | 1 Suspended 2:50
AnalysisFailed, share back | 1 Canary 3:10            | 1 Serving | 1 Suspended
Serving, watched           | 3 Serving                | 1 Serving | ~
Serving, too few           | 3 Serving                | 1 Serving | ~
Serving, passed            | 3 Serving                | 1 Serving | =
AnalysisFailed, gone back  | 3 Serving                | 1 Serving | 1 Suspended
"""
COMMANDS = """
                           | reject           | new token     | promote
Canary, too few            | 1 RejectedByUser | ~             | 2 Serving
Canary, does well          | 1 RejectedByUser | ~             | 2 Serving
AwaitingPromotion, too few | 1 RejectedByUser | ~             | 2 Serving
AnalysisFailed, share back | 1 RejectedByUser | 1 Canary 2:10 | =
Serving, watched           | 1 RejectedByUser | ~             | =
Serving, too few           | 1 RejectedByUser | ~             | =
Serving, passed            | 1 RejectedByUser | ~             | =
AnalysisFailed, gone back  | 1 RejectedByUser | 2 Serving     | =
"""
CELLS = cells(EDITS, {"delete": "gone", "operator killed": "=", "status wiped": "="}) | cells(COMMANDS, {})

# Something happens in the moment in which nobody is there, and then there is an operator again.
MOMENTS: Mapping[str, Callable[[], CanaryWorld]] = {
    "share back": lambda: unmarked(by_steps(ONE_HOUR)),
    "gone back": lambda: unmarked(baking()),
}
BETWEEN = """
           | new version   | back to 1 | suspend     | reject           | new token
share back | 1 Canary 3:10 | 1 Serving | 1 Suspended | 1 RejectedByUser | 1 Canary 2:10
gone back  | 3 Serving     | 1 Serving | 1 Suspended | 1 RejectedByUser | 2 Serving
"""
NOTHING_ELSE = dict.fromkeys(("promote", "operator killed", "status wiped"), "1 AnalysisFailed")
BETWEEN_CELLS = cells(BETWEEN, NOTHING_ELSE | {"delete": "gone"})


def test_the_tables_are_whole() -> None:
    for states, table in ((STATES, CELLS), (MOMENTS, BETWEEN_CELLS)):
        assert {state for state, _ in table} == {*states}
        assert {event for _, event in table} == {*EVENTS}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", STATES)
def test_what_becomes_of_what_is_judged(state: str, event: str) -> None:
    world = STATES[state]()
    reason, _, what = state.partition(", ")
    assert world.condition()["reason"] == reason, "the state is the one that is meant"
    if what == "too few":
        world.run(60)
        assert world.condition()["reason"] == reason, "it goes on waiting"
    happens(world, event, CELLS[state, event], outcome)
    check(world, event)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", MOMENTS)
def test_what_becomes_of_what_has_failed_and_is_not_rejected_yet(state: str, event: str) -> None:
    world = MOMENTS[state]()
    EVENTS[event](world)
    if world.operator.killed:
        world.start_operator()
    world.run(30)
    assert outcome(world) == BETWEEN_CELLS[state, event]
    check(world, event)
    records = world.api.objects(CONTROLLER_REVISIONS)
    marks = [mark for record in records if (mark := annotation(record, ANNOTATION_REJECTED))]
    assert len(marks) == (event != "delete"), "whatever it was, the record says in the end"
    assert all('"message":"iris version 2 failed' in mark for mark in marks)


def check(world: CanaryWorld, event: str) -> None:
    if event != "delete":  # the garbage collector takes the Services and the route in whatever order
        assert (world.wrong, world.requests.lost) == ([], 0)
