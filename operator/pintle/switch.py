"""The switch of all traffic: when a revision can take over at once, and the writes that do it."""

from dataclasses import dataclass
from datetime import datetime

from pintle import adoption
from pintle.conditions import Reason
from pintle.desired import network, workload
from pintle.desired.adoption import is_adopted
from pintle.desired.network import Marks
from pintle.domain import Failure, Notice, Observed, Record, Stage, Traffic, Workload
from pintle.policies import Finding
from pintle.roles import Roles, behind_service, marks_after_flip, pods_of, released, threshold


@dataclass(frozen=True, slots=True)
class Step:
    """What a rollout does now. `finding` says why what is declared does not serve yet, if so.

    `turning` steps change what the status would say, so it is the next pass that reports.
    """

    stages: tuple[Stage, ...] = ()
    finding: Finding | None = None
    candidate: Record | None = None
    turning: bool = False
    needs_room: bool = False
    wake_at: datetime | None = None
    replacing: bool = False  # what serves has been stopped to make room: see `replacing`
    notices: tuple[Notice, ...] = ()  # what is told once its stages are done


def warm(observed: Observed, choice: Record) -> bool:
    """Cleared, not given up, and at least one pod ready."""
    ready = sum(p.ready for p in pods_of(observed, choice))
    return bool(choice.cleared) and ready > 0 and not released(observed.traffic, choice)


def enough(observed: Observed, current: Roles, target: Record, replicas: int) -> bool:
    """Whether a warm revision has the pods to take over at once."""
    ready = sum(p.ready for p in pods_of(observed, target))
    behind = behind_service(observed, current.serving)
    needed = threshold(replicas)
    return ready >= behind or ready >= needed or behind < needed


def flip(
    observed: Observed, current: Roles, target: Record, now: datetime, failed: Failure | None = None
) -> Step:
    """Switch all traffic to `target`, and give up the standby that this replaces.

    `failed` is what is noted of the revision that it is taken from, if it is for that.
    """
    deployment, traffic = observed.deployment, observed.traffic
    marks = marks_after_flip(observed, current, target, now)
    text = f"traffic goes to {target.identity.model} version {target.version}"
    finding = Finding(Reason.STARTING, text)
    existing = observed.workloads.get(target.name)
    claim: tuple[Stage, ...] = ((workload.reclaim(existing, now),),) if existing else ()
    if traffic is None:
        # There is no Service yet that could name a revision as released: the claim alone fences.
        if (found := observed.adoptable) is not None:
            adopt = network.adopt_service(deployment, found, target.name, marks)
            told = (adoption.told(found, target.name),)
            return Step((*claim, (adopt,)), finding, target, turning=True, notices=told)
        create = network.create_service(deployment, target.name, marks)
        return Step((*claim, (create,)), finding, target, turning=True)
    if traffic.deleting:
        gone = Finding(Reason.STARTING, f"Service {deployment.name} is being deleted; it is made again after")
        return Step(finding=gone, candidate=target)
    stages: list[Stage] = list(claim) if released(traffic, target) else []
    stages.append((network.flip(deployment, traffic, target.name, marks, failed),))
    replaced = current.standby
    if replaced is not None and replaced.name in marks.released:
        given_up = observed.workloads.get(replaced.name)
        if given_up and given_up.replicas:
            stages.append((workload.take_away(given_up),))
    # Nobody applies a Service of our own, whose selector is put back as any other field of it is.
    away = not traffic.revision and is_adopted(traffic.body)
    notices = (adoption.led_away(traffic, deployment.name, target.name),) if away else ()
    return Step(tuple(stages), finding, target, turning=True, notices=notices)


def lead_back(observed: Observed, serving: Record) -> Step | None:
    """Undo what somebody did to an adopted Service, however often: until then what serves has no requests."""
    deployment, traffic = observed.deployment, observed.traffic
    if traffic is None or traffic.deleting or not network.led_away(deployment, traffic):
        return None
    marks = Marks(traffic.since, traffic.standby, traffic.released)
    patch = network.flip(deployment, traffic, serving.name, marks)
    finding = Finding(Reason.STARTING, f"Service {deployment.name} is led back to {serving.name}")
    told = (adoption.led_away(traffic, deployment.name, serving.name),)
    return Step(((patch,),), finding, turning=True, notices=told)


def shrink(observed: Observed, existing: Workload, replicas: int) -> tuple[Stage, ...]:
    """Take some pods of a revision that does not serve, in the three steps of design section 4.

    It may be switched to before that is written, by somebody who declares more again. With the mark, that
    somebody has to write the Deployment before the Service; without, a late write would hit what serves.
    """
    taken: Stage = (workload.take_away(existing, replicas),)
    traffic = observed.traffic
    if traffic is None or traffic.deleting:
        return (taken,)
    marks = Marks(traffic.since, traffic.standby, traffic.released | {existing.revision})
    why = f"take pods of {existing.revision}"
    return ((network.mark_service(observed.deployment, traffic, marks, why),), taken)


def regain(observed: Observed, traffic: Traffic, existing: Workload, now: datetime) -> tuple[Stage, ...]:
    """Have a standby ready for a switch in one write again, once it has no more pods than it shall have."""
    marks = Marks(traffic.since, traffic.standby, traffic.released - {existing.revision})
    why = f"{existing.revision} stands by with {existing.replicas} pods"
    mark = network.mark_service(observed.deployment, traffic, marks, why)
    return ((workload.reclaim(existing, now),), (mark,))
