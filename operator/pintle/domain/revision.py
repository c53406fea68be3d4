"""A revision: one version of a model together with the shape of its pods."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from pintle.domain.registry import Identity

Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cleared:
    """A revision may take traffic. `template_hash` is that of the template as the API server stored it."""

    content_digest: str
    environment_digest: str
    proof: Literal["passed", "none", "skipped"]
    template_hash: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Rejected:
    """A revision may not take traffic, and why."""

    reason: str
    message: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Named:
    """An alias came to name a revision's version, and when that was seen."""

    alias: str
    time: datetime


@dataclass(frozen=True, slots=True)
class RuntimeChoice:
    """The runtime as it was when the revision was made; kept, so that an upgrade restarts nothing (P8)."""

    name: str
    image: str
    resources: Json
    index: Json


@dataclass(frozen=True, slots=True)
class Record:
    """A revision: the ControllerRevision that all else is built from."""

    name: str
    uid: str
    resource_version: str
    number: int
    identity: Identity
    shape: Json
    template: Json
    runtime: RuntimeChoice
    secret_name: str
    expected_digest: str
    revision_file: Json
    data: Json = field(compare=False, repr=False)
    cases: str = field(default="", compare=False, repr=False)  # golden cases, as they were written
    cleared: Cleared | None = None
    rejected: Rejected | None = None
    named: Named | None = None
    deleting: bool = False

    @property
    def inputs(self) -> Json:
        """What was declared; a record is found by comparing these."""
        return {"identity": self.identity.key, "shape": self.shape}

    @property
    def image(self) -> str:
        """The image that every pod of the revision runs."""
        return self.runtime.image

    @property
    def version(self) -> str:
        """The registry's version number."""
        return self.identity.version

    @property
    def content_digest(self) -> str:
        """The digest that every pod must have, or "" while none is known."""
        return self.cleared.content_digest if self.cleared else self.expected_digest


@dataclass(frozen=True, slots=True)
class NewRevision:
    """A revision that is declared and has no record yet."""

    name: str
    number: int
    identity: Identity
    shape: Json
    runtime: RuntimeChoice
    secret_name: str
    expected_digest: str
    cases: str = field(default="", repr=False)
