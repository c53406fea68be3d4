"""What is done whatever the rollout does: replicas, copies, drift, marks, and taking away what is over."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from pintle import autoscaling, comparing, following, pruning, routing, sizes
from pintle.conditions import Reason
from pintle.declared import Declared
from pintle.desired import network, workload
from pintle.desired import record as recording
from pintle.domain import Action, Delete, Observed, Record, Stage, Workload
from pintle.domain.resources import CONFIG_MAPS, DEPLOYMENTS, PODS, SERVICES
from pintle.roles import Roles, behind_service, roles
from pintle.switch import Step, regain, shrink

# Pods that served a moment ago stay this long after the flip: nodes learn of it at their own pace.
SETTLE = timedelta(seconds=10)


def upkeep(
    observed: Observed, declared: Declared, step: Step, now: datetime
) -> tuple[tuple[tuple[Stage, ...], ...], datetime | None]:
    """What is done beside the rollout, in sequences that do not wait for each other; when to look again."""
    current = roles(observed)
    repairs = tuple(_repairs(observed, current, step, now))
    giving_up, wake_at = _give_up(observed, declared, current, step, now)
    shrunk = () if giving_up else _shrink_standby(observed, current, step, now)
    written = {a.name for a in (*(a for stage in step.stages for a in stage), *repairs)}
    marks = comparing.settle(observed, current, now), _mark_move(observed, declared, now)
    settled, moved = (tuple(a for a in actions if a.name not in written) for actions in marks)
    pruned = tuple(pruning.prune(observed, declared, current, step, {a.name for a in (*settled, *moved)}))
    routed, followed = routing.upkeep(observed, step, now)
    sequences = ((repairs,), (routed,), tuple(giving_up), shrunk, (pruned,), (moved,), (settled,))
    return tuple(s for s in sequences if any(s)), _next(now, wake_at, followed)


def _next(now: datetime, *times: datetime | None) -> datetime | None:
    """The first that is still to come: a standby that is kept beyond its time hides no other."""
    return min((t for t in times if t is not None and t > now), default=None)


def _mark_move(observed: Observed, declared: Declared, now: datetime) -> Iterator[Action]:
    """Leave a mark where an alias has moved to a kept revision: what it names while nobody can be asked."""
    record = declared.record
    if record and (mark := following.move(observed, record, now)):
        yield recording.name(record, mark)


def _live(current: Roles, step: Step) -> tuple[Record, ...]:
    """Revisions whose children have to be as their records say."""
    found = {r.name: r for r in (current.serving, current.standby, step.candidate) if r is not None and r.uid}
    return tuple(found.values())


def _repairs(observed: Observed, current: Roles, step: Step, now: datetime) -> Iterator[Action]:
    deployment = observed.deployment
    written = {a.name for stage in step.stages for a in stage if a.resource in (CONFIG_MAPS, DEPLOYMENTS)}
    for record in _live(current, step):
        if record.name in written:
            continue
        yield from _repair_copy(observed, record)
        yield from _repair_workload(observed, current, step, record, now)
    yield from _delete_strangers(observed, current, step)
    if current.serving is None and not step.turning:
        yield from autoscaling.without_serving(observed)
    if observed.traffic is None or observed.traffic.deleting or current.serving is None:
        return
    left_alone = observed.left_alone(SERVICES.kind, deployment.name)
    if repair := network.repair_service(deployment, observed.traffic, now, left_alone):
        yield repair
    elif (mark := sizes.mark(observed)) != observed.traffic.autoscaled:
        yield network.mark_autoscaled(deployment, observed.traffic, mark)
    yield from _repair_budget(observed, current.serving)
    yield from autoscaling.upkeep(observed, current.serving)
    yield from network.mark_pods(observed.pods, current.serving, current.standby)


def _delete_strangers(observed: Observed, current: Roles, step: Step) -> Iterator[Action]:
    """Pods that run other bytes than their revision was cleared with (design section 6, Cleared)."""
    digests = {r.name: r.cleared.content_digest for r in _live(current, step) if r.cleared}
    for pod in observed.pods:
        wanted = digests.get(pod.revision)
        if wanted and pod.content_digest not in ("", wanted) and not pod.deleting:
            why = f"pod {pod.name} runs {pod.content_digest}, not {wanted}"
            yield Delete(PODS, pod.name, pod.uid, None, why)


def _repair_copy(observed: Observed, record: Record) -> Iterator[Action]:
    copy = observed.copies.get(record.name)
    if copy is None:
        yield workload.create_copy(observed.deployment, record)
    elif not copy.deleting and (repair := workload.repair_copy(record, copy)):
        yield repair


def _repair_workload(
    observed: Observed, current: Roles, step: Step, record: Record, now: datetime
) -> Iterator[Action]:
    existing = observed.workloads.get(record.name)
    wanted = _wanted_replicas(observed, current, step, record, now)
    if existing is None:
        if record is not step.candidate and wanted:
            yield workload.create(observed.deployment, record, wanted)
        return
    if existing.deleting:
        return
    shrinks = existing.replicas > wanted and record is not current.serving  # see `_shrink_standby`
    if record is not step.candidate and existing.replicas != wanted and not shrinks:
        yield workload.scale(existing, wanted)
    cleared = record.cleared
    if cleared is None or existing.template_hash == cleared.template_hash:
        return
    if existing.template_hash == observed.baselines.get(record.name):
        # That is what the API server made of it when it was put back: from now on it is what is compared.
        yield recording.clear(record, replace(cleared, template_hash=existing.template_hash))
    else:
        yield workload.restore_template(existing, record, cleared.template_hash)


def _wanted_replicas(observed: Observed, current: Roles, step: Step, record: Record, now: datetime) -> int:
    """The same for who serves and who stands by; but see the exceptions."""
    replicas = sizes.size(observed)
    existing = observed.workloads.get(record.name)
    has = existing.replicas if existing else 0
    if record is current.serving and step.replacing:
        return 0
    nothing_behind = behind_service(observed, current.serving) == 0
    # Replicas rise from 0 while another revision is declared: only that one is started.
    if record is current.serving and step.candidate is not None and has == 0 and nothing_behind:
        return 0
    if record is current.standby and record is not current.serving:
        if _over(current, now) or sizes.is_found(observed):
            return has  # it is about to go, or has as many as it served with and is scaled by nothing
        # A standby that has been brought to 0 is not started again to stand by.
        return replicas if has else 0
    return replicas


def _shrink_standby(observed: Observed, current: Roles, step: Step, now: datetime) -> tuple[Stage, ...]:
    """Follow `spec.replicas` downwards, then let the standby be switched to in one write again."""
    record, traffic = current.standby, observed.traffic
    if record is None or record in (current.serving, step.candidate) or traffic is None or traffic.deleting:
        return ()
    existing = observed.workloads.get(record.name)
    if existing is None or existing.deleting:
        return ()
    wanted = _wanted_replicas(observed, current, step, record, now)
    if existing.replicas > wanted:
        return shrink(observed, existing, wanted)
    if existing.replicas and record.name in traffic.released:
        return regain(observed, traffic, existing, now)
    return ()


def _repair_budget(observed: Observed, serving: Record) -> Iterator[Action]:
    deployment, budget = observed.deployment, observed.budget
    if deployment.spec.disruption_budget == "None":
        if budget and not budget.deleting:
            yield network.delete_budget(budget)
    elif budget is None:
        yield network.create_budget(deployment, serving.name)
    elif not budget.deleting and (repair := network.repair_budget(deployment, budget, serving.name)):
        yield repair


def _give_up(
    observed: Observed, declared: Declared, current: Roles, step: Step, now: datetime
) -> tuple[list[Stage], datetime | None]:
    """Take away pods that nothing needs, in the three steps of design section 4."""
    spec = observed.deployment.spec
    if declared.problem and declared.problem.reason is Reason.RESOLVING:
        # What is declared is not known yet: nothing can be told to be of no use.
        return [], current.expires
    keep = {r.name for r in (current.serving, step.candidate) if r is not None} | routing.sent_to(observed)
    # Where there is room for one, a candidate that is held back takes that of what serves.
    in_the_way = spec.suspend and spec.rollout.surge == "None"
    if declared.record and not declared.record.rejected and not declared.problem and not in_the_way:
        keep.add(declared.record.name)
    wake_at = current.expires
    if current.standby and not step.needs_room and (spec.suspend or not _over(current, now)):
        keep.add(current.standby.name)
    by_name = {r.name: r for r in observed.records}
    going = [
        w
        for w in observed.workloads.values()
        if w.replicas and not w.deleting and w.revision in by_name and w.revision not in keep
    ]
    settled = max(_switched(observed) or now, routing.settled(observed) or now)
    if now < settled and any(by_name[w.revision].cleared for w in going):
        going = [w for w in going if not by_name[w.revision].cleared]
        wake_at = _next(now, settled, wake_at)
    over = current.standby is not None and current.standby.name not in keep
    return _release(observed, current, going, over=over), wake_at


def _switched(observed: Observed) -> datetime | None:
    """When every node has surely learned of the last switch."""
    since = observed.traffic.since if observed.traffic else None
    return since + SETTLE if since else None


def _over(current: Roles, now: datetime) -> bool:
    return current.expires is not None and now >= current.expires


def _release(observed: Observed, current: Roles, going: list[Workload], *, over: bool) -> list[Stage]:
    traffic = observed.traffic
    if not going and not over:
        return []
    taken = tuple(workload.take_away(w) for w in going)
    if traffic is None or traffic.deleting:
        return [taken]
    by_name = {r.name for r in observed.records}
    marks = network.Marks(
        since=traffic.since,
        standby="" if over or current.standby is None else current.standby.name,
        released=(traffic.released & by_name) | {w.revision for w in going},
    )
    names = ", ".join(sorted(w.revision for w in going)) or "the standby"
    mark = network.mark_service(observed.deployment, traffic, marks, why=f"give up {names}")
    return [(mark,), taken]
