"""The steps of a canary, as a table of states and decisions; and what holds for all of them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pintle.api import CanaryStep
from pintle.canary import Decision, State, Waits, step
from tests.support.builders import NOW, ago

TEN, FIFTY, ALL = (
    CanaryStep(weight=10, pause_seconds=60),
    CanaryStep(weight=50, pause=True),
    CanaryStep(weight=100),
)
STEPS = (TEN, FIFTY, ALL)


def state(weight: int, **changes: object) -> State:
    """A canary at a weight that the gateway has accepted and whose pause is not counted yet."""
    known = State(steps=STEPS, weight=weight, since=None, accepted=True, answers=True)
    return replace(known, **changes)  # type: ignore[arg-type] # fields of any type


@dataclass(frozen=True)
class Row:
    case: str
    state: State
    decision: Decision


END = ago(0) + timedelta(seconds=60)
ROWS = [
    Row("no endpoints yet", state(0, answers=False), Decision(0, waits=Waits.ENDPOINTS)),
    Row("the first step", state(0), Decision(10, 1)),
    Row("the first step, with nothing accepted before", state(0, accepted=False), Decision(10, 1)),
    Row("not accepted yet", state(10, accepted=False), Decision(10, 1, waits=Waits.GATEWAY)),
    Row("accepted: the pause begins", state(10), Decision(10, 1, begins=True)),
    Row("in the pause", state(10, since=NOW), Decision(10, 1, until=END, waits=Waits.PAUSE)),
    Row(
        "in the pause, and accepted no longer",
        state(10, since=NOW, accepted=False),
        Decision(10, 1, until=END, waits=Waits.PAUSE),
    ),
    Row(
        "a second before its end", state(10, since=ago(59)), Decision(10, 1, until=ago(-1), waits=Waits.PAUSE)
    ),
    Row("at its end", state(10, since=ago(60)), Decision(50, 2)),
    Row("held for a promotion", state(50), Decision(50, 2, waits=Waits.PROMOTION)),
    Row("held, and not accepted", state(50, accepted=False), Decision(50, 2, waits=Waits.GATEWAY)),
    Row("held for hours", state(50, since=ago(9999)), Decision(50, 2, waits=Waits.PROMOTION)),
    Row("the last step, not accepted", state(100, accepted=False), Decision(100, 3, waits=Waits.GATEWAY)),
    Row("the last step", state(100), Decision(100, 3, promotes=True)),
    Row(
        "at its end, and its requests do not tell yet",
        state(10, since=ago(60), passed=False),
        Decision(10, 1, waits=Waits.ANALYSIS),
    ),
    Row(
        "the last step, and its requests do not tell yet",
        state(100, passed=False),
        Decision(100, 3, waits=Waits.ANALYSIS),
    ),
    Row("the first step waits for no requests", state(0, passed=False), Decision(10, 1)),
    Row("held, whatever they tell", state(50, passed=False), Decision(50, 2, waits=Waits.PROMOTION)),
    Row("its endpoints are gone", state(50, answers=False), Decision(0, waits=Waits.ENDPOINTS)),
    Row("its endpoints are gone at 100", state(100, answers=False), Decision(0, waits=Waits.ENDPOINTS)),
    Row("edited: no step has this weight", state(37, since=ago(9999)), Decision(10, 1)),
    Row("edited: below the first step", state(5, since=ago(9999)), Decision(10, 1)),
    Row("edited: above the last step", state(80, steps=(TEN, FIFTY)), Decision(50, 2)),
    Row(
        "edited: a longer pause",
        state(10, steps=(CanaryStep(weight=10, pause_seconds=90),), since=ago(60)),
        Decision(10, 1, until=ago(-30), waits=Waits.PAUSE),
    ),
    Row(
        "edited: held no longer",
        state(50, steps=(TEN, CanaryStep(weight=50)), since=None),
        Decision(50, 2, promotes=True),
    ),
    Row(
        "a step without a pause goes on at once",
        state(10, steps=(CanaryStep(weight=10), FIFTY)),
        Decision(50, 2),
    ),
    Row("one step", state(0, steps=(ALL,)), Decision(100, 1)),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.case)
def test_step(row: Row) -> None:
    assert step(row.state, NOW) == row.decision


WEIGHTS = st.lists(st.integers(1, 100), min_size=1, max_size=16, unique=True).map(sorted)
PAUSES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}), st.just({"pause": True}), st.integers(0, 604_800).map(lambda s: {"pause_seconds": s})
)


@st.composite
def canaries(draw: st.DrawFn) -> tuple[CanaryStep, ...]:
    return tuple(CanaryStep(weight=weight, **draw(PAUSES)) for weight in draw(WEIGHTS))


STATES = st.builds(
    State,
    steps=canaries(),
    weight=st.integers(0, 100),
    since=st.one_of(st.none(), st.integers(0, 604_800).map(ago)),
    accepted=st.booleans(),
    answers=st.booleans(),
)


def written(before: State, decision: Decision, now: datetime) -> State:
    """The state once a decision is written, and before anybody has accepted it."""
    if decision.weight != before.weight:
        return replace(before, weight=decision.weight, since=None, accepted=False)
    return replace(before, since=now) if decision.begins else before


def _holds(seen: State) -> None:
    decision = step(seen, NOW)
    weights = [s.weight for s in seen.steps]
    assert decision.weight in (0, *weights)
    if not seen.answers:
        assert decision == Decision(0, waits=Waits.ENDPOINTS), "nothing goes to what does not answer"
        return
    assert decision.weight == weights[decision.step - 1]
    if decision.weight > seen.weight:
        assert not [w for w in weights if seen.weight < w < decision.weight], "no step is left out"
    stands = seen.weight in weights
    if decision.promotes or (stands and decision.weight > seen.weight):
        held = seen.steps[weights.index(seen.weight)]
        assert not held.pause
        assert seen.accepted or seen.since, "what was not accepted was not held"
        waited = NOW - seen.since if seen.since else timedelta()
        assert waited >= timedelta(seconds=held.pause_seconds or 0)
    assert decision.promotes is False or decision.weight == weights[-1]
    after = written(seen, decision, NOW)
    again = step(after, NOW)
    if after != seen:
        assert again.weight == after.weight, "what was just written is not written again"
        assert not again.begins
        assert again.waits or not decision.begins


@settings(deadline=None, max_examples=500)  # a machine under load
@given(STATES)
def test_of_every_state(seen: State) -> None:
    _holds(seen)


@pytest.mark.slow
@settings(deadline=None, max_examples=10_000)
@given(STATES)
def test_of_very_many_states(seen: State) -> None:
    _holds(seen)


@settings(deadline=None, max_examples=500)
@given(STATES)
def test_every_canary_ends_where_gateways_accept_and_nothing_is_held(seen: State) -> None:
    """Every step once at most, each for as long as it says."""
    steps = tuple(s.model_copy(update={"pause": False}) for s in seen.steps)
    at, now, writes = replace(seen, steps=steps, answers=True), NOW, 0
    while not (decision := step(at, now)).promotes:
        after = written(at, decision, now)
        writes += after != at
        assert writes <= 2 * len(steps) + 2
        if decision.until:
            now = decision.until
        at = replace(after, accepted=True)
    assert at.weight == steps[-1].weight
