"""`spec.rollout.surge: None`: what serves is stopped before what replaces it starts, for one GPU.

The opt-out of promise P1 for one object. Derived anew in each pass, as all of a rollout is: while a candidate
is on its way, what serves has no pods; when it is rejected, or declared no more, there is no candidate, and
what has the traffic gets its pods back.
"""

from dataclasses import replace

from pintle.conditions import Reason
from pintle.desired import workload
from pintle.domain import Observed, Record
from pintle.policies import Finding
from pintle.roles import Roles
from pintle.switch import Step, warm


def replaced(observed: Observed, current: Roles, target: Record) -> Record | None:
    """Who has to make room for a revision; None where nobody has to, as for one whose pods run."""
    old = current.serving
    if observed.deployment.spec.rollout.surge != "None" or old is None or old.name == target.name:
        return None
    return None if warm(observed, target) else old


def make_room(observed: Observed, old: Record, target: Record) -> Step | None:
    """Stop what serves, and wait until all pods but the candidate's have ended; None once there is room."""
    existing = observed.workloads.get(old.name)
    others = [p.name for p in observed.pods if p.revision != target.name]
    if existing and existing.replicas:
        stop = replace(workload.scale(existing, 0), why=f"stop {old.name} to make room")
        return Step(((stop,),), finding(old, target), target, needs_room=True, replacing=True)
    if not others:
        return None
    waiting = finding(old, target, f"waiting for {len(others)} pods to end, {others[0]} first")
    return Step((), waiting, target, needs_room=True, replacing=True)


def instead(old: Record, way: Step) -> Step:
    """A candidate's step while what it replaces has no pods."""
    told = way.finding
    if told and told.reason is Reason.STARTING and way.candidate and not way.turning:
        told = replace(finding(old, way.candidate, told.message), recheck=told.recheck)
    return replace(way, finding=told, replacing=True)


def finding(old: Record, target: Record, more: str = "") -> Finding:
    """Say that one revision makes room for another."""
    same = old.version == target.version
    whom = f"revision {old.name}" if same else f"version {old.version}"
    text = f"{target.identity.model} version {target.version} replaces {whom}, which is stopped first"
    return Finding(Reason.REPLACING, f"{text} (spec.rollout.surge is None)" + (f": {more}" if more else ""))
