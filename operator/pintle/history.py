"""`status.history`: what was rolled out, how long it took, and how it ended. Newest first, at most ten.

The only part of `status` that is remembered rather than derived: wiping it loses history and
nothing else (P7).
"""

from datetime import datetime
from typing import Any

from pintle import following
from pintle.conditions import Reason, shorten
from pintle.declared import rejected_by_user
from pintle.domain import Identity, Observed, Record, Rejected
from pintle.naming import ANNOTATION_CHANGE_CAUSE, ANNOTATION_REJECT, parse_time, timestamp
from pintle.roles import Roles

LENGTH = 10
SERVING = "Serving"
REPLACED = "Replaced"


def history(observed: Observed, current: Roles, now: datetime) -> list[dict[str, Any]]:
    """The history as it was, with what has happened since."""
    entries = [dict(entry) for entry in observed.deployment.status.get("history") or ()]
    for record in reversed(observed.records):
        if record.rejected and not _tells_of_rejection(entries, record, record.rejected.time):
            entries = [_rejection(observed, record, record.rejected), *entries]
    since = observed.traffic.since if observed.traffic else None
    if current.serving and since and not _tells_of_promotion(entries, current.serving, timestamp(since)):
        entries = [_promotion(observed, current.serving, since, now), *_replaced(entries)]
    return entries[:LENGTH]


def _tells_of_promotion(entries: list[dict[str, Any]], record: Record, time: str) -> bool:
    """Times are whole seconds: what had the traffic in this one may have lost it, and have it again.

    Only then is it the newest entry alone that tells. Any other may be of later than the Service as it was
    read, or by another clock, and what it tells of is not told again.
    """
    newest = next((e for e in entries if "promotedTime" in e), None)
    if newest and newest["promotedTime"] == time:
        return bool(newest.get("revision") == record.name)
    return any(e.get("revision") == record.name and e.get("promotedTime") == time for e in entries)


def _tells_of_rejection(entries: list[dict[str, Any]], record: Record, time: datetime) -> bool:
    """A record is rejected once. What began after that pushed the entry out if it is not there any more."""
    for entry in entries:
        if entry.get("revision") == record.name and "promotedTime" not in entry:
            return True
        began = parse_time(entry.get("startedTime"))
        if began and began > time:
            return True
    return False


def _replaced(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [e | {"outcome": REPLACED} if e.get("outcome") == SERVING else e for e in entries]


def _promotion(observed: Observed, record: Record, since: datetime, now: datetime) -> dict[str, Any]:
    """A revision has taken the traffic.

    What it took is counted until its endpoints were seen, if this process saw the edit; one that
    started later only knows when the Service was switched. Where the traffic has moved for the edit
    before, this move is nobody's, and began with the switch.
    """
    saw_it_begin = observed.edited is not None and observed.edited <= since
    asked = since if observed.answered else observed.edited
    entry = _entry(observed, record, (observed.arrived or now) if saw_it_begin else since, asked)
    return entry | {"promotedTime": timestamp(since), "outcome": SERVING}


def _rejection(observed: Observed, record: Record, rejected: Rejected) -> dict[str, Any]:
    return _entry(observed, record, rejected.time, observed.edited) | {"outcome": rejected.reason}


def _entry(observed: Observed, record: Record, ended: datetime, asked: datetime | None) -> dict[str, Any]:
    before = observed.deployment.status
    began = None
    if (before.get("candidate") or {}).get("revision") == record.name:
        began = parse_time((before.get("rollout") or {}).get("startedTime"))
        if began and observed.edited and timestamp(began) == timestamp(observed.edited):
            began = observed.edited  # the same moment, which the status has in whole seconds
    began = min(began or asked or ended, ended)
    return {
        "version": record.version,
        "revision": record.name,
        "source": record.identity.source,
        **({"runId": record.identity.run_id} if record.identity.run_id else {}),
        **({"alias": observed.deployment.spec.followed} if _by_alias(observed, record.identity) else {}),
        "startedTime": timestamp(began),
        "durationSeconds": round((ended - began).total_seconds(), 3),
        "cause": cause(observed, record.identity),
    }


def cause(observed: Observed, identity: Identity) -> str:
    """Who or what began a rollout: the user's own words where there are any about it."""
    annotations = observed.deployment.annotations
    if (words := shorten(annotations.get(ANNOTATION_CHANGE_CAUSE, ""))) and not _told(
        observed, identity, words
    ):
        return words
    spec = observed.deployment.spec
    if _by_alias(observed, identity):
        return f"alias {spec.followed} names version {identity.version}"
    if spec.version == identity.version:
        return f"version {spec.version} was declared"
    if failed := _taken_back(observed):
        return failed
    if any(rejected_by_user(observed, r.name, r.version) for r in observed.records):
        return shorten(f"{ANNOTATION_REJECT}: {annotations[ANNOTATION_REJECT]}")
    return "restored"


def _taken_back(observed: Observed) -> str:
    """Why the traffic was taken from what had it last, if that failed with it: it is rejected after that."""
    since = observed.traffic.since if observed.traffic else None
    for rejected in (r.rejected for r in observed.records):
        failed = rejected is not None and rejected.reason == Reason.ANALYSIS_FAILED
        if rejected and failed and since and rejected.time >= since:
            return shorten(rejected.message)
    return ""


def _told(observed: Observed, identity: Identity, words: str) -> bool:
    """Whether these words were about another version: they stand there until somebody writes others.

    A move of an alias, a command, and an edit without words must not be told in those of the edit before.
    """
    entries = observed.deployment.status.get("history") or ()
    return any(e.get("cause") == words and e.get("version") != identity.version for e in entries)


def _by_alias(observed: Observed, identity: Identity) -> bool:
    named = following.named(observed)
    return named is not None and named.key == identity.key
