"""One step of a rollout: from what is declared and what is there to the next writes.

States are derived, never stored as a driver (design section 6), so a step can be taken again
from anywhere, by anybody, after any crash. `step` is pure: time is an argument.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from pintle import clearing, comparing, replacing, routing, sizes, views
from pintle.conditions import Reason
from pintle.declared import Declared, rejected_by_user
from pintle.desired import record, workload
from pintle.domain import Named, Observed, Record, Rejected, Stage
from pintle.policies import REJECTING, WAITING, Finding, first
from pintle.roles import Roles, behind_service, lost_serving, roles, threshold
from pintle.switch import Step, enough, flip, lead_back, shrink, warm

# How long a warm revision with too few pods may be scaled up before it gets the traffic anyway.
WARM_PATIENCE = timedelta(seconds=10)


def step(observed: Observed, declared: Declared, now: datetime) -> Step:
    """Decide the next step towards what is declared."""
    current = roles(observed)
    if back := _led_elsewhere(observed, current, now):
        return back
    problem = declared.problem
    if problem and problem.reason is Reason.REJECTED_BY_USER:
        return _rejected_by_user(observed, problem.message, current, now)
    if declared.record and current.serving and declared.record.name == current.serving.name:
        return _serving(observed, current, declared.record, now)
    held = Finding(problem.reason, problem.message) if problem else None
    if declared.record and (failed := comparing.rejection(observed, declared.record, now)):
        return failed
    if observed.deployment.spec.suspend:
        suspended = Finding(Reason.SUSPENDED, "spec.suspend is set: no change is rolled out")
        return Step(finding=held or suspended)
    if (sibling := _warm_sibling(observed, declared, current)) is not None:
        return _towards_warm(observed, current, sibling, now)
    if held:
        return Step(finding=held)
    if declared.record is None:
        return _launch(observed, declared, now)
    if declared.record.rejected:
        mark = declared.record.rejected
        return Step(finding=Finding(Reason(mark.reason), mark.message))
    return _towards(observed, current, declared.record, now)


def _led_elsewhere(observed: Observed, current: Roles, now: datetime) -> Step | None:
    """Have a Service that is made anew, or was put back, lead to what serves again."""
    if lost := lost_serving(observed):
        return flip(observed, current, lost, now)
    return lead_back(observed, current.serving) if current.serving else None


def _serving(observed: Observed, current: Roles, serving: Record, now: datetime) -> Step:
    """Nothing to roll out. A record that was made again from what runs has lost its mark: mark it."""
    candidate = clearing.candidate(observed, serving, now)
    whole = candidate.replicas > 0 and clearing.all_ready(candidate)
    if serving.cleared is None and whole and (cleared := clearing.proven(candidate, now)):
        return Step(((record.clear(serving, cleared),),), turning=True)
    return comparing.bake(observed, current, now)


def _rejected_by_user(observed: Observed, message: str, current: Roles, now: datetime) -> Step:
    """What is declared is rejected by command. What serves serves on, unless that is what was rejected."""
    held = Finding(Reason.REJECTED_BY_USER, message)
    serving = current.serving
    if observed.deployment.spec.suspend or serving is None:
        return Step(finding=held)
    if rejected_by_user(observed, serving.name, serving.version) is None:
        return Step(finding=held)
    fallback = _fallback(observed, current, serving)
    if fallback is None:
        text = f"{message}; there is no other cleared revision to go back to"
        return Step(finding=Finding(Reason.REJECTED_BY_USER, text))
    way = _towards(observed, current, fallback, now, at_once=True)
    return replace(way, finding=held)


def _fallback(observed: Observed, current: Roles, serving: Record) -> Record | None:
    """Where a rejection of what serves goes: to the standby, else to the newest cleared other version."""
    others = (r for r in observed.records if r.version != serving.version)
    for choice in (current.standby, *others):
        if choice is None or not choice.cleared or choice.rejected or choice.deleting:
            continue
        if rejected_by_user(observed, choice.name, choice.version) is None:
            return choice
    return None


def _warm_sibling(observed: Observed, declared: Declared, current: Roles) -> Record | None:
    """A warm cleared revision of the declared identity in another shape, while another model serves.

    Rolling back must not wait for a changed pod shape (P2): the old shape serves first, and the
    new one follows as an ordinary candidate.
    """
    identity = declared.identity
    if identity is None or (current.serving and current.serving.identity.key == identity.key):
        return None
    if declared.record and warm(observed, declared.record):
        return None
    for choice in observed.records:
        same = choice.identity.key == identity.key
        wanted = rejected_by_user(observed, choice.name, choice.version) is None
        at_once = not routing.by_steps(observed, current, choice)
        if same and wanted and at_once and not choice.rejected and warm(observed, choice):
            return choice
    return None


def _launch(observed: Observed, declared: Declared, now: datetime) -> Step:
    """Write the record of a new revision, then all that is built from it."""
    assert declared.new is not None, "no problem and no record: there is one to be made"  # noqa: S101
    deployment = observed.deployment
    alias = deployment.spec.followed
    created = record.create(
        deployment,
        declared.new,
        max_artifact_bytes=observed.defaults.max_artifact_bytes,
        named=Named(alias, now) if alias else None,
    )
    candidate = views.record(created.body)
    assert candidate is not None, "a record reads back as what was written"  # noqa: S101
    if sizes.size(observed) == 0:
        return Step(((created,),), _nothing_to_prove(), candidate)
    if (old := replacing.replaced(observed, roles(observed), candidate)) is not None:
        return Step(((created,),), replacing.finding(old, candidate), candidate)
    text = f"{candidate.identity.model} version {candidate.version}: starting"
    children = _start(observed, candidate)
    return Step(((created,), *children), Finding(Reason.STARTING, text), candidate)


def _nothing_to_prove() -> Finding:
    return Finding(Reason.SCALED_TO_ZERO, "spec.replicas is 0: a new revision proves itself when it rises")


def _start(observed: Observed, target: Record) -> tuple[Stage, ...]:
    """The ConfigMap and then the Deployment of a revision, as far as they are missing.

    No pod starts before the ConfigMap is ours: it would do what somebody else's of that name says.
    """
    deployment = observed.deployment
    stages: list[Stage] = []
    if target.name not in observed.copies:
        stages.append((workload.create_copy(deployment, target),))
    if target.name not in observed.workloads:
        stages.append((workload.create(deployment, target, sizes.size(observed)),))
    return tuple(stages)


def _towards(
    observed: Observed, current: Roles, target: Record, now: datetime, *, at_once: bool = False
) -> Step:
    """Work towards a revision that has its record; with `at_once` never by the steps of a canary."""
    if sizes.size(observed) == 0:
        if target.cleared:
            return flip(observed, current, target, now)
        started = observed.workloads.get(target.name)
        end = shrink(observed, started, 0) if started and started.replicas else ()
        return Step(end, _nothing_to_prove(), target)
    if (old := replacing.replaced(observed, current, target)) is not None:
        return replacing.make_room(observed, old, target) or replacing.instead(
            old, _upwards(observed, current, target, now, at_once=at_once)
        )
    return _upwards(observed, current, target, now, at_once=at_once)


def _upwards(observed: Observed, current: Roles, target: Record, now: datetime, *, at_once: bool) -> Step:
    """Have the pods of a revision start, prove themselves and take over."""
    replicas = sizes.size(observed)
    existing = observed.workloads.get(target.name)
    if existing is None:
        text = f"{target.identity.model} version {target.version}: starting {replicas} pods"
        return Step(_start(observed, target), Finding(Reason.STARTING, text), target)
    if existing.deleting:
        text = f"Deployment {existing.revision} is being deleted; it is made again when it is gone"
        return Step(finding=Finding(Reason.STARTING, text), candidate=target)
    by_steps = not at_once and routing.by_steps(observed, current, target)
    if warm(observed, target) and not by_steps:
        return _towards_warm(observed, current, target, now)
    return _towards_cold(observed, current, target, now, by_steps=by_steps)


def _towards_warm(observed: Observed, current: Roles, target: Record, now: datetime) -> Step:
    """Back to pods that run: at once if they can carry the load, else after at most ten seconds."""
    replicas = sizes.size(observed)
    patience = (observed.edited or now) + WARM_PATIENCE
    existing = observed.workloads.get(target.name)
    scale: Stage = ()
    if existing and existing.replicas < replicas:
        scale = (workload.scale(existing, replicas),)
    if enough(observed, current, target, replicas) or now >= patience:
        switch = flip(observed, current, target, now)
        # Afterwards nobody could tell any more how many there were: the number is no declared one.
        follows = scale and switch.turning and sizes.is_found(observed)
        return replace(switch, stages=(*switch.stages, scale)) if follows else switch
    text = f"{target.identity.model} version {target.version}: more pods are started before it takes over"
    return Step((scale,) if scale else (), Finding(Reason.STARTING, text), target, wake_at=patience)


def _towards_cold(
    observed: Observed, current: Roles, target: Record, now: datetime, *, by_steps: bool
) -> Step:
    """A candidate: start it, let it prove itself, clear it, switch (`by_steps` or at once); or reject it."""
    existing = observed.workloads[target.name]
    candidate = clearing.candidate(observed, target, now)
    if rejection := first(REJECTING, candidate):
        if back := routing.give_back(observed, target.name, now):
            return Step(((back,),), rejection, target, turning=True)
        mark = record.reject(target, Rejected(rejection.reason, rejection.message, now))
        return Step(((mark,),), rejection, turning=True)
    if (failed := comparing.failure(observed, target)) and (
        back := routing.give_back(observed, target.name, now, failed)
    ):
        return Step(((back,),), Finding(Reason.ANALYSIS_FAILED, failed.message), target, turning=True)
    replicas = candidate.replicas
    if existing.replicas > replicas:
        return Step(shrink(observed, existing, replicas), first(WAITING, candidate), target)
    if existing.replicas < replicas:
        return Step(((workload.scale(existing, replicas),),), first(WAITING, candidate), target)
    if (drift := clearing.changed_template(observed, target, existing)) is not None:
        return Step(((drift,),), first(WAITING, candidate), target)
    # As many as there are behind the Service, where that number is what the load has asked for.
    quorum = replicas if sizes.is_found(observed) else threshold(replicas)
    if target.cleared and candidate.ready >= min(quorum, max(1, behind_service(observed, current.serving))):
        take_over = routing.advance if by_steps else flip
        return take_over(observed, current, target, now)
    if not target.cleared and clearing.all_ready(candidate) and (cleared := clearing.proven(candidate, now)):
        clear = record.clear(target, cleared)
        if by_steps:
            return Step(((clear,),), first(WAITING, candidate), target, turning=True)
        switch = flip(observed, current, target, now)
        return Step(((clear,), *switch.stages), switch.finding, target, turning=True)
    found = first(WAITING, candidate)
    room = found is not None and found.reason is Reason.INSUFFICIENT_CAPACITY
    return Step((), found, target, needs_room=room, wake_at=found.recheck if found else None)
