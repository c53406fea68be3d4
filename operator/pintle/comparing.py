"""Which revisions are compared by their requests, and what follows for the one that fails.

A canary is compared with what serves, while it has a share. What has taken over is compared with what stands
by, for as long as `spec.rollout.bakeSeconds` says and until it has passed. At any other time nothing is read.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from pintle.api import Analysis
from pintle.conditions import Reason
from pintle.declared import Declared, rejected_by_user
from pintle.desired import failures, network, record
from pintle.domain import (
    Action,
    Comparison,
    Failure,
    Observed,
    Outcome,
    Record,
    Rejected,
    Subject,
    Target,
    Verdict,
)
from pintle.domain.resources import HTTP_ROUTES, SERVICES
from pintle.policies import Finding
from pintle.roles import Roles, pods_of, roles
from pintle.switch import Step, flip, warm

# Of a revision with more pods than this, these many are read.
MOST_PODS = 16


def wanted(observed: Observed, declared: Declared) -> Comparison | None:
    """What is to be compared now. None at rest, while suspended, and while what is declared is not known."""
    current, target = roles(observed), declared.record
    if observed.terminating or observed.deployment.spec.suspend or declared.problem or target is None:
        return None
    if current.serving is None:
        return None
    rollout, route = observed.deployment.spec.rollout, observed.route
    if target.name != current.serving.name:
        if rollout.strategy != "Canary" or rollout.analysis is None:
            return None
        if route is None or route.revision != target.name:
            return None
        return _comparison(observed, target, current.serving, f"{route.weight} %")
    before = replaced(observed, current)
    return _comparison(observed, current.serving, before, "switch") if before else None


def replaced(observed: Observed, current: Roles) -> Record | None:
    """What serves is watched since it replaced this: warm, so that it can be gone back to at once.

    Nothing is watched after a rollback, which is to a revision that was made before what it replaces.
    """
    serving, before, traffic = current.serving, current.standby, observed.traffic
    if observed.deployment.spec.rollout.bake_seconds is None or observed.deployment.spec.suspend:
        return None
    if serving is None or before is None or traffic is None or traffic.since is None or traffic.deleting:
        return None
    if traffic.baked == serving.name or serving.number < before.number or serving.rejected:
        return None
    unwanted = before.rejected or rejected_by_user(observed, before.name, before.version)
    return None if unwanted or not warm(observed, before) else before


def bakes_until(observed: Observed, current: Roles) -> datetime | None:
    """Until when at least what serves is watched; None while it is not."""
    seconds = observed.deployment.spec.rollout.bake_seconds
    if seconds is None or observed.traffic is None or observed.traffic.since is None:
        return None
    if replaced(observed, current) is None:
        return None
    return observed.traffic.since + timedelta(seconds=seconds)


def bake(observed: Observed, current: Roles, now: datetime) -> Step:
    """Watch what has taken over: go back where it fails, and note it where it has passed."""
    before, until = replaced(observed, current), bakes_until(observed, current)
    if before is None or until is None or current.serving is None or observed.traffic is None:
        return Step()
    found = verdict(observed, current.serving)
    if found and found.outcome is Outcome.FAILED:
        return flip(observed, current, before, now, Failure(current.serving.name, found.why))
    if now < until:
        return Step(wake_at=until)
    if found and found.outcome is Outcome.PASSED:
        return Step(((network.mark_baked(observed.deployment, observed.traffic),),))
    return Step()


def verdict(observed: Observed, revision: Record) -> Verdict | None:
    """What the numbers of a revision say; None while nothing is compared."""
    found = observed.verdict
    return found if found and found.revision == revision.name else None


def passed(observed: Observed, revision: Record) -> bool:
    """Whether a revision may go on to its next step."""
    if observed.deployment.spec.rollout.analysis is None:
        return True
    found = verdict(observed, revision)
    return found is not None and found.outcome is Outcome.PASSED


def waits_for(observed: Observed, revision: Record) -> str:
    """What a revision has to do before it has passed, as the end of a message; "" where that is nothing."""
    found = verdict(observed, revision)
    return f"; {found.why}" if found and found.outcome is Outcome.INCONCLUSIVE else ""


def failure(observed: Observed, revision: Record) -> Failure | None:
    """How a revision has just failed."""
    found = verdict(observed, revision)
    failed = found is not None and found.outcome is Outcome.FAILED
    return Failure(revision.name, found.why) if found and failed else None


def _marked(observed: Observed) -> Iterator[Failure]:
    for seen in (observed.route, observed.traffic):
        if seen is not None and seen.failed:
            yield seen.failed


def rejection(observed: Observed, revision: Record, now: datetime) -> Step | None:
    """Write to its record that a revision failed, if traffic was taken from it for that; else None."""
    for mark in _marked(observed):
        if mark.revision == revision.name and not revision.rejected:
            found = Finding(Reason.ANALYSIS_FAILED, mark.message)
            return Step(((_reject(revision, mark, now),),), found, turning=True)
    return None


def _reject(revision: Record, failed: Failure, now: datetime) -> Action:
    return record.reject(revision, Rejected(Reason.ANALYSIS_FAILED, failed.message, now))


def settle(observed: Observed, current: Roles, now: datetime) -> Iterator[Action]:
    """Have records say what failed, though it is declared no more; and forget the marks that they say."""
    records = {r.name: r for r in observed.records if not r.deleting}
    for resource, seen in ((SERVICES, observed.traffic), (HTTP_ROUTES, observed.route)):
        if seen is None or seen.failed is None or seen.deleting:
            continue
        failed = records.get(seen.failed.revision)
        if failed is None or failed.rejected:
            yield failures.forget(resource, seen)
        elif current.serving is None or failed.name != current.serving.name:
            yield _reject(failed, seen.failed, now)


def _comparison(observed: Observed, candidate: Record, stable: Record, stage: str) -> Comparison:
    terms = observed.deployment.spec.rollout.analysis or Analysis()
    same = candidate.version == stable.version
    return Comparison(
        subject=Subject(candidate.name, stable.name, stage, terms),
        candidates=_targets(observed, candidate),
        stables=_targets(observed, stable),
        who=f"{candidate.identity.model} version {candidate.version}",
        whom=f"revision {stable.name}" if same else f"version {stable.version}",
    )


def _targets(observed: Observed, revision: Record) -> tuple[Target, ...]:
    """The pods of a revision that can be asked, the same ones each time where there are many."""
    pods = sorted((p for p in pods_of(observed, revision) if p.address and p.ready), key=lambda p: p.name)
    return tuple(Target(p.uid, p.name, p.address) for p in pods[:MOST_PODS])
