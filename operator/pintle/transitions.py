"""What changes from one status to the next: who serves, and the reason of `Ready`.

A transition is told once, when the status that says it has been written. `status.history` is the account of
what served; this is the account of what happened on the way.
"""

from datetime import datetime
from typing import Any

from pintle import history
from pintle.conditions import REJECTIONS, Reason, Type
from pintle.declared import Declared
from pintle.domain import Identity, Notice, Observed, Transition

PROMOTED = "Promoted"
_QUIET = {
    Reason.STARTING,
    Reason.PROVING,
    Reason.CANARY,
    Reason.REPLACING,
    Reason.RESOLVING,
    Reason.SUSPENDED,
    Reason.AWAITING_PROMOTION,
    Reason.SCALED_TO_ZERO,
}

Status = dict[str, Any]


def notices(observed: Observed, declared: Declared, wanted: Status, now: datetime) -> tuple[Notice, ...]:
    """What a status says that the one before it did not."""
    before = dict(observed.deployment.status)
    found = (_promotion(observed, before, wanted, now), _change(observed, declared, before, wanted, now))
    return tuple(notice for notice in found if notice is not None)


def _promotion(observed: Observed, before: Status, wanted: Status, now: datetime) -> Notice | None:
    """Another revision has taken the traffic. The history has just been told of it."""
    old, new = before.get("serving") or {}, wanted.get("serving") or {}
    if not new or old.get("revision") == new["revision"]:
        return None
    told = (e for e in wanted.get("history") or () if e.get("revision") == new["revision"])
    entry: Status = next((e for e in told if "promotedTime" in e), {})
    seconds = entry.get("durationSeconds")
    took = f" after {seconds} s" if seconds is not None else ""
    transition = Transition(
        generation=observed.deployment.generation,
        revision=new["revision"],
        version=new["version"],
        run_id=entry.get("runId", ""),
        alias=entry.get("alias", ""),
        before=old.get("revision", ""),
        after=new["revision"],
        reason=PROMOTED,
        cause=entry.get("cause", ""),
        time=(observed.traffic.since if observed.traffic else None) or now,
    )
    text = f"version {new['version']} takes the traffic as {new['revision']}{took}"
    return Notice("Normal", PROMOTED, text, transition=transition)


def _change(
    observed: Observed, declared: Declared, before: Status, wanted: Status, now: datetime
) -> Notice | None:
    """`Ready` has another reason, or the same for another revision that is refused.

    It concerns what is on its way, else what is declared, else what serves.
    """
    was, is_now = _ready(before), _ready(wanted)
    serving = (wanted.get("serving") or {}).get("revision", "")
    coming = (wanted.get("candidate") or {}).get("revision", "")
    meant = (declared.record or declared.new) if not declared.problem else declared.record
    revision = coming or (meant.name if meant else "") or ("" if declared.identity else serving)
    refused = is_now.get("reason") in REJECTIONS and revision in _rejected(wanted) - _rejected(before)
    if was.get("reason") == is_now.get("reason") and not refused:
        return None
    identity = _identity(observed, revision) or declared.identity
    # What happens to what serves has causes of its own; what is rolled out was asked for.
    asked_for = identity is not None and revision != serving
    spec = observed.deployment.spec
    transition = Transition(
        generation=observed.deployment.generation,
        revision=revision,
        version=identity.version if identity else spec.version or "",
        run_id=identity.run_id if identity else "",
        alias=spec.followed or "",
        before=str(was.get("reason", "")),
        after=str(is_now.get("reason")),
        reason=str(is_now.get("reason")),
        cause=history.cause(observed, identity) if asked_for and identity else "",
        time=now,
    )
    bad = is_now.get("status") != "True" and is_now.get("reason") not in _QUIET
    message = str(is_now.get("message"))
    return Notice(
        "Warning" if bad else "Normal", transition.reason, message, transition=transition, refused=refused
    )


def _identity(observed: Observed, revision: str) -> Identity | None:
    return next((r.identity for r in observed.records if r.name == revision), None)


def _rejected(shown: Status) -> set[str]:
    return {str(entry.get("revision")) for entry in shown.get("rejected") or ()}


def _ready(shown: Status) -> dict[str, Any]:
    return next((dict(c) for c in shown.get("conditions") or () if c.get("type") == Type.READY), {})
