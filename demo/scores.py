"""What a step cost each side, from the record of its requests. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from demo.traffic import Declared, Request, answers_by, totals


@dataclass(frozen=True)
class Move:
    """What a side was to do in a step: from `since` (the edit) on, answers come from `version`.

    `revision` is set where the version stays and only the shape of its pods changes. `note` stands in for the
    seconds where there are none to measure, such as "refused".
    """

    since: float
    version: str
    revision: str = ""
    note: str = ""


@dataclass(frozen=True)
class Score:
    """`seconds` from the edit to the last answer from anything else; None where it never came to that."""

    seconds: float | None
    note: str
    sent: int
    lost: int
    wrong: int

    def time(self) -> str:
        """`0.12 s`, or what there is to say instead."""
        if self.note:
            return self.note
        return "never" if self.seconds is None else f"{self.seconds:.2f} s"


def score(requests: Sequence[Request], move: Move, until: float, allowed: Declared) -> Score:
    """One side's figures for the requests that began from the edit to `until`."""
    inside = [request for request in requests if move.since <= request.began < until]
    counted = totals(inside, allowed)
    return Score(seconds_to_serve(inside, move), move.note, counted.sent, counted.lost, counted.wrong)


def seconds_to_serve(inside: Sequence[Request], move: Move) -> float | None:
    """From the edit until what was declared answers alone; None if it does not at the end."""
    answered = answers_by(inside)
    others = [request for request in answered if not _is_declared(request, move)]
    last_other = max((request.done for request in others), default=-inf)
    declared = [request for request in answered if _is_declared(request, move)]
    if not declared or declared[-1].done < last_other:
        return None
    if others:
        return last_other - move.since
    # Nothing else answered: it served before the edit, or this is the first of all answers.
    return declared[0].done - move.since


def _is_declared(request: Request, move: Move) -> bool:
    return request.version == move.version and move.revision in ("", request.revision)


@dataclass(frozen=True)
class Row:
    """A step with the figures of both sides."""

    title: str
    rollback: bool
    pintle: Score
    plain: Score


def total(scores: Sequence[Score]) -> Score:
    return Score(
        None,
        "",
        sum(one.sent for one in scores),
        sum(one.lost for one in scores),
        sum(one.wrong for one in scores),
    )
