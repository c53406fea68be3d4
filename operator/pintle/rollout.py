"""One step of a rollout: from what is declared and what is there to the next writes.

States are derived, never stored as a driver (design section 6), so a step can be taken again
from anywhere, by anybody, after any crash. `step` is pure: time is an argument.
"""

from datetime import datetime, timedelta

from pintle import views
from pintle.conditions import Reason
from pintle.declared import Declared, rejected_by_user
from pintle.desired import record, workload
from pintle.domain import Action, Cleared, Named, Observed, Record, Rejected, Stage, Workload
from pintle.policies import REJECTING, WAITING, Candidate, Finding, first
from pintle.roles import Roles, behind_service, lost_serving, pods_of, roles, threshold
from pintle.switch import Step, enough, flip, shrink, warm

# How long a warm revision with too few pods may be scaled up before it gets the traffic anyway.
WARM_PATIENCE = timedelta(seconds=10)


def step(observed: Observed, declared: Declared, now: datetime) -> Step:
    """Decide the next step towards what is declared."""
    current = roles(observed)
    if lost := lost_serving(observed):
        return flip(observed, current, lost, now)
    problem = declared.problem
    if problem and problem.reason is Reason.REJECTED_BY_USER:
        return _rejected_by_user(observed, problem.message, current, now)
    if declared.record and current.serving and declared.record.name == current.serving.name:
        return _serving(observed, declared.record, now)
    held = Finding(problem.reason, problem.message) if problem else None
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


def _serving(observed: Observed, serving: Record, now: datetime) -> Step:
    """Nothing to roll out. A record that was made again from what runs has lost its mark: mark it."""
    candidate = _candidate(observed, serving, now)
    whole = candidate.replicas > 0 and _all_ready(candidate)
    if serving.cleared is None and whole and (cleared := _proven(candidate, now)):
        return Step(((record.clear(serving, cleared),),), turning=True)
    return Step()


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
    way = _towards(observed, current, fallback, now)
    return Step(way.stages, held, way.candidate, way.turning, way.needs_room, way.wake_at)


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
        if same and wanted and not choice.rejected and warm(observed, choice):
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
    if deployment.spec.replicas == 0:
        return Step(((created,),), _nothing_to_prove(), candidate)
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
        stages.append((workload.create(deployment, target, deployment.spec.replicas),))
    return tuple(stages)


def _towards(observed: Observed, current: Roles, target: Record, now: datetime) -> Step:
    """Work towards a revision that has its record."""
    replicas = observed.deployment.spec.replicas
    if replicas == 0:
        if target.cleared:
            return flip(observed, current, target, now)
        started = observed.workloads.get(target.name)
        end = shrink(observed, started, 0) if started and started.replicas else ()
        return Step(end, _nothing_to_prove(), target)
    existing = observed.workloads.get(target.name)
    if existing is None:
        text = f"{target.identity.model} version {target.version}: starting {replicas} pods"
        return Step(_start(observed, target), Finding(Reason.STARTING, text), target)
    if existing.deleting:
        text = f"Deployment {existing.revision} is being deleted; it is made again when it is gone"
        return Step(finding=Finding(Reason.STARTING, text), candidate=target)
    if warm(observed, target):
        return _towards_warm(observed, current, target, now)
    return _towards_cold(observed, current, target, now)


def _towards_warm(observed: Observed, current: Roles, target: Record, now: datetime) -> Step:
    """Back to pods that run: at once if they can carry the load, else after at most ten seconds."""
    replicas = observed.deployment.spec.replicas
    patience = (observed.edited or now) + WARM_PATIENCE
    if enough(observed, current, target, replicas) or now >= patience:
        return flip(observed, current, target, now)
    existing = observed.workloads.get(target.name)
    scale: Stage = ()
    if existing and existing.replicas < replicas:
        scale = (workload.scale(existing, replicas),)
    text = f"{target.identity.model} version {target.version}: more pods are started before it takes over"
    return Step((scale,) if scale else (), Finding(Reason.STARTING, text), target, wake_at=patience)


def _towards_cold(observed: Observed, current: Roles, target: Record, now: datetime) -> Step:
    """A candidate: start it, let it prove itself, clear it, switch; or reject it."""
    spec = observed.deployment.spec
    existing = observed.workloads[target.name]
    candidate = _candidate(observed, target, now)
    if rejection := first(REJECTING, candidate):
        mark = record.reject(target, Rejected(rejection.reason, rejection.message, now))
        return Step(((mark,),), rejection, turning=True)
    if existing.replicas > spec.replicas:
        return Step(shrink(observed, existing, spec.replicas), first(WAITING, candidate), target)
    if existing.replicas < spec.replicas:
        return Step(((workload.scale(existing, spec.replicas),),), first(WAITING, candidate), target)
    if (drift := _changed_template(observed, target, existing)) is not None:
        return Step(((drift,),), first(WAITING, candidate), target)
    if target.cleared and candidate.ready >= min(
        threshold(spec.replicas), max(1, behind_service(observed, current.serving))
    ):
        return flip(observed, current, target, now)
    if not target.cleared and _all_ready(candidate) and (cleared := _proven(candidate, now)):
        clear = record.clear(target, cleared)
        switch = flip(observed, current, target, now)
        return Step(((clear,), *switch.stages), switch.finding, target, turning=True)
    found = first(WAITING, candidate)
    room = found is not None and found.reason is Reason.INSUFFICIENT_CAPACITY
    return Step((), found, target, needs_room=room, wake_at=found.recheck if found else None)


def _changed_template(observed: Observed, target: Record, existing: Workload) -> Action | None:
    """What has to be done before a revision is cleared, so that what is cleared is what was recorded.

    The API server fills in defaults, so only its own answer tells what a record's template looks like:
    the answer to the Deployment's creation, or after a restart, that to a PUT that stores nothing.
    """
    if target.cleared:
        return None
    baseline = observed.baselines.get(target.name)
    if baseline is None:
        return workload.probe_template(existing, target)
    if existing.template_hash != baseline:
        return workload.restore_template(existing, target, baseline)
    return None


def _candidate(observed: Observed, target: Record, now: datetime) -> Candidate:
    """What the policies look at."""
    spec = observed.deployment.spec
    return Candidate(
        record=target,
        workload=observed.workloads.get(target.name),
        pods=pods_of(observed, target),
        replicas=spec.replicas,
        progress_deadline_seconds=spec.rollout.progress_deadline_seconds,
        capacity_wait_seconds=spec.rollout.capacity_wait_seconds,
        now=now,
    )


def _all_ready(candidate: Candidate) -> bool:
    """All asked-for pods are ready at once.

    The Deployment must say so too: pods of a deleted ModelDeployment of the same name carry the
    same labels until garbage collection gets to them, and are none of this Deployment's.
    """
    wanted = candidate.replicas
    return candidate.ready >= wanted and candidate.workload is not None and candidate.workload.ready >= wanted


def _proven(candidate: Candidate, now: datetime) -> Cleared | None:
    """The mark of a candidate all of whose pods are ready: None while one has not reported its digest."""
    ready = [p for p in candidate.pods if p.ready]
    if candidate.workload is None or not all(p.content_digest for p in ready):
        return None
    mode = candidate.record.shape.get("rollout", {}).get("proof", {}).get("mode", "Auto")
    has_example = all(p.example for p in ready)
    return Cleared(
        content_digest=ready[0].content_digest,
        environment_digest=ready[0].environment_digest,
        proof="skipped" if mode == "Skip" else "passed" if has_example or candidate.record.cases else "none",
        template_hash=candidate.workload.template_hash,
        time=now,
    )
