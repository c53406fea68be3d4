"""A Lease as client-go's leader election uses it: who may take it, and what is written then. Pure.

The times in a Lease are those of whoever wrote them, and clocks differ. So a candidate goes by its own:
a Lease that has not changed for its duration, as this process saw it, is not held any more.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pintle.domain import Json
from pintle.naming import micro_timestamp


@dataclass(frozen=True, slots=True)
class Terms:
    """How long things take, in seconds (client-go's proportions: 15, 10 and 2).

    `duration` is for how long a Lease holds without being renewed; `deadline` is after how long without
    success its holder stops, which must be sooner; `retry` is the pause between attempts.
    """

    duration: float = 15
    deadline: float = 10
    retry: float = 2

    @classmethod
    def of(cls, duration: float) -> "Terms":
        """Client-go's proportions for a Lease of another duration."""
        return cls(duration, deadline=duration * 2 / 3, retry=duration * 2 / 15)


@dataclass(frozen=True, slots=True)
class Seen:
    """A Lease, and since when (by this process's monotonic clock) it has been as it is."""

    resource_version: str
    uid: str
    holder: str
    duration: float
    transitions: int
    since: float


def see(body: Json, before: Seen | None, now: float) -> Seen:
    """Take in a Lease as it is now."""
    metadata, spec = body["metadata"], body.get("spec") or {}
    same = before is not None and before.resource_version == metadata["resourceVersion"]
    return Seen(
        resource_version=metadata["resourceVersion"],
        uid=metadata["uid"],
        holder=spec.get("holderIdentity") or "",
        duration=float(spec.get("leaseDurationSeconds") or 0),
        transitions=int(spec.get("leaseTransitions") or 0),
        since=before.since if same and before else now,
    )


def may_take(seen: Seen, me: str, now: float) -> bool:
    """Whether a Lease is ours, or nobody's, or has run out."""
    return seen.holder in ("", me) or now >= seen.since + seen.duration


def new(name: str, me: str, terms: Terms, now: datetime) -> dict[str, Any]:
    """A Lease where there is none."""
    times = {"acquireTime": micro_timestamp(now), "renewTime": micro_timestamp(now)}
    return {"metadata": {"name": name}, "spec": _spec(me, terms) | times | {"leaseTransitions": 0}}


def hold(seen: Seen, me: str, terms: Terms, now: datetime) -> dict[str, Any]:
    """The patch that takes a Lease, or renews it; refused if it has changed since it was seen."""
    spec = _spec(me, terms) | {"renewTime": micro_timestamp(now)}
    if seen.holder != me:
        spec |= {"acquireTime": micro_timestamp(now), "leaseTransitions": seen.transitions + 1}
    return {"metadata": _as_seen(seen), "spec": spec}


def release(seen: Seen) -> dict[str, Any]:
    """The patch that gives a Lease up, so that nobody has to wait for its end."""
    return {"metadata": _as_seen(seen), "spec": {"holderIdentity": "", "leaseDurationSeconds": 1}}


def _spec(me: str, terms: Terms) -> dict[str, Any]:
    return {"holderIdentity": me, "leaseDurationSeconds": max(1, round(terms.duration))}


def _as_seen(seen: Seen) -> dict[str, str]:
    return {"uid": seen.uid, "resourceVersion": seen.resource_version}
