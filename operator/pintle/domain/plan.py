"""What a decision is: writes in stages, the status to report, Events, and when to look again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object as the API server serves it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version


class Field(NamedTuple):
    """A field of a child that somebody may change by hand: `spec.replicas` of a Deployment, say."""

    kind: str
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Create:
    """POST one child. `why` is for the log and for a reader of a test table."""

    resource: Resource
    name: str
    body: Json = field(repr=False)
    why: str


@dataclass(frozen=True, slots=True)
class Patch:
    """PATCH one child; its preconditions stand in the body.

    `repairs` are the paths of what it puts back, if that is all it does: who puts the same back again
    and again is in a fight with somebody, and stops.
    """

    resource: Resource
    name: str
    body: Json | tuple[Json, ...]
    why: str
    patch_type: Literal["merge", "json"] = "merge"
    subresource: Literal["", "scale"] = ""
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Replace:
    """PUT a Deployment whole, with its resourceVersion, to put its template back.

    `template_hash` is what the stored template's hash should be again: the API server fills in
    defaults, so it is never that of what is sent. With `dry_run` nothing is stored: the answer tells
    that hash.
    """

    resource: Resource
    name: str
    body: Json = field(repr=False)
    template_hash: str
    why: str
    dry_run: bool = False
    repairs: tuple[str, ...] = ("spec.template",)


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE one child, if it is still the one that was seen."""

    resource: Resource
    name: str
    uid: str
    resource_version: str | None
    why: str


Action: TypeAlias = Create | Patch | Replace | Delete

Stage: TypeAlias = tuple[Action, ...]
"""Actions that may run at once. A stage starts only when every action of the one before has succeeded."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state of a ModelDeployment, as an audit wants to know it. "" is what there is none of.

    `before` and `after` are revisions where the traffic moves, else reasons of `Ready`.
    """

    generation: int
    revision: str
    version: str
    run_id: str
    alias: str
    before: str
    after: str
    reason: str
    cause: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """An Event about the ModelDeployment, and an entry in the log."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    about: str = ""  # the uid of the pod that it is about: it is told once of each
    transition: Transition | None = None
    refused: bool = False  # whether it is the first to tell that a revision may not take the traffic


@dataclass(frozen=True, slots=True)
class Plan:
    """One decision. `status` None leaves it as it is; `wake_at` None waits for an event.

    `stages` are the rollout's: where one fails, nothing is known of the state and nothing is said.
    `upkeep` holds sequences that do not wait for each other and do not silence the status.
    """

    stages: tuple[Stage, ...] = ()
    upkeep: tuple[tuple[Stage, ...], ...] = ()
    status: Json | None = None
    notices: tuple[Notice, ...] = ()
    wake_at: datetime | None = None
    unsaid: bool = False  # the status differs in counts alone, and is not written for that yet

    @property
    def actions(self) -> tuple[Action, ...]:
        """All actions, in order."""
        everything = (*self.stages, *(stage for sequence in self.upkeep for stage in sequence))
        return tuple(action for stage in everything for action in stage)
