"""Which tags the versions of a registry should have, which they have been given, and what follows. Pure.

A ModelDeployment has one tag on each version that concerns it, `pintle.<cluster>.<namespace>.<name>`, and no
other tag is ever touched. What has been written is on record in the cluster, in a ledger, so that it is not
written again, and is found where the object is gone.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from pintle.domain import Identity, Json
from pintle.naming import canonical

LEDGER_KEY = "tags.json"
# Names that the schema lets a ModelDeployment have; anybody may have written to the ledger.
_NAME = re.compile(r"[a-z][-a-z0-9]{0,39}")
_VERSION = re.compile(r"[1-9][0-9]{0,9}")


class Tag(NamedTuple):
    """The tag of one ModelDeployment on one version."""

    model: str
    version: str
    deployment: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tag's value, and the version that it is meant for: the registry may have another of that number."""

    value: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class Noted:
    """A tag in the ledger: the value that was to be written, and whether it was."""

    value: str
    written: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A tag to set, or to take away where nothing is wanted."""

    tag: Tag
    wanted: Wanted | None


Ledger = dict[Tag, Noted]


def key(cluster: str, namespace: str, deployment: str) -> str:
    """The tag's key in the registry. None of the three has a dot in it."""
    return f"pintle.{cluster}.{namespace}.{deployment}"


def wanted(
    registry: str, deployments: Iterable[Json], identities: Mapping[str, Identity]
) -> dict[Tag, Wanted]:
    """What the statuses of ModelDeployments say of versions of a registry; `identities` by revision."""
    found: dict[Tag, Wanted] = {}
    for body in deployments:
        name = body["metadata"]["name"]
        for revision, value in _said(body.get("status") or {}):
            identity = identities.get(revision)
            if identity and identity.registry == registry:
                found[Tag(identity.model, identity.version, name)] = Wanted(value, identity)
    return found


def revisions(body: Json) -> list[str]:
    """The revisions that a ModelDeployment's status says something of."""
    return [revision for revision, _ in _said(body.get("status") or {})]


def _said(status: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Revision and value, what weighs most last: a version may be refused in one shape and serve in one."""
    for entry in reversed(status.get("rejected") or ()):
        yield str(entry.get("revision")), f"rejected: {entry.get('reason')}"
    if standby := status.get("standby"):
        yield str(standby.get("revision")), "standby"
    if serving := status.get("serving"):
        since = f" since {serving['since']}" if serving.get("since") else ""
        yield str(serving.get("revision")), f"serving{since}"


def changes(ledger: Ledger, meant: Mapping[Tag, Wanted]) -> tuple[Change, ...]:
    """What has to be written so that the registry has what is meant."""
    lacking = (Change(t, w) for t, w in meant.items() if ledger.get(t) != Noted(w.value, written=True))
    spare = (Change(t, None) for t in ledger if t not in meant)
    return (*spare, *lacking)


def intend(ledger: Ledger, planned: Iterable[Change]) -> Ledger:
    """The ledger before changes are made: what may be in the registry soon is on record before it is."""
    meant = {c.tag: Noted(c.wanted.value, written=False) for c in planned if c.wanted}
    return ledger | meant


def settle(ledger: Ledger, done: Iterable[Change]) -> Ledger:
    """The ledger after changes were made."""
    settled = dict(ledger)
    for change in done:
        if change.wanted is None:
            settled.pop(change.tag, None)
        elif settled.get(change.tag) == Noted(change.wanted.value, written=False):
            settled[change.tag] = Noted(change.wanted.value, written=True)
    return settled


def read(config: Json | None) -> Ledger:
    """A ledger from its ConfigMap. What is no entry of ours is not there."""
    try:
        entries = orjson.loads(((config or {}).get("data") or {}).get(LEDGER_KEY) or "[]")
    except orjson.JSONDecodeError:
        return {}
    found: Ledger = {}
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        tag = Tag(*(str(entry.get(name)) for name in ("model", "version", "deployment")))
        if _NAME.fullmatch(tag.deployment) and _VERSION.fullmatch(tag.version):
            found[tag] = Noted(str(entry.get("value")), entry.get("written") is True)
    return found


def write(ledger: Ledger) -> str:
    """A ledger as its ConfigMap holds it."""
    entries = [{**tag._asdict(), "value": n.value, "written": n.written} for tag, n in sorted(ledger.items())]
    return canonical(entries).decode()
