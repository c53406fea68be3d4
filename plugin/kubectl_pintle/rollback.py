"""`rollback`: to which version, and the edit of `spec` that says so."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kubectl_pintle.deployment import Member, ModelDeployment
from kubectl_pintle.names import ANNOTATION_REJECT, Json
from kubectl_pintle.ownership import Owner
from kubectl_pintle.records import Record, by_name

_VERSION = re.compile(r"[1-9][0-9]{0,9}")


class Refused(Exception):
    """There is nothing sensible to write; the message says why and what to do instead."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to go back to. `why` says how this version was chosen and what it takes to get there."""

    version: str
    why: str
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """Fields of `spec`, as they are and as they are to be; None where one is not there."""

    before: dict[str, Any]
    after: dict[str, Any]


def choose(deployment: ModelDeployment, records: Sequence[Record], wanted: str | None) -> Target:
    """The version that was asked for; else what serves, if something else is declared; else the standby.

    A newer version than the one that serves, or that is on its way, has to be asked for: the same command,
    typed again because nobody is sure that it worked, must not undo itself.

    Raises:
        Refused: there is no such way back, or going there is held off.
    """
    target = _asked(deployment, records, wanted) if wanted else _back(deployment, records)
    if deployment.suspended:
        raise Refused("spec.suspend holds back every change of what serves: set it to false first")
    hashes = {target.record.name, target.record.hash} if target.record else set()
    if deployment.rejecting and deployment.rejecting in {f"version/{target.version}", *hashes}:
        raise Refused(
            f"version {target.version} is rejected by the annotation {ANNOTATION_REJECT}: "
            f"{deployment.rejecting}; lift that first: kubectl pintle reject {_at(deployment)} --clear"
        )
    return target


def _asked(deployment: ModelDeployment, records: Sequence[Record], wanted: str) -> Target:
    version = wanted.removeprefix("version/").removeprefix("v")
    if not _VERSION.fullmatch(version):
        raise Refused(f"--to takes a version, such as 3, and not {wanted}")
    for member in (deployment.serving, deployment.standby):
        record = by_name(records, member.revision) if member else None
        if member and member.version == version and (record is None or _same_model(deployment, record)):
            return Target(version, _why(deployment, member), record)
    same = [r for r in records if r.version == version and _same_model(deployment, r)]
    if kept := next((r for r in same if r.cleared), None):
        return Target(version, "it is on record, and its pods start first", kept)
    return Target(version, "it has not proven itself here: the registry is asked, and its pods start first")


def _back(deployment: ModelDeployment, records: Sequence[Record]) -> Target:
    serving, standby = deployment.serving, deployment.standby
    if serving and deployment.declared and serving.version != deployment.declared:
        if _goes_back(deployment, serving, records):
            stay = f"to stay with version {serving.version}: --to {serving.version}"
            return Target(deployment.declared, f"it is on its way; {stay}")
        return _to(deployment, serving, records)
    if serving and deployment.candidate and deployment.candidate.version == serving.version:
        raise Refused(
            f"version {serving.version} serves, and the same version in another shape is on its way: undo "
            f"that edit of spec (kubectl pintle diff {_at(deployment)} shows it), or say --to VERSION"
        )
    if standby and (serving is None or standby.version != serving.version):
        target = _to(deployment, standby, records)
        if not _is_back(deployment, target.version, target.record):
            raise Refused(
                f"version {serving.version if serving else ''} serves, and version {standby.version}, which "
                f"stands by, is newer: to go forward to it, say --to {standby.version}"
            )
        return target
    if standby:
        raise Refused(
            f"what stands by is version {standby.version} too, in another shape ({standby.hash}): undo that "
            f"edit of spec (kubectl pintle diff {_at(deployment)} shows it), or say --to VERSION"
        )
    return _cold(deployment, records)


def _cold(deployment: ModelDeployment, records: Iterable[Record]) -> Target:
    """No pods are left to go back to: what served last, else the newest that has proven itself."""
    fit = (r for r in records if r.cleared and not r.rejected and r.version != deployment.declared)
    proven = {r.name: r for r in fit if _is_back(deployment, r.version, r)}
    served = [e.revision for e in deployment.history if e.promoted and e.revision in proven]
    if not proven:
        raise Refused("there is no older version on record that has proven itself; say --to VERSION")
    record = proven[served[0]] if served else next(iter(proven.values()))
    return Target(record.version, "nothing stands by any more: its pods start first", record)


def _is_back(deployment: ModelDeployment, version: str, record: Record | None) -> bool:
    """Whether a version is older than the one that serves; numbers of another model are not compared."""
    serving = deployment.serving
    if serving is None or (record and not _same_model(deployment, record)):
        return True
    return not (version.isdigit() and serving.version.isdigit()) or int(version) < int(serving.version)


