"""`status`, whole: built anew from what is observed in every pass, but for the history."""

from datetime import UTC, datetime
from typing import Any

from pintle import conditions, routing, sizes, summary
from pintle.declared import Declared, rejected_by_user
from pintle.domain import Observed, Record
from pintle.history import history
from pintle.naming import parse_time, revision_selector, timestamp
from pintle.policies import Finding
from pintle.roles import Roles, behind_service, pods_of
from pintle.switch import Step

# Members that only count, at the top and in these three: not worth a write of their own.
COUNTS = ("replicas", "replicasReady")
COUNTED = ("serving", "candidate", "standby")


# Reasons of a rollout that goes on, or ends, at a time that is known.
_COUNTING = frozenset({conditions.Reason.PROVING, conditions.Reason.DEGRADED, conditions.Reason.CANARY})


def build(
    observed: Observed, declared: Declared, current: Roles, step: Step, now: datetime
) -> dict[str, Any]:
    """The status that this observation deserves. Members without a value are left out."""
    deployment = observed.deployment
    before = deployment.status
    status = {
        "observedGeneration": deployment.generation,
        "wanted": _wanted(observed, declared),
        "serving": _serving(observed, current),
        "candidate": _candidate(observed, step, now),
        "standby": _standby(observed, current),
        "resolved": _resolved(observed, declared),
        "traffic": _traffic(observed, current),
        "rollout": _rollout(observed, step, now),
        "rejected": _rejected(observed, now),
        "history": history(observed, current, now),
        "replicas": len(pods_of(observed, current.serving)),
        "replicasReady": f"{behind_service(observed, current.serving)}/{sizes.size(observed)}",
        "selector": _selector(observed, current),
        "conditions": conditions.render(
            summary.conditions(observed, declared, current, step),
            before.get("conditions") or (),
            generation=deployment.generation,
            now=now,
        ),
    }
    present = {k: _present(v) for k, v in status.items()}
    return {k: v for k, v in present.items() if v not in (None, [], {}, "")}


