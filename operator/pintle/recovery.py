"""What somebody deleted, made again (design section 4, "By hand deleted").

Records are made again from the last copy seen; after a restart there is none, and they are made from what
runs. A Deployment carries its record's data but for the template, which it runs. What it does not carry is
the mark: a revision is cleared again when all of its pods are ready with one content digest.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import orjson

from pintle import views
from pintle.desired import record
from pintle.desired.workload import CASES_FILE
from pintle.domain import Action, Create, Observed, Workload
from pintle.domain.resources import AUTOSCALERS, BUDGETS, CONTROLLER_REVISIONS, HTTP_ROUTES, SERVICES
from pintle.naming import ANNOTATION_IDENTITY, text_digest

# A Service and its budget are made by the passes that clear a revision and switch to it: not later.
_AT_FIRST = timedelta(seconds=5)


def makes_again(observed: Observed, actions: Iterable[Action], now: datetime) -> bool:
    """Whether something is to be made that was there before.

    It was deleted: by somebody, or by garbage collection because the object itself is gone. As each kind has
    a watch of its own, that may be heard of later; what is made then is in the way of the name's next owner.
    """
    return any(isinstance(action, Create) and _was_there(observed, action, now) for action in actions)


def _was_there(observed: Observed, create: Create, now: datetime) -> bool:
    known = {record.name for record in observed.records}
    if create.resource == CONTROLLER_REVISIONS:
        return create.name in observed.workloads
    if create.resource in (HTTP_ROUTES, AUTOSCALERS):
        return True
    if create.resource == SERVICES and create.name == observed.deployment.name:
        cleared = [record.cleared.time for record in observed.records if record.cleared]
        return any(now > time + _AT_FIRST for time in cleared)
    if create.resource == BUDGETS:
        since = observed.traffic.since if observed.traffic else None
        return since is None or now > since + _AT_FIRST
    return create.name in known


def missing_records(observed: Observed) -> tuple[Create, ...]:
    """The records to make again: one for each Deployment of ours that has none."""
    known = {r.name for r in observed.records}
    lost = (w for w in observed.workloads.values() if w.revision not in known and not w.deleting)
    made = (_again(observed, workload) for workload in lost)
    return tuple(create for create in made if create is not None)


def _again(observed: Observed, workload: Workload) -> Create | None:
    """The record of one Deployment; None where its annotation was edited beyond reading."""
    if last_copy := observed.last_copies.get(workload.revision):
        return record.restore(last_copy)
    try:
        data = orjson.loads(views.annotation(workload.body, ANNOTATION_IDENTITY) or "null")
    except orjson.JSONDecodeError:
        return None
    if not isinstance(data, dict):
        return None
    number = data.pop("number", 0)
    data["template"] = workload.body["spec"]["template"]
    _give_back_ca(observed, data)
    _give_back_cases(observed, workload.revision, data)
    create = record.create_again(observed.deployment, workload.revision, number, data)
    return create if views.record(create.body) is not None else None


def _give_back_ca(observed: Observed, data: dict[str, Any]) -> None:
    """The index's CA is too long for an annotation: it is that of the same index today."""
    runtime = data.get("runtime")
    if not isinstance(runtime, dict) or not isinstance(index := runtime.get("index"), dict):
        return
    for today in observed.runtimes:
        same = today.name == runtime.get("name") and today.spec.index.url == index.get("url")
        if same and today.spec.index.ca_bundle:
            index["caBundle"] = today.spec.index.ca_bundle


def _give_back_cases(observed: Observed, revision: str, data: dict[str, Any]) -> None:
    """Golden cases are as long: they are what the pods' ConfigMap holds, if it still is what was recorded.

    Else they are lost, and later pods of the revision prove themselves without.
    """
    file = data.get("revisionFile")
    if not isinstance(file, dict) or "casesDigest" not in file:
        return
    copy = observed.copies.get(revision)
    text = ((copy.body.get("data") or {}) if copy else {}).get(CASES_FILE, "")
    if text_digest(text) == file["casesDigest"]:
        data["cases"] = text
    else:
        del file["casesDigest"]
