"""Objects as the API server gives them -> the frozen values that decisions are made from.

Pure, and forgiving: people and other tools can edit labels, annotations and status of what is
read here. What cannot be read is as if it were not there, and never an error.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson

from pintle.conditions import REJECTIONS
from pintle.domain import (
    Child,
    Cleared,
    Failure,
    Identity,
    Named,
    Record,
    Rejected,
    RuntimeChoice,
    Workload,
)
from pintle.naming import (
    ANNOTATION_ALIAS,
    ANNOTATION_CLEARED,
    ANNOTATION_FAILED,
    ANNOTATION_RECLAIMED,
    ANNOTATION_REJECTED,
    MANAGER,
    parse_time,
    template_digest,
)

Json = Mapping[str, Any]
T = TypeVar("T")


def owner_uid(body: Json) -> str:
    """The uid of the controller that owns an object, or ""."""
    for reference in body["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return str(reference.get("uid", ""))
    return ""


def annotation(body: Json, name: str) -> str:
    """One annotation, or ""."""
    return str((body["metadata"].get("annotations") or {}).get(name, ""))


def json_annotation(body: Json, name: str) -> Json | None:
    """An annotation that holds a JSON object."""
    try:
        value = orjson.loads(annotation(body, name) or "null")
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def deleting(body: Json) -> bool:
    """Whether an object is on its way out."""
    return bool(body["metadata"].get("deletionTimestamp"))


def manager(body: Json, path: str) -> str:
    """The field manager that wrote a field last, but for ourselves; "" where managedFields name none.

    A field may have several: each applier of the same value is one (Server-Side Apply, `managedFields`).
    """
    entries = [
        entry
        for entry in body["metadata"].get("managedFields") or ()
        if entry.get("manager") != MANAGER and _covers(entry.get("fieldsV1") or {}, path.split("."))
    ]
    latest = max(entries, key=lambda entry: str(entry.get("time", "")), default=None)
    return str(latest["manager"]) if latest else ""


def _covers(fields: Mapping[str, Any], path: list[str]) -> bool:
    for part in path:
        if f"f:{part}" not in fields:
            return False
        fields = fields[f"f:{part}"]
    return True


def record(body: Json) -> Record | None:
    """A ControllerRevision of ours; None where its data is none that a Pintle wrote."""
    metadata = body["metadata"]
    data = body.get("data") or {}
    try:
        identity = data["identity"]
        runtime = data["runtime"]
        return Record(
            name=metadata["name"],
            uid=metadata.get("uid", ""),
            resource_version=metadata.get("resourceVersion", ""),
            number=int(body.get("revision", 0)),
            identity=Identity(
                registry=identity["registry"],
                model=identity["model"],
                version=identity["version"],
                source=identity["source"],
                created_time=identity["createdTime"],
                run_id=identity.get("runId", ""),
                artifact_uri=identity.get("artifactUri", ""),
            ),
            shape=data["shape"],
            template=data["template"],
            runtime=RuntimeChoice(
                runtime["name"], runtime["image"], runtime.get("resources", {}), runtime.get("index", {})
            ),
            secret_name=data.get("secretName", ""),
            expected_digest=data.get("expectedDigest", ""),
            revision_file=data["revisionFile"],
            data=data,
            cases=str(data.get("cases", "")),
            cleared=_cleared(body),
            rejected=_rejected(body),
            named=_named(body),
            deleting=deleting(body),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _cleared(body: Json) -> Cleared | None:
    mark = json_annotation(body, ANNOTATION_CLEARED)
    time = parse_time(mark.get("time")) if mark else None
    if mark is None or time is None or mark.get("proof") not in {"passed", "none", "skipped"}:
        return None
    return Cleared(
        content_digest=str(mark.get("contentDigest", "")),
        environment_digest=str(mark.get("environmentDigest", "")),
        proof=mark["proof"],
        template_hash=str(mark.get("templateHash", "")),
        time=time,
    )


def _rejected(body: Json) -> Rejected | None:
    mark = json_annotation(body, ANNOTATION_REJECTED)
    time = parse_time(mark.get("time")) if mark else None
    # The reason becomes a condition's: one that is none of ours was written by somebody else.
    if mark is None or time is None or mark.get("reason") not in REJECTIONS:
        return None
    return Rejected(str(mark["reason"]), str(mark.get("message", "")), time)


def _named(body: Json) -> Named | None:
    mark = json_annotation(body, ANNOTATION_ALIAS)
    time = parse_time(mark.get("time")) if mark else None
    return Named(str(mark.get("name", "")), time) if mark and time else None


def workload(body: Json) -> Workload:
    """A Deployment of ours."""
    metadata, spec, status = body["metadata"], body.get("spec", {}), body.get("status", {})
    refused = next(
        (
            c.get("message", "")
            for c in status.get("conditions") or ()
            if c.get("type") == "ReplicaFailure" and c.get("status") == "True"
        ),
        "",
    )
    return Workload(
        revision=metadata["name"],
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        replicas=int(spec.get("replicas", 1)),
        ready=int(status.get("readyReplicas") or 0),
        template_hash=template_digest(spec.get("template")),
        reclaimed=parse_time(annotation(body, ANNOTATION_RECLAIMED)),
        refused=refused,
        quota="exceeded quota" in refused,
        body=body,
        deleting=deleting(body),
        created=parse_time(metadata.get("creationTimestamp")),
    )


def failed(body: Json) -> Failure | None:
    """Which revision traffic was taken from, at its Service or its HTTPRoute, for what it did with it."""
    mark = json_annotation(body, ANNOTATION_FAILED) or {}
    revision, message = mark.get("revision"), mark.get("message")
    if isinstance(revision, str) and isinstance(message, str) and revision:
        return Failure(revision, message)
    return None


def child(body: Json) -> Child:
    """A child that is only compared with what it should be."""
    return Child(
        name=body["metadata"]["name"],
        uid=body["metadata"].get("uid", ""),
        resource_version=body["metadata"].get("resourceVersion", ""),
        body=body,
        deleting=deleting(body),
    )
