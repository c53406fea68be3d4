"""Fields that others keep changing back: who they are, and what an administrator is told.

Design section 4, Drift: what was put back three times in ten minutes is left alone for an hour, as two
controllers that correct each other never stop, and each of their writes wakes every watcher of the cluster.
"""

from datetime import timedelta

from pintle import views
from pintle.domain import Field, Json, Notice

# A field put back this often within the window is left alone for the pause.
REPAIRS, WINDOW, PAUSE = 3, timedelta(minutes=10), timedelta(hours=1)
NOBODY = "somebody whom managedFields do not name"


def conflict(contested: Field, live: Json | None) -> Notice:
    """The Event for a field that is given up; `live` is the object as it is now, with its managedFields."""
    manager = views.manager(live, contested.path) if live else ""
    who = f"field manager {manager}" if manager else NOBODY
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
