"""A ModelDeployment as the API server gives it -> values.

Forgiving, as `status` may be absent, old, or written by a newer operator: what is not there is None or empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from kubectl_pintle.names import ANNOTATION_REJECT, Json, parse_time, short_hash


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `generation` is the one that it was decided for."""

    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    generation: int = -1
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A revision in one of its roles. `time` is since when, or for the standby until when."""

    version: str
    revision: str
    ready: int
    time: datetime | None

    @property
    def hash(self) -> str:
        """The hash that commands call it by."""
        return short_hash(self.revision)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A revision that takes no traffic, and why."""

    version: str
    revision: str
    reason: str
    message: str
    time: datetime | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of `status.history`."""

    version: str
    revision: str
    run_id: str
    source: str
    alias: str
    started: datetime | None
    promoted: datetime | None
    seconds: float | None
    outcome: str
    cause: str


@dataclass(frozen=True, slots=True)
class ModelDeployment:
    """What people ask about; `body` is the object itself."""

    namespace: str
    name: str
    uid: str
    generation: int
    observed: int
    deleting: bool
    created: datetime | None
    registry: str
    model: str
    version: str
    alias: str
    replicas: int
    suspended: bool
    rejecting: str
    wanted: str
    replicas_ready: str
    conditions: Mapping[str, Condition]
    serving: Member | None
    candidate: Member | None
    standby: Member | None
    by_steps: bool
    step: str
    weight: int
    started: datetime | None
    deadline: datetime | None
    resolved: str
    rejected: tuple[Rejection, ...]
    history: tuple[Entry, ...]
    body: Json = field(repr=False)

    @property
    def full(self) -> str:
        """What messages call it."""
        return f"{self.namespace}/{self.name}"

    @property
    def declared(self) -> str:
        """The version that is declared; that of an alias is what it resolves to, and may be empty."""
        return self.version or self.resolved

    @property
    def ready(self) -> Condition:
        """The condition `Ready`."""
        return self.conditions.get("Ready", Condition())

    @property
    def seen(self) -> bool:
        """Whether the status is about the spec as it is now."""
        return self.observed >= self.generation and self.ready.generation >= self.generation

    @property
    def is_ready(self) -> bool:
        """Whether what is declared now is what serves."""
        return self.seen and self.ready.status == "True" and not self.deleting

    @property
    def reason(self) -> str:
        """The reason of `Ready`, or that nobody has looked yet."""
        if self.deleting:
            return "Terminating"
        return self.ready.reason if self.seen else "NotSeenYet"

    @property
    def message(self) -> str:
        """What happened, to what, and what to do."""
        if self.deleting:
            return "it is being deleted"
        if not self.seen:
            return "the operator has not seen this change yet"
        return self.ready.message

    @property
    def is_stalled(self) -> bool:
        """Whether somebody has to change something."""
        return self.seen and self.conditions.get("Stalled", Condition()).status == "True"

    def names(self, value: str, member: Member | None) -> bool:
        """Whether a value of the annotation `reject-revision` means this revision."""
        if member is None or not value:
            return False
        return value in {member.revision, member.hash, f"version/{member.version}"}


def parse(body: Json) -> ModelDeployment:
    """Read one object."""
    metadata, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    rollout = status.get("rollout") or {}
    annotations = metadata.get("annotations") or {}
    return ModelDeployment(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        generation=int(metadata.get("generation", 0)),
        observed=int(status.get("observedGeneration", -1)),
        deleting=bool(metadata.get("deletionTimestamp")),
        created=parse_time(metadata.get("creationTimestamp")),
        registry=(spec.get("registryRef") or {}).get("name", "default"),
        model=spec.get("model", ""),
        version=str(spec.get("version", "")),
        alias=spec.get("alias", ""),
        replicas=int(spec.get("replicas", 1)),
        suspended=bool(spec.get("suspend")),
        rejecting=str(annotations.get(ANNOTATION_REJECT, "")).strip(),
        wanted=status.get("wanted", "") or str(spec.get("version") or spec.get("alias", "")),
        replicas_ready=status.get("replicasReady", ""),
        conditions={c["type"]: _condition(c) for c in status.get("conditions") or ()},
        serving=_member(status.get("serving"), "since"),
        candidate=_member(status.get("candidate"), "since"),
        standby=_member(status.get("standby"), "expiresAt"),
        by_steps=(spec.get("rollout") or {}).get("strategy") == "Canary",
        step=rollout.get("step", ""),
        weight=int(rollout.get("weight", 0)),
        started=parse_time(rollout.get("startedTime")),
        deadline=parse_time(rollout.get("deadlineTime")),
        resolved=(status.get("resolved") or {}).get("version", ""),
        rejected=tuple(map(_rejection, status.get("rejected") or ())),
        history=tuple(map(_entry, status.get("history") or ())),
        body=body,
    )


def _condition(condition: Json) -> Condition:
    return Condition(
        status=condition.get("status", "Unknown"),
        reason=condition.get("reason", ""),
        message=condition.get("message", ""),
        generation=int(condition.get("observedGeneration", -1)),
        since=parse_time(condition.get("lastTransitionTime")),
    )


def _member(member: Json | None, time: str) -> Member | None:
    if not member:
        return None
    return Member(
        version=member.get("version", ""),
        revision=member.get("revision", ""),
        ready=int(member.get("readyReplicas", 0)),
        time=parse_time(member.get(time)),
    )


def _rejection(entry: Json) -> Rejection:
    return Rejection(
        version=entry.get("version", ""),
        revision=entry.get("revision", ""),
        reason=entry.get("reason", ""),
        message=entry.get("message", ""),
        time=parse_time(entry.get("time")),
    )


def _entry(entry: Json) -> Entry:
    return Entry(
        version=entry.get("version", ""),
        revision=entry.get("revision", ""),
        run_id=entry.get("runId", ""),
        source=entry.get("source", ""),
        alias=entry.get("alias", ""),
        started=parse_time(entry.get("startedTime")),
        promoted=parse_time(entry.get("promotedTime")),
        seconds=entry.get("durationSeconds"),
        outcome=entry.get("outcome", ""),
        cause=entry.get("cause", ""),
    )