def _present(member: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A member without what is None: the schema takes nothing that is null."""
    return {k: v for k, v in member.items() if v is not None} if isinstance(member, dict) else member


def _wanted(observed: Observed, declared: Declared) -> str:
    spec = observed.deployment.spec
    if spec.version:
        return f"{spec.version} (held)" if spec.alias else spec.version
    known = f"->{declared.identity.version}" if declared.identity else ""
    return f"{spec.alias}{known}"


def _serving(observed: Observed, current: Roles) -> dict[str, Any] | None:
    if current.serving is None or observed.traffic is None:
        return None
    return _named(current.serving) | {
        "since": timestamp(observed.traffic.since) if observed.traffic.since else None,
        "readyReplicas": behind_service(observed, current.serving),
    }


def _candidate(observed: Observed, step: Step, now: datetime) -> dict[str, Any] | None:
    if step.candidate is None or step.turning:
        return None
    return _named(step.candidate) | {
        "since": timestamp(started(observed, step.candidate.name, now)),
        "readyReplicas": sum(p.ready for p in pods_of(observed, step.candidate)),
    }


def _standby(observed: Observed, current: Roles) -> dict[str, Any] | None:
    if current.standby is None:
        return None
    ready = sum(p.ready for p in pods_of(observed, current.standby))
    until = f" until {current.expires.astimezone(UTC):%H:%M}" if current.expires else ""
    return _named(current.standby) | {
        "expiresAt": timestamp(current.expires) if current.expires else None,
        "readyReplicas": ready,
        "summary": f"{current.standby.version}{until}",
    }


def _named(record: Record) -> dict[str, Any]:
    return {"version": record.version, "revision": record.name}


def _resolved(observed: Observed, declared: Declared) -> dict[str, Any] | None:
    identity = declared.identity
    if identity is None:
        return None
    created = datetime.fromtimestamp(identity.created_time / 1000, UTC)
    digest = declared.record.content_digest if declared.record else ""
    spec = observed.deployment.spec
    return {
        "version": identity.version,
        "source": identity.source,
        "createdTime": timestamp(created),
        **({"runId": identity.run_id} if identity.run_id else {}),
        **({"digest": digest} if digest else {}),
        **({"alias": spec.alias} if spec.alias and not spec.version else {}),
    }


def _traffic(observed: Observed, current: Roles) -> list[dict[str, Any]]:
    """Who gets what: of all requests, or during a canary, of those that come through the route."""
    if current.serving is None:
        return []
    name, weight = routing.share(observed)
    candidate = next((r for r in observed.records if r.name == name), None)
    if candidate is None or candidate.name == current.serving.name:
        return [_named(current.serving) | {"percent": 100, "via": "Service"}]
    shares = ((current.serving, 100 - weight), (candidate, weight))
    return [_named(record) | {"percent": percent, "via": "HTTPRoute"} for record, percent in shares]


def _rollout(observed: Observed, step: Step, now: datetime) -> dict[str, Any] | None:
    """Where the rollout stands. It began when the edit was first seen, by this operator or one before it."""
    if step.candidate is None or step.turning or step.finding is None:
        return None
    name, weight = routing.share(observed)
    return {
        "step": step.finding.reason.value,
        **({"weight": weight} if name == step.candidate.name else {}),
        "startedTime": timestamp(started(observed, step.candidate.name, now)),
        **_deadline(step.finding),
    }


def _deadline(finding: Finding) -> dict[str, str]:
    counting = finding.reason in _COUNTING
    return {"deadlineTime": timestamp(finding.recheck)} if counting and finding.recheck else {}


def started(observed: Observed, revision: str, now: datetime) -> datetime:
    """When the rollout of a revision began."""
    before = observed.deployment.status
    if (before.get("candidate") or {}).get("revision") == revision:
        known = parse_time((before.get("rollout") or {}).get("startedTime"))
        if known:
            return known
    return observed.edited or now


def _rejected(observed: Observed, now: datetime) -> list[dict[str, Any]]:
    """Revisions that may not take traffic, newest first."""
    known = {r.get("revision"): r for r in observed.deployment.status.get("rejected") or ()}
    found = []
    for record in observed.records:
        by_user = rejected_by_user(observed, record.name, record.version)
        if by_user:
            reason, message = by_user.reason.value, by_user.message
            before = known.get(record.name, {})  # by its reason: it may have failed before it was rejected
            time = (parse_time(before.get("time")) if before.get("reason") == reason else None) or now
        elif record.rejected:
            reason, message, time = record.rejected.reason, record.rejected.message, record.rejected.time
        else:
            continue
        entry = {"reason": reason, "message": conditions.shorten(message), "time": timestamp(time)}
        found.append(_named(record) | entry)
    return found[:10]


def _selector(observed: Observed, current: Roles) -> str | None:
    """The serving pods alone, as an HPA counts what this selects."""
    if current.serving is None:
        return None
    selector = revision_selector(observed.deployment.name, current.serving.name)
    return ",".join(f"{k}={v}" for k, v in selector.items())


def without_counts(status: dict[str, Any]) -> dict[str, Any]:
    """A status but for what differs only in counts, to compare two of them."""
    shown = {k: v for k, v in status.items() if k not in COUNTS}
    for member in COUNTED:
        if isinstance(shown.get(member), dict):
            shown[member] = {k: v for k, v in shown[member].items() if k != "readyReplicas"}
    if isinstance(shown.get("rollout"), dict):
        # It goes when the last pod is ready, a moment before the flip.
        shown["rollout"] = {k: v for k, v in shown["rollout"].items() if k != "deadlineTime"}
    shown["conditions"] = [
        {k: v for k, v in c.items() if k != "message"} for c in shown.get("conditions") or ()
    ]
    return shown
