"""What of an object matters to tools: two objects of one shape are in one state."""

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def shape(body: Json) -> dict[str, Any]:
    """The state without times, names of revisions and pods, counts, and the wording of messages."""
    status, generation = body.get("status", {}), body["metadata"]["generation"]
    observed = status.get("observedGeneration")
    seen = "never" if observed == -1 else "now" if observed == generation else "before"
    if "deletionTimestamp" in body["metadata"]:
        seen = "terminating"  # the API server counts the deletion as a generation, and nobody looks any more
    return {
        "seen": seen,
        "conditions": {
            c["type"]: (c["status"], c["reason"], c["observedGeneration"] == observed)
            for c in status.get("conditions", ())
        },
        "members": sorted(status),
        "versions": {
            role: status[role]["version"] for role in ("serving", "candidate", "standby") if role in status
        },
        "traffic": [(t["version"], t["percent"], t["via"]) for t in status.get("traffic", ())],
        "rejected": [(r["version"], r["reason"]) for r in status.get("rejected", ())],
        "history": [(h["version"], h["outcome"]) for h in status.get("history", ())],
    }


def differences(wanted: Json, found: Json) -> dict[str, tuple[Any, Any]]:
    """What differs in the shapes of two objects: as wanted, as found."""
    one, other = shape(wanted), shape(found)
    return {key: (one[key], other[key]) for key in one if one[key] != other[key]}
