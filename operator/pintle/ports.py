"""What the reconciler needs from the outside, as Protocols.

Each has a real adapter in `pintle.adapters` and an in-memory one in `tests/support`; contract
tests hold both to the same behaviour.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

from pintle.conditions import Reason
from pintle.domain import ModelAliases, Reading, RegisteredVersion, Resource, Target
from pintle.domain.resources import (
    BUDGETS,
    CHILDREN,
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    MODEL_DEPLOYMENTS,
    MODEL_RUNTIMES,
    NAMESPACES,
    OWN,
    PODS,
    REGISTRY_CONNECTIONS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from pintle.errors import Terminal
from pintle.naming import registry_shown

__all__ = [
    "BUDGETS",
    "CHILDREN",
    "CONFIG_MAPS",
    "CONTROLLER_REVISIONS",
    "DEPLOYMENTS",
    "ENDPOINT_SLICES",
    "MODEL_DEPLOYMENTS",
    "MODEL_RUNTIMES",
    "NAMESPACES",
    "OWN",
    "PODS",
    "REGISTRY_CONNECTIONS",
    "SECRETS",
    "SERVICES",
    "SERVICE_ACCOUNTS",
    "Clock",
    "Cluster",
    "Credentials",
    "Endpoint",
    "Event",
    "Events",
    "Json",
    "Metrics",
    "PatchType",
    "RegisteredVersion",
    "Registry",
    "Resource",
    "Scraper",
    "Subresource",
]

Json: TypeAlias = Mapping[str, Any]


PatchType: TypeAlias = Literal["merge", "json"]
Subresource: TypeAlias = Literal["", "status", "scale"]


class Cluster(Protocol):
    """The API server. Every method raises `errors.ClusterError`s and nothing of a client library's."""

    async def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """One object. Raises NotFound."""

    def pages(self, resource: Resource, *, labels: str = "", size: int = 500) -> AsyncIterator[list[Json]]:
        """All objects of a kind in all namespaces, a page at a time, so that 10,000 are never one body.

        A list that expires while it is read is begun anew, and what was given comes again.
        """

    async def create(self, resource: Resource, namespace: str, body: Json) -> Json:
        """POST. Raises AlreadyExists where the name is held."""

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Json | list[Json],
        *,
        patch_type: PatchType = "merge",
        subresource: Subresource = "",
    ) -> Json:
        """PATCH. Preconditions stand in the body: metadata.uid and resourceVersion, or a JSON-patch `test`.

        A failed precondition raises Conflict, and so does a JSON patch that cannot be applied, be it for a
        `test` or for a path that is not there: the API server does not say which (422, without a reason).
        On `status`, and on the `scale` of custom resources, a uid in the body is ignored: the
        resourceVersion says it all. A Scale of 0 has no `/spec/replicas` to `test` (tests/contract).
        """

    async def replace(self, resource: Resource, namespace: str, body: Json, *, dry_run: bool = False) -> Json:
        """PUT of a whole object, with its resourceVersion. With `dry_run` nothing is stored."""

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str | None = None
    ) -> None:
        """DELETE with preconditions, in the background. An object that is gone already is no error."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a registry asks for. Hidden from `repr`, so that no log or traceback shows it."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How to reach one registry: `ca` is PEM text to trust besides the public ones.

    Equal endpoints are one registry, whatever connections name it and however often they want it asked.
    """

    uri: str
    ca: str = field(default="", repr=False)
    credentials: Credentials = field(default=Credentials(), repr=False)
    poll_seconds: float = field(default=30, compare=False)


# Stands in a Registry's messages for the registry's name: one answer serves connections of many names.
REGISTRY = "{registry}"


def name_registry(message: str, connection: str) -> str:
    """Put the name of a connection into a message of a Registry."""
    return message.replace(REGISTRY, f"registry {registry_shown(connection)}")


def no_model(model: str) -> Terminal:
    """What is said of a model that is not there."""
    return Terminal(Reason.VERSION_NOT_FOUND, f"there is no model {model} in {REGISTRY}: register it")


class Registry(Protocol):
    """MLflow's registry over REST. Every method raises errors.Terminal or errors.Retryable with a Reason.

    Messages name the registry by `REGISTRY`, and hold neither credentials nor anything of an answer's
    body: a tenant chooses the address, and must not read through the operator what is there.
    """

    async def version(self, endpoint: Endpoint, model: str, version: str) -> RegisteredVersion:
        """One version. Terminal(VersionNotFound) names the newest, or says that the model is not there."""

    async def aliases(self, endpoint: Endpoint, models: Sequence[str]) -> Mapping[str, ModelAliases]:
        """All aliases of these models, in about one request however many they are.

        A model that is not there is not in the answer. Of several, neither is one that may not be read, or
        that is told of at too great length; of one alone, that is Terminal(RegistryForbidden), or Retryable.
        """

    async def server_version(self, endpoint: Endpoint) -> str:
        """The server's own version, such as `3.17.2`, or "" if it does not say.

        Answers only if the registry itself does, to this host name and with these credentials.
        """

    async def set_tag(self, endpoint: Endpoint, model: str, version: str, key: str, value: str) -> None:
        """Set one tag of a version, whatever it was. Terminal(VersionNotFound) if the version is gone."""

    async def delete_tag(self, endpoint: Endpoint, model: str, version: str, key: str) -> None:
        """Take one tag of a version away. That it is not there, or the version, is no error."""

    async def close(self) -> None:
        """Close the connections."""


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event about one object."""

    regarding: Resource
    namespace: str
    name: str
    uid: str
    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    action: str = "Reconcile"
    annotations: Mapping[str, str] = field(default_factory=dict)


class Events(Protocol):
    """Where Events go. Posting never fails and never waits: an Event is a courtesy."""

    def post(self, event: Event) -> None:
        """Hand one Event over."""


class Metrics(Protocol):
    """What is counted about the operator itself and about each object."""

    def reconciled(self, outcome: str, seconds: float) -> None:
        """One pass over a key ended: `outcome` is ok, conflict, retry or error."""

    def polled(self, outcome: str) -> None:
        """One question to a registry ended: `outcome` is ok or a Reason."""

    def transition(self, outcome: str) -> None:
        """A revision was promoted, rejected or rolled back to."""

    def deployment(self, namespace: str, name: str, *, status: Json | None, model: str = "") -> None:
        """What an object's status says now; None when the object is gone."""


class Scraper(Protocol):
    """Reads what pods have counted. Never raises, and takes two seconds at the most for each."""

    async def read(self, target: Target) -> Reading:
        """The counters of one pod, or why they are not known."""

    async def close(self) -> None:
        """Close the connections."""


class Clock(Protocol):
    """The time, in UTC."""

    def now(self) -> datetime:
        """Now."""
