"""What a registry says: identities, and the state of a question to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeAlias


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version as the registry tells it. `created_time` is in milliseconds since 1970."""

    model: str
    version: str
    source: str
    created_time: int
    run_id: str = ""
    artifact_uri: str = ""
    # Not what it is, only what people say of it at the moment.
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)
    aliases: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a version has to have before it is pinned: tags with their values, and aliases that name it."""

    tags: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()

    def missing_in(self, version: RegisteredVersion) -> tuple[str, ...]:
        """What a version lacks, for people: `tag validation_status=approved`, `alias prod`."""
        tags = (f"tag {k}={v}" for k, v in self.tags if version.tags.get(k) != v)
        return (*tags, *(f"alias {a}" for a in self.aliases if a not in version.aliases))


@dataclass(frozen=True, slots=True)
class ModelAliases:
    """A registered model: when it was created (in milliseconds since 1970), and alias -> version."""

    created_time: int
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Identity:
    """What is pinned: two of them are the same model only if all five of `key` agree.

    MLflow reuses version numbers when a registered model is deleted and made again, so the
    number alone names nothing (facts: registry REST, traps).
    """

    registry: str
    model: str
    version: str
    source: str
    created_time: int
    run_id: str = ""
    artifact_uri: str = ""

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What makes two identities the same."""
        return (self.registry, self.model, self.version, self.source, self.created_time)


class Query(NamedTuple):
    """A question to a registry: exactly one of `version` and `alias` is set.

    An answer that lacks what is `required` is an answer, and is asked for again until it has that.
    """

    registry: str
    model: str
    version: str | None = None
    alias: str | None = None
    required: Requirement | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """The registry has been asked and has not answered. `since` is when it was first asked."""

    since: datetime


@dataclass(frozen=True, slots=True)
class Resolved:
    """The registry's answer."""

    version: RegisteredVersion


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is no answer: a Reason and a message; asked again by the resolver."""

    reason: str
    message: str
    at: datetime


Resolution: TypeAlias = Pending | Resolved | Failed
