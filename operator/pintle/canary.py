"""The steps of a canary: from the share that a candidate has to the one that it shall have.

Stored nowhere but in the route itself: which step it stands at is told by its weight, so a step can be taken
again by anybody, after any crash, and under steps that were edited meanwhile. Pure: time is an argument.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pintle.api import CanaryStep


class Waits(StrEnum):
    """What a canary waits for."""

    NOTHING = ""
    ENDPOINTS = "endpoints"
    GATEWAY = "gateway"
    PAUSE = "pause"
    ANALYSIS = "analysis"
    PROMOTION = "promotion"


@dataclass(frozen=True, slots=True)
class State:
    """Where a canary stands. `weight` is in percent, and 0 before the first step.

    `since` is from when on the weight is held: None until that was written down, which waits for `accepted`.
    `answers` is whether the candidate is cleared and has ready endpoints; `passed`, whether it has done well
    enough with its share to get more.
    """

    steps: tuple[CanaryStep, ...]
    weight: int
    since: datetime | None
    accepted: bool
    answers: bool
    passed: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """The weight that the candidate shall have. `begins`: its pause is counted from now; `until`: to its end.

    `step` counts from 1, and is 0 where there is no share. `promotes`: it shall take everything.
    """

    weight: int
    step: int = 0
    begins: bool = False
    until: datetime | None = None
    waits: Waits = Waits.NOTHING
    promotes: bool = False


def step(state: State, now: datetime) -> Decision:
    """Take one step, or wait.

    A weight that no step has (the steps were edited) goes to the last step that is not above it, so that an
    edit gives no larger share than was held already, or to the first one.
    """
    if not state.answers:
        return Decision(0, waits=Waits.ENDPOINTS)
    number = sum(s.weight <= state.weight for s in state.steps) or 1
    stands = state.steps[number - 1]
    if stands.weight != state.weight:
        return Decision(stands.weight, number)
    if state.since is None and not state.accepted:
        return Decision(state.weight, number, waits=Waits.GATEWAY)
    if stands.pause:
        return Decision(state.weight, number, waits=Waits.PROMOTION)
    if stands.pause_seconds:
        if state.since is None:
            return Decision(state.weight, number, begins=True)
        until = state.since + timedelta(seconds=stands.pause_seconds)
        if now < until:
            return Decision(state.weight, number, until=until, waits=Waits.PAUSE)
    if not state.passed:
        return Decision(state.weight, number, waits=Waits.ANALYSIS)
    if number == len(state.steps):
        return Decision(state.weight, number, promotes=True)
    return Decision(state.steps[number].weight, number + 1)
