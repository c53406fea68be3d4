"""Waiting: what an object says of how far it is, and how long something took by the API's own times."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from kubectl_pintle import rejection
from kubectl_pintle.deployment import Entry, ModelDeployment
from kubectl_pintle.names import AWAITING_PROMOTION, FIELD_MANAGER, HELD, Json, parse_time
from kubectl_pintle.text import duration

# The operator's clock may be behind the API server's, and the times of both are whole seconds.
_CLOCKS = timedelta(seconds=2)


class Outcome(Enum):
    """Whether waiting has an end, and which."""

    GOES_ON = "goes on"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far it is, in words."""

    outcome: Outcome
    words: str


Judge = Callable[[ModelDeployment], Verdict]


def ready(deployment: ModelDeployment) -> Verdict:
    """Ready for the spec as it is now; failed where nothing goes on by itself."""
    if deployment.is_ready:
        return Verdict(Outcome.DONE, deployment.message)
    words = f"{deployment.reason}: {deployment.message}"
    if deployment.deleting or deployment.is_stalled or (deployment.seen and deployment.ready.reason in HELD):
        return Verdict(Outcome.FAILED, words)
    return Verdict(Outcome.GOES_ON, words)


def taken_out(value: str) -> Judge:
    """The judge that waits until what this value of the annotation means has no traffic."""

    def judge(deployment: ModelDeployment) -> Verdict:
        if deployment.deleting:
            return Verdict(Outcome.FAILED, deployment.message)
        if rejection.is_out(deployment, value):
            serving = deployment.serving
            return Verdict(Outcome.DONE, f"version {serving.version} serves" if serving else "nothing serves")
        serves = (
            f"version {deployment.serving.version} serves still" if deployment.serving else "nothing serves"
        )
        return Verdict(Outcome.GOES_ON, serves)

    return judge


def let_in(deployment: ModelDeployment) -> Verdict:
    """Done when the operator has seen that what is declared is not rejected any more."""
    if deployment.deleting:
        return Verdict(Outcome.FAILED, deployment.message)
    if deployment.rejecting:
        return Verdict(Outcome.FAILED, f"{deployment.rejecting} is rejected again")
    if rejection.holds_back_what_is_declared(deployment):
        return Verdict(Outcome.GOES_ON, rejection.UNSEEN)
    return Verdict(Outcome.DONE, deployment.message)


def promoted(revision: str) -> Judge:
    """The judge that waits until a revision has all of the traffic.

    A promotion is no new generation: until the operator has seen it, the status says that it is awaited.
    """

    def judge(deployment: ModelDeployment) -> Verdict:
        verdict = ready(deployment)
        serves = deployment.serving is not None and deployment.serving.revision == revision
        if verdict.outcome is Outcome.DONE and not serves:
            return Verdict(Outcome.FAILED, f"another revision serves: {deployment.message}")
        if verdict.outcome is Outcome.FAILED and deployment.ready.reason == AWAITING_PROMOTION:
            return verdict if deployment.deleting else Verdict(Outcome.GOES_ON, verdict.words)
        return verdict

    return judge


def written(body: Json) -> datetime | None:
    """When this plugin last wrote an object, by the API server's clock, in whole seconds."""
    return _last_write(body, lambda e: e.get("manager") == FIELD_MANAGER and not e.get("subresource"))


def _last_write(body: Json, by: Callable[[Json], bool]) -> datetime | None:
    entries = filter(by, body["metadata"].get("managedFields") or ())
    times = (parse_time(entry.get("time")) for entry in entries)
    return max((t for t in times if t), default=None)


@dataclass(frozen=True, slots=True)
class Took:
    """How long a change took, in seconds; None where it is not known.

    `whole` is from the edit to the status that tells of its end, by two time stamps of the API server, in
    whole seconds; `moved` is what the operator measured from seeing the edit to seeing the new endpoints,
    where the rollout began with that edit.
    """

    whole: float | None = None
    moved: float | None = None

    def in_words(self) -> str:
        """For people; empty where nothing is known."""
        parts = []
        if self.whole is not None:
            shown = duration(self.whole) if self.whole else "less than a second"
            parts.append(f"took {shown} by the API server's time stamps, which are whole seconds")
        if self.moved is not None:
            parts.append(f"the traffic moved {duration(self.moved)} after the operator saw the edit")
        return "; ".join(parts)


def took(edited: ModelDeployment, after: ModelDeployment) -> Took:
    """How long an edit took, from the object as the edit left it and as it was when it told of the end.

    The traffic may have moved twice: to pods of the version that ran, then to those of the declared shape.
    """
    since = written(edited.body)
    told = _last_write(after.body, lambda entry: entry.get("subresource") == "status")
    whole = (told - since).total_seconds() if since and told and told >= since else None
    new = [e for e in _added(edited.history, after.history) if e.promoted]
    moves = [e for e in new if after.serving and e.version == after.serving.version]
    first = moves[-1] if moves else None
    return Took(whole, first.seconds if first and _began_by(first, since) else None)


def _began_by(entry: Entry, since: datetime | None) -> bool:
    """Whether a rollout began with the edit of then; a canary that is promoted has begun with another."""
    return since is None or (entry.started is not None and entry.started >= since - _CLOCKS)


def _added(before: Sequence[Entry], after: Sequence[Entry]) -> Sequence[Entry]:
    """What was put in front of a history, at whose end as much may have gone.

    By their places: two entries may look the same, as a revision may take the traffic twice in one second.
    """
    known, told = [*map(_but_the_outcome, before)], [*map(_but_the_outcome, after)]
    count = next(n for n in range(len(told) + 1) if told[n:] == known[: len(told) - n])
    return after[:count]


def _but_the_outcome(entry: Entry) -> Entry:
    """All of an entry that stays: what served was replaced since."""
    return replace(entry, outcome="")
