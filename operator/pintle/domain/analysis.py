"""What is counted of two revisions that are compared, and what is made of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from pintle.api import Analysis


@dataclass(frozen=True, slots=True)
class Counters:
    """Requests that were answered, of one server since it started, or of several in some time.

    `within` has, for edges in seconds that rise, how many requests took no longer, of `timed` altogether.
    `started` is when the server began to count, in seconds since 1970; 0 of a sum.
    """

    requests: int = 0
    failed: int = 0
    timed: int = 0
    within: tuple[tuple[float, int], ...] = ()
    started: float = 0.0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a pod's counters are not known, in words that stay the same while that does."""

    why: str


Reading: TypeAlias = Counters | Unreadable


class Outcome(StrEnum):
    """What a comparison says of the revision that is tried."""

    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is made of the numbers of a revision. `why` has numbers in it where it failed, and only there."""

    revision: str
    outcome: Outcome
    why: str = ""


class Target(NamedTuple):
    """A pod whose counters are read."""

    uid: str
    name: str
    address: str


class Subject(NamedTuple):
    """What is compared. `stage` is what began it: a share of the route, or a switch.

    The names are those of the revisions' records. Numbers of one subject are not added to those of another.
    """

    candidate: str
    stable: str
    stage: str
    terms: Analysis


@dataclass(frozen=True, slots=True)
class Comparison:
    """A subject, with the pods of both sides as they are now, and what both are called in messages."""

    subject: Subject
    candidates: tuple[Target, ...]
    stables: tuple[Target, ...]
    who: str
    whom: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A revision from which traffic was taken for what it did with it; its record is still to say so."""

    revision: str
    message: str