def _goes_back(deployment: ModelDeployment, serving: Member, records: Iterable[Record]) -> bool:
    """Whether what is declared is older than what serves, and may come yet: this command has been typed."""
    record = by_name(records, serving.revision)
    if deployment.is_stalled or (record and not _same_model(deployment, record)):
        return False
    return _is_back(deployment, deployment.declared, None)


def _to(deployment: ModelDeployment, member: Member, records: Iterable[Record]) -> Target:
    return Target(member.version, _why(deployment, member), by_name(records, member.revision))


def _why(deployment: ModelDeployment, member: Member) -> str:
    return "it serves" if member == deployment.serving else "it stands by"


def _at(deployment: ModelDeployment) -> str:
    return f"{deployment.name} -n {deployment.namespace}"


def _same_model(deployment: ModelDeployment, record: Record) -> bool:
    return (record.registry, record.model) == (deployment.registry, deployment.model)


def edit(deployment: ModelDeployment, target: Target) -> Edit | None:
    """What has to change in `spec`; None where it says so. A record of another model brings that model."""
    spec = deployment.body.get("spec") or {}
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    if deployment.version != target.version:
        before["version"], after["version"] = spec.get("version"), int(target.version)
    record = target.record
    if record and record.model != deployment.model:
        before["model"], after["model"] = deployment.model, record.model
    if record and record.registry != deployment.registry:
        before["registryRef"], after["registryRef"] = {"name": deployment.registry}, {"name": record.registry}
    return Edit(before, after) if after else None


def unchanged(deployment: ModelDeployment) -> list[Json]:
    """Tests of a JSON patch: it is refused if anybody changed the spec, or made the object anew."""
    return [
        {"op": "test", "path": "/metadata/uid", "value": deployment.uid},
        {"op": "test", "path": "/metadata/generation", "value": deployment.generation},
    ]


def patch(deployment: ModelDeployment, change: Edit) -> list[Json]:
    """A JSON patch, refused if anybody changed the spec, or made the object anew, since it was read."""
    tests = unchanged(deployment)
    return [*tests, *({"op": "add", "path": f"/spec/{k}", "value": v} for k, v in change.after.items())]


@dataclass(frozen=True, slots=True)
class HandedOver:
    """An edit for somebody else to make. `now` is the command that works at once; or None, and why not."""

    deployment: ModelDeployment
    change: Edit
    owner: Owner
    now: str | None
    why_not: str

    def lines(self) -> list[str]:
        """For people."""
        change, owner, deployment = self.change, self.owner, self.deployment
        minus = [f"  -   {_yaml(k, v)}" for k, v in change.before.items() if v is not None]
        plus = [f"  +   {_yaml(k, v)}" for k, v in change.after.items()]
        offer = (
            ["Or at once, leaving spec alone:", "", f"      {self.now}"]
            if self.now
            else [f"At once, leaving spec alone, is not possible: {self.why_not}"]
        )
        return [
            f"Nothing was written: {owner.who} owns the spec of {deployment.full},",
            f"as {owner.evidence} tells, and would undo an edit made here. The edit to make there:",
            "",
            "      kind: ModelDeployment",
            f"      metadata: {{name: {deployment.name}, namespace: {deployment.namespace}}}",
            "      spec:",
            *minus,
            *plus,
            "",
            *([f"and then: {owner.then}", ""] if owner.then else []),
            *offer,
        ]

    def data(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "action": "handedOver",
            "namespace": self.deployment.namespace,
            "name": self.deployment.name,
            "owner": self.owner.who,
            "evidence": self.owner.evidence,
            "before": self.change.before,
            "after": self.change.after,
            "then": self.owner.then or None,
            "now": self.now,
            "whyNotNow": self.why_not or None,
        }


def _yaml(key: str, value: Any) -> str:  # noqa: ANN401 - a field of spec
    if isinstance(value, dict):
        return f"{key}: {{" + ", ".join(f"{k}: {v}" for k, v in value.items()) + "}"
    return f'{key}: "{value}"' if isinstance(value, str) and value.isdigit() else f"{key}: {value}"


def in_words(change: Edit) -> str:
    """`spec.version 2 -> 1`."""
    parts = []
    for key, value in change.after.items():
        before = change.before.get(key)
        shown = [v["name"] if isinstance(v, dict) else v for v in (before, value)]
        parts.append(f"spec.{key} {'(none)' if before is None else shown[0]} -> {shown[1]}")
    return ", ".join(parts)
