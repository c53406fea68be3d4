"""`reject`: what to write into the annotation, and what takes the traffic then."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kubectl_pintle.deployment import Member, ModelDeployment
from kubectl_pintle.names import ANNOTATION_REJECT, REJECTED_BY_USER, Json, short_hash
from kubectl_pintle.records import Record
from kubectl_pintle.rollback import Refused

# The annotation is gone, and the status tells of it still.
UNSEEN = "the operator has not seen yet that nothing is rejected any more"


@dataclass(frozen=True, slots=True)
class Rejecting:
    """The annotation's new value. `moves` if what serves is meant; `successor` takes its place then."""

    value: str
    moves: bool
    declared: bool
    successor: Member | Record | None = None


def choose(deployment: ModelDeployment, records: Sequence[Record], wanted: str | None) -> Rejecting:
    """What is asked for, else what serves.

    Raises:
        Refused: nothing serves, nothing could take its place, or without being asked for, something that is
            rejected now would get the traffic again: there is one annotation, and it holds one value. Or what
            serves is not known, as the operator has not seen yet that the annotation is gone.
    """
    value = _value(records, wanted) if wanted else _what_serves(deployment)
    if not wanted and holds_back_what_is_declared(deployment):
        if not deployment.rejecting:
            raise Refused(f"{UNSEEN}: try again, or name what to reject")
        serves = f"version {deployment.serving.version} serves" if deployment.serving else "nothing serves"
        raise Refused(
            f"{deployment.rejecting} is rejected already, and {serves}; name what to reject instead"
        )
    serving, candidate = deployment.serving, deployment.candidate
    if not deployment.names(value, serving):
        declared = deployment.names(value, candidate) or value == f"version/{deployment.declared}"
        return Rejecting(value, moves=False, declared=declared)
    if deployment.suspended:
        raise Refused(
            "spec.suspend holds back every change of what serves, this one too: set it to false first"
        )
    successor = _successor(deployment, records, value)
    if successor is None:
        raise Refused(
            f"nothing could take the place of {value}: there is no other revision that has proven itself, so "
            "it would serve on. Nothing was written"
        )
    if not wanted and isinstance(successor, Member) and deployment.names(deployment.rejecting, successor):
        raise Refused(
            f"version {successor.version}, which would take the traffic, is what is rejected now; "
            f"if you want that, say so: kubectl pintle reject {deployment.name} {value}"
        )
    return Rejecting(value, moves=True, declared=True, successor=successor)


def _value(records: Iterable[Record], wanted: str) -> str:
    """A revision's name or hash as it is; a bare number as a version."""
    if any(wanted in {r.name, r.hash} for r in records):
        return wanted
    version = wanted.removeprefix("version/").removeprefix("v")
    return f"version/{version}" if version.isdigit() else wanted


def _what_serves(deployment: ModelDeployment) -> str:
    """The version that serves; only this revision of it, where its own version stands by in another shape."""
    serving, standby = deployment.serving, deployment.standby
    if serving is None:
        raise Refused("nothing serves: say which revision, by its hash or as version/N")
    same = standby is not None and standby.version == serving.version
    return serving.hash if same else f"version/{serving.version}"


def _successor(deployment: ModelDeployment, records: Sequence[Record], value: str) -> Member | Record | None:
    """As the operator chooses: the standby, else the newest other version that has proven itself."""
    serving, standby = deployment.serving, deployment.standby
    marks = {r.name: r for r in records}
    if standby and not deployment.names(value, standby):
        record = marks.get(standby.revision)
        if record is None or (record.cleared and not record.rejected):
            return standby
    for record in records:
        if serving and record.version == serving.version:
            continue
        if (
            record.cleared
            and not record.rejected
            and value
            not in {
                record.name,
                record.hash,
                f"version/{record.version}",
            }
        ):
            return record
    return None


def patch(deployment: ModelDeployment, value: str | None) -> Json:
    """A merge patch that writes the annotation, or removes it; refused for an object made anew since."""
    return {"metadata": {"uid": deployment.uid, "annotations": {ANNOTATION_REJECT: value}}}


def is_out(deployment: ModelDeployment, value: str) -> bool:
    """Whether what the annotation means has no traffic, and the operator says that it knows."""
    told = any(
        r.reason == REJECTED_BY_USER and value in {r.revision, short_hash(r.revision), f"version/{r.version}"}
        for r in deployment.rejected
    )
    ready = deployment.ready
    known = told or (ready.reason == REJECTED_BY_USER and f"{ANNOTATION_REJECT}: {value};" in ready.message)
    return known and not deployment.names(value, deployment.serving)


def holds_back_what_is_declared(deployment: ModelDeployment) -> bool:
    """Whether, as far as the operator has seen, what is declared would serve but for the annotation."""
    return deployment.ready.reason == REJECTED_BY_USER
