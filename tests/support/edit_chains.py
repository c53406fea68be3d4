"""Random edits of one ModelDeployment, and what has to come of each: pure, for any world that can be edited.

What comes of an edit is what a fresh start with the same spec comes to, whatever was before; only what serves
while that cannot serve (a broken version, a rejected one, a suspension) is what served before.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pintle.naming import ANNOTATION_REJECT

SHAPES = (None, "other")
TOKENS = (None, "again")
REPLICAS = (1, 2)
# How often each kind of edit is drawn.
WEIGHTS = {"good": 5, "broken": 3, "scale": 2, "shape": 2, "token": 1, "suspend": 2, "reject": 2}


class Revision(NamedTuple):
    """What makes a revision another one here."""

    version: str
    shape: str | None
    token: str | None


@dataclass(frozen=True)
class Wanted:
    """A spec, as far as it is edited, and the annotation."""

    version: str
    replicas: int = 1
    shape: str | None = None
    token: str | None = None
    suspend: bool = False
    rejected: str | None = None

    @property
    def revision(self) -> Revision:
        return Revision(self.version, self.shape, self.token)

    @property
    def spec(self) -> dict[str, Any]:
        """The fields, as a merge patch."""
        return {
            "version": int(self.version),
            "replicas": self.replicas,
            "podMetadata": {"labels": {"shape": self.shape}} if self.shape else None,
            "rolloutToken": self.token,
            "suspend": self.suspend,
        }

    @property
    def annotations(self) -> dict[str, str | None]:
        """The command, as a merge patch."""
        return {ANNOTATION_REJECT: f"version/{self.rejected}" if self.rejected else None}


@dataclass(frozen=True)
class Outcome:
    """What has to come of it: the reason of `Ready`, and which revisions may serve."""

    reason: str
    serving: frozenset[Revision] | None
    """None: anything of another version that served before."""
    not_version: str | None = None


@dataclass(frozen=True)
class Chain:
    """`good` versions serve; `broken` ones come to their reason; `absent` is none."""

    good: Sequence[str]
    broken: Mapping[str, str]
    absent: str
    seed: int
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_random", random.Random(self.seed))  # noqa: S311 - repeatable, not secret

    @property
    def first(self) -> Wanted:
        return Wanted(self.good[0])

    def edits(self, count: int) -> Iterator[Wanted]:
        """What is wanted after each of so many edits, of which each changes one thing."""
        wanted = self.first
        for _ in range(count):
            wanted = self._next(wanted)
            yield wanted

    def _next(self, wanted: Wanted) -> Wanted:
        while True:
            kind = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            if wanted.suspend and self._random.random() < 0.5:
                kind = "suspend"  # else most of a chain would be held
            changed = self._changed(wanted, kind)
            if changed != wanted:
                return changed

    def _changed(self, wanted: Wanted, kind: str) -> Wanted:
        draw = self._random.choice
        match kind:
            case "good":
                return replace(wanted, version=draw(self.good))
            case "broken":
                return replace(wanted, version=draw([*self.broken, self.absent]))
            case "scale":
                return replace(wanted, replicas=draw(REPLICAS))
            case "shape":
                return replace(wanted, shape=draw(SHAPES))
            case "token":
                return replace(wanted, token=draw(TOKENS))
            case "suspend":
                return replace(wanted, suspend=not wanted.suspend)
            case _:
                return replace(wanted, rejected=draw([None, *self.good]))

    def outcome(self, wanted: Wanted, serving: Revision, served: frozenset[str]) -> Outcome:
        """What has to come of `wanted` where a revision serves; `served`: the versions that have served."""
        stays = frozenset({serving})
        if wanted.version == self.absent:
            return Outcome("VersionNotFound", stays)
        if wanted.rejected == wanted.version:
            flips = serving.version == wanted.rejected and not wanted.suspend and served - {wanted.rejected}
            if flips:
                return Outcome("RejectedByUser", None, wanted.rejected)
            return Outcome("RejectedByUser", stays)
        if wanted.revision == serving:
            return Outcome("Serving", stays)
        if wanted.suspend:
            return Outcome("Suspended", stays)
        if wanted.version in self.broken:
            return Outcome(self.broken[wanted.version], stays)
        return Outcome("Serving", frozenset({wanted.revision}))
