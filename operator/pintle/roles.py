"""Who serves, who stands by, and what a flip makes of that."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pintle.desired.network import Marks
from pintle.domain import Observed, PodView, Record, Traffic
from pintle.naming import LABEL_REVISION


def threshold(replicas: int) -> int:
    """Ready endpoints that `Ready` and `Available` ask for: a quarter may be missing, rounded down."""
    return replicas - replicas // 4


@dataclass(frozen=True, slots=True)
class Roles:
    """What each kept revision is to the traffic. `expires` is when the standby's time is over."""

    serving: Record | None
    standby: Record | None
    expires: datetime | None


def roles(observed: Observed) -> Roles:
    """Read the roles off the Service."""
    traffic = observed.traffic
    if traffic is None:
        return Roles(None, None, None)
    by_name = {r.name: r for r in observed.records}
    serving = by_name.get(traffic.revision)
    standby = by_name.get(traffic.standby)
    if standby is serving:
        standby = None
    expires = traffic.since + timedelta(seconds=standby_seconds(observed)) if traffic.since else None
    return Roles(serving, standby, expires if standby else None)


def standby_seconds(observed: Observed) -> int:
    """How long the previous revision stays warm."""
    declared = observed.deployment.spec.rollout.standby_seconds
    return observed.defaults.standby_seconds if declared is None else declared


def pods_of(observed: Observed, record: Record | None) -> tuple[PodView, ...]:
    """The pods of one revision that are not on their way out."""
    if record is None:
        return ()
    return tuple(p for p in observed.pods if p.revision == record.name and not p.deleting)


def behind_service(observed: Observed, record: Record | None) -> int:
    """Ready endpoints of the Service that belong to this revision."""
    if observed.traffic is None or record is None:
        return 0
    return sum(p.name in observed.traffic.ready_pods for p in pods_of(observed, record))


def others_behind_service(observed: Observed, record: Record) -> int:
    """Endpoints that are not of this revision: the flip has not reached the slices yet.

    They may be another revision's, or those that an adopted Service led to. A pod that has not been seen yet
    is taken for this revision's if it is named as pods of ours are.
    """
    if observed.traffic is None:
        return 0
    revisions = {p.name: p.revision for p in observed.pods}
    unseen = f"{observed.deployment.name}-v"
    return sum(
        revisions[name] != record.name if name in revisions else not name.startswith(unseen)
        for name in observed.traffic.ready_pods
    )


def released(traffic: Traffic | None, record: Record) -> bool:
    """Whether the pods of a revision have been given up, so that going back has to claim it first."""
    return traffic is not None and record.name in traffic.released


def lost_serving(observed: Observed) -> Record | None:
    """Who has to get the traffic back, when the Service is gone or names no revision that is known.

    The budget still names who served; then the status; then whoever is cleared and has most
    ready pods. On a first deploy none of them knows anybody, and the answer is None. So it is where the
    status knows that nobody has served: who was cleared and found the Service's name taken has lost nothing.
    """
    by_name = {r.name: r for r in observed.records if r.cleared and not r.deleting}
    witnesses = _witnesses(observed)
    if observed.traffic:
        named = observed.traffic.revision
        # A revision that is not cleared serves only if it lost its mark, and then the witnesses name it.
        known = named in {r.name for r in observed.records}
        if named in by_name or (known and (not witnesses or witnesses[0] == named)):
            return None
    for name in witnesses:
        if name in by_name:
            return by_name[name]
    if observed.traffic is None and not witnesses and _none_served(observed):
        return None
    ready = {r.name: sum(p.ready for p in pods_of(observed, r)) for r in by_name.values()}
    best = max(by_name.values(), key=lambda r: (ready[r.name], r.number), default=None)
    return best if best and ready[best.name] else None


def _witnesses(observed: Observed) -> list[str]:
    """Who served, by what else remembers it: the budget's selector, then the status."""
    names = [(observed.deployment.status.get("serving") or {}).get("revision")]
    if observed.budget:
        selector = observed.budget.body.get("spec", {}).get("selector") or {}
        names.insert(0, (selector.get("matchLabels") or {}).get(LABEL_REVISION))
    return [name for name in names if isinstance(name, str) and name]


def _none_served(observed: Observed) -> bool:
    """Whether the status, unless it was wiped, tells that no revision has had the traffic yet."""
    status = observed.deployment.status
    promoted = any("promotedTime" in entry for entry in status.get("history") or ())
    return bool(status.get("conditions")) and not promoted


def marks_after_flip(observed: Observed, now_roles: Roles, target: Record, now: datetime) -> Marks:
    """The Service's marks once `target` serves.

    The standby is the last revision that served *another* model identity, so that changing
    `resources` does not cost the way back to the version before; an earlier shape of the same
    identity stands by only when there is no such revision.
    """
    old, standby = now_roles.serving, now_roles.standby
    if standby is target:
        standby = None
    if old is not None and old is not target and old.cleared:
        same_model = old.identity.key == target.identity.key
        has_other = standby is not None and standby.identity.key != target.identity.key
        if not (same_model and has_other):
            standby = old
    kept = observed.traffic.released if observed.traffic else frozenset()
    dropped = {r.name for r in (old, now_roles.standby) if r is not None} - {
        target.name,
        standby.name if standby else "",
    }
    return Marks(
        since=now,
        standby=standby.name if standby else "",
        # A standby that is being shrunk stays named: its late write must fail whoever is switched to next.
        released=(kept | dropped) - {target.name},
    )
