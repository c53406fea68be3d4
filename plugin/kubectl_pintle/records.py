"""ControllerRevisions -> the records of a ModelDeployment's revisions."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kubectl_pintle.names import ANNOTATION_CLEARED, ANNOTATION_REJECTED, Json, parse_time, short_hash


@dataclass(frozen=True, slots=True)
class Record:
    """One revision as it is on record. `cleared` and `rejected` are its marks, empty where it has none."""

    name: str
    number: int
    version: str
    model: str
    registry: str
    run_id: str
    created: datetime | None
    cleared: Json
    rejected: Json
    data: Json = field(repr=False)

    @property
    def hash(self) -> str:
        """The hash that commands call it by."""
        return short_hash(self.name)


class NoSuchRevision(LookupError):
    """A revision that was asked for is not on record; the message says which are."""


def parse(bodies: Iterable[Json], *, of: str) -> tuple[Record, ...]:
    """Read all records of a ModelDeployment, by its uid, newest first; what no Pintle wrote is left out.

    Those of a former one of the same name are there until they are collected.
    """
    found = [record for body in bodies if _is_owned(body, of) and (record := _record(body))]
    return tuple(sorted(found, key=lambda r: r.number, reverse=True))


def _is_owned(body: Json, uid: str) -> bool:
    return any(owner.get("uid") == uid for owner in body["metadata"].get("ownerReferences") or ())


def _record(body: Json) -> Record | None:
    metadata, data = body["metadata"], body.get("data") or {}
    identity = data.get("identity")
    if not isinstance(identity, dict) or metadata.get("deletionTimestamp"):
        return None
    annotations = metadata.get("annotations") or {}
    return Record(
        name=metadata["name"],
        number=int(body.get("revision", 0)),
        version=str(identity.get("version", "")),
        model=identity.get("model", ""),
        registry=identity.get("registry", ""),
        run_id=identity.get("runId", ""),
        created=parse_time(metadata.get("creationTimestamp")),
        cleared=_mark(annotations.get(ANNOTATION_CLEARED)),
        rejected=_mark(annotations.get(ANNOTATION_REJECTED)),
        data=data,
    )


def _mark(text: Any) -> Json:  # noqa: ANN401 - an annotation, or None
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def find(records: Iterable[Record], wanted: str) -> Record:
    """The record that a person means by a name, a hash, or a version (its newest record).

    Raises:
        NoSuchRevision: there is none.
    """
    kept = tuple(records)
    version = wanted.removeprefix("version/").removeprefix("v")
    for record in kept:
        if wanted in {record.name, record.hash}:
            return record
    for record in kept:
        if record.version == version:
            return record
    known = ", ".join(f"{r.version} ({r.hash})" for r in kept) or "none"
    raise NoSuchRevision(f"no revision {wanted} is on record; there is: {known}")


def by_name(records: Iterable[Record], name: str) -> Record | None:
    """The record of exactly this name."""
    return next((r for r in records if r.name == name), None)
