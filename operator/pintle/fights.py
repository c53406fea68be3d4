"""Fields that others keep changing back: who they are, and what an administrator is told.

Design section 4, Drift: what was put back three times in ten minutes is left alone for an hour, as two
controllers that correct each other never stop, and each of their writes wakes every watcher of the cluster.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pintle.domain import Field, Json, Notice
from pintle.naming import MANAGER

# A field put back this often within the window is left alone for the pause.
REPAIRS, WINDOW, PAUSE = 3, timedelta(minutes=10), timedelta(hours=1)
NOBODY = "somebody whom managedFields do not name"


def conflict(contested: Field, live: Json | None) -> Notice:
    """The Event for a field that is given up; `live` is the object as it is now, with its managedFields."""
    who = _manager(live, contested.path) if live else NOBODY
    text = (
        f"{contested.path} of {contested.kind} {contested.name} was put back {REPAIRS} times within"
        f" {WINDOW.seconds // 60} minutes, and is changed again by {who}; it is left as it is for"
        f" {PAUSE.seconds // 3600} h: stop what changes it, or take this object out of its reach"
    )
    return Notice("Warning", "RepairConflict", text)


def accepted(name: str) -> Notice:
    """The Event for a template that the API server, or a webhook of its, stores in another form."""
    text = (
        f"the template of Deployment {name} was put back, and the API server or a mutating webhook stored it"
        " in another form: what it is now is taken for what it should be"
    )
    return Notice("Warning", "TemplateMutated", text)


def _manager(live: Json, path: str) -> str:
    """The field manager that wrote a field last, but for ourselves.

    A field may have several: each applier of the same value is one (Server-Side Apply, `managedFields`).
    """
    entries = [
        entry
        for entry in live["metadata"].get("managedFields") or ()
        if entry.get("manager") != MANAGER and _covers(entry.get("fieldsV1") or {}, path.split("."))
    ]
    latest = max(entries, key=lambda entry: str(entry.get("time", "")), default=None)
    return f"field manager {latest['manager']}" if latest else NOBODY


def _covers(fields: Mapping[str, Any], path: list[str]) -> bool:
    for part in path:
        if f"f:{part}" not in fields:
            return False
        fields = fields[f"f:{part}"]
    return True
