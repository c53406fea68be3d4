"""`decide`: one observation and the time in, one plan out. No clock, no I/O, no mutation."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pintle import routing, sizes, status, transitions
from pintle.conditions import Reason
from pintle.declared import declared
from pintle.domain import Action, Field, Notice, Observed, Patch, Pending, Plan, Replace, Stage
from pintle.recovery import missing_records
from pintle.roles import Roles, behind_service, pods_of, roles, threshold
from pintle.rollout import step
from pintle.switch import Step
from pintle.upkeep import upkeep

# What differs only in counts is written after so long, or with the next transition (design section 3).
COUNTS_AFTER = timedelta(seconds=5)
# A registry that answers within this is never worth a status of its own: `Resolving` would only flicker.
QUIET_RESOLVING = timedelta(seconds=1)
# Endpoint slices follow a flip, and gateways a route, within milliseconds; so long a status waits for them.
QUIET_FLIP = timedelta(seconds=2)


def decide(observed: Observed, now: datetime) -> Plan:
    """Decide what to write, what to say, and when to look again.

    Nothing is written for an object, or in a namespace, that is on its way out: garbage
    collection takes the children, and what serves serves until then.
    """
    if observed.terminating:
        return Plan()
    if lost := tuple(a for a in missing_records(observed) if not _faulty(observed, a)):
        return Plan(stages=(lost,))
    found = declared(observed)
    current = roles(observed)
    taken = _possible(observed, step(observed, found, now))
    back = routing.withdrawal(observed, found, current, taken, now)
    if back and not _faulty(observed, back):
        return Plan(stages=((back,),))
    if taken.turning:
        # The next pass, which follows at once, sees the writes and reports a state that is then true.
        return Plan(stages=taken.stages, notices=taken.notices)
    sequences, wake_upkeep = upkeep(observed, found, taken, now)
    possible = tuple(_without_faulty(observed, sequence) for sequence in sequences)
    wanted = status.build(observed, found, current, taken, now)
    write, wake_status, unsaid = _worth_writing(observed, current, taken, wanted, now)
    write = write and not routing.creates(a for s in possible for stage in s for a in stage)
    told = transitions.notices(observed, found, wanted, now) if write else ()
    times = [t for t in (taken.wake_at, wake_upkeep, wake_status) if t is not None and t > now]
    return Plan(
        stages=taken.stages,
        upkeep=possible,
        status=wanted if write else None,
        notices=(*told, *_environments(observed, current)),
        wake_at=min(times, default=None),
        unsaid=unsaid,
    )


def _possible(observed: Observed, taken: Step) -> Step:
    """The step as far as it can be done: what was found impossible a moment ago stops what builds on it."""
    stages: list[Stage] = []
    for stage in taken.stages:
        if any(_faulty(observed, action) for action in stage):
            # A switch is done whole or not at all: its first stages only prepare the last.
            return replace(taken, stages=() if taken.turning else tuple(stages), turning=False)
        if stage:
            stages.append(stage)
    return replace(taken, stages=tuple(stages))


def _without_faulty(observed: Observed, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Upkeep goes on without what was found impossible, up to where something builds on that.

    The actions of a stage do not; the next stage does: no pods are taken away that the Service does not
    name as released.
    """
    kept: list[Stage] = []
    for stage in stages:
        possible = tuple(action for action in stage if not _faulty(observed, action))
        if possible:
            kept.append(possible)
        if len(possible) < len(stage):
            break
    return tuple(kept)


def _faulty(observed: Observed, action: Action) -> bool:
    """Whether doing it was found impossible, or others keep undoing it (RepairConflict)."""
    if isinstance(action, Patch | Replace) and action.repairs:
        name = action.resource.kind, action.name
        if all(Field(*name, path) in observed.contested for path in action.repairs):
            return True
    return any((f.kind, f.name) == (action.resource.kind, action.name) for f in observed.faults)


def _worth_writing(
    observed: Observed, current: Roles, taken: Step, wanted: dict[str, Any], now: datetime
) -> tuple[bool, datetime | None, bool]:
    """Whether the status is worth a write now; if not, when it will be; and whether only counts differ."""
    before = dict(observed.deployment.status)
    if wanted == before:
        return False, None, False
    if quiet := _passing(observed, current, taken, now):
        return False, quiet, False
    if status.without_counts(wanted) != status.without_counts(before):
        return True, None, False
    # Counts that have differed for so long are news; those of a rollout are gone with its next step.
    said_at = (observed.unsaid_since or now) + COUNTS_AFTER
    return (True, None, False) if now >= said_at else (False, said_at, True)


def _passing(observed: Observed, current: Roles, taken: Step, now: datetime) -> datetime | None:
    """When a state that passes by itself in a moment would be worth reporting after all."""
    if taken.finding and taken.finding.reason is Reason.RESOLVING:
        if isinstance(observed.resolution, Pending):
            since = observed.resolution.since
        else:
            since = observed.edited or now - QUIET_RESOLVING
        return since + QUIET_RESOLVING if now < since + QUIET_RESOLVING else None
    times = [seen.since for seen in (observed.traffic, observed.route) if seen and seen.since]
    moved = max(times, default=None)
    if moved is None or now >= moved + QUIET_FLIP:
        return None
    ready = sum(p.ready for p in pods_of(observed, current.serving))
    needed = threshold(sizes.asked(observed))
    lagging = behind_service(observed, current.serving) < needed <= ready
    lagging = lagging or (observed.route is not None and not observed.route.accepted)
    return moved + QUIET_FLIP if lagging else None


def _environments(observed: Observed, current: Roles) -> Iterator[Notice]:
    """Pods that run other packages than their revision was cleared with (design section 6, Cleared).

    An index may offer newer ones by then; with `rollout.strictEnvironment` the pod itself refuses.
    """
    for record in (current.serving, current.standby):
        wanted = record.cleared.environment_digest if record and record.cleared else ""
        for pod in pods_of(observed, record) if wanted else ():
            if pod.environment_digest not in ("", wanted) and pod.uid not in observed.told:
                text = (
                    f"pod {pod.name} has other packages than {pod.revision} was proven with"
                    f" ({pod.environment_digest}, not {wanted}): pin every package in the model's"
                    " requirements, or set spec.rollout.strictEnvironment to refuse such pods"
                )
                yield Notice("Warning", "EnvironmentDiffers", text, about=pod.uid)
