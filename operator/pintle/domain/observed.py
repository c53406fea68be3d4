"""Everything that a decision is made from, in the terms in which it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from pintle.api import ModelDeployment, ModelRuntime, RegistryConnection
from pintle.domain.analysis import Failure, Verdict
from pintle.domain.plan import Field
from pintle.domain.registry import Resolution
from pintle.domain.revision import Record

Json: TypeAlias = Mapping[str, Any]


class Key(NamedTuple):
    """Names one object of a kind; for a ModelDeployment it is what the queue holds."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Workload:
    """The Deployment of one revision."""

    revision: str
    uid: str
    resource_version: str
    replicas: int
    ready: int
    template_hash: str
    reclaimed: datetime | None
    refused: str  # why the ReplicaSet cannot make pods (a quota's words), or ""
    quota: bool
    body: Json = field(compare=False, repr=False)
    deleting: bool = False
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """How a container ended last. `reason` and `message` are the runtime's words where it left any."""

    code: int
    reason: str
    message: str
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class PodView:
    """One pod, in the terms in which decisions about it are made."""

    name: str
    uid: str
    revision: str
    created: datetime
    ready: bool
    deleting: bool
    role: str
    unschedulable: str  # the scheduler's words, or ""
    unschedulable_since: datetime | None
    image_problem: str  # why an image cannot be pulled, or ""
    initialized: datetime | None  # when `install` was done and `serve` could start
    serving_started: bool
    unready_since: datetime | None  # since when it has not been ready; None while it is
    content_digest: str
    environment_digest: str
    example: bool | None
    exits: tuple[Exit, ...] = ()
    restarts: int = 0
    fetching: bool = False  # `fetch` runs, and may wait for the registry
    address: str = ""  # its IP address, once it has one


@dataclass(frozen=True, slots=True)
class Traffic:
    """The Service of a ModelDeployment: who takes the traffic, since when, and what stands by."""

    uid: str
    resource_version: str
    revision: str
    since: datetime | None
    standby: str
    released: frozenset[str]
    ready_pods: frozenset[str]  # names of pods that are ready endpoints
    body: Json = field(compare=False, repr=False)
    deleting: bool = False
    autoscaled: int | None = None  # spec.replicas as it was while what serves was autoscaled
    baked: str = ""  # the revision that was watched for as long as was declared, and passed
    failed: Failure | None = None  # why the switch before this one was undone


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """The HorizontalPodAutoscaler of a ModelDeployment."""

    uid: str
    resource_version: str
    revision: str  # whose Deployment it scales
    desired: int  # pods that it asked for last; 0 where it has not yet, or does not scale
    active: bool | None  # whether it can scale; None while it has not said
    words: str  # what it says of that
    body: Json = field(compare=False, repr=False)
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class Entrance:
    """The Service of one revision, which the HTTPRoute sends a share to."""

    revision: str
    uid: str
    resource_version: str
    ready_pods: frozenset[str]  # names of pods that are ready endpoints
    body: Json = field(compare=False, repr=False)
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """The HTTPRoute of a ModelDeployment. `revision` and `weight` are what we wrote last: "" and 0 at rest.

    `since` is from when on the weight has been held, or without a canary, when the route was written.
    """

    uid: str
    resource_version: str
    revision: str
    weight: int
    since: datetime | None
    sends: Mapping[str, int]  # Service -> weight, as it stands there
    accepted: bool  # all Gateways have accepted what stands there
    refused: str  # why one has not, in its own words; "" while it has not answered
    body: Json = field(compare=False, repr=False)
    deleting: bool = False
    failed: Failure | None = None  # why the last share was taken back, if its revision failed


@dataclass(frozen=True, slots=True)
class Child:
    """A child that is only compared with what it should be: ConfigMap or PodDisruptionBudget."""

    name: str
    uid: str
    resource_version: str
    body: Json = field(compare=False, repr=False)
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that only doing could find out: a name that is taken, a body that is refused."""

    reason: str
    message: str
    at: datetime
    kind: str
    name: str
    lasts: float = 30  # seconds that it is believed before it is tried again
    holder: str = ""  # uid of the object whose end ends this too, where that will be seen


@dataclass(frozen=True, slots=True)
class Connection:
    """A RegistryConnection and what is known of its Secret. `secret` is its declared name, or ""."""

    spec: RegistryConnection
    secret: str
    secret_problem: str  # why the Secret cannot be used (a message), or ""
    checked: bool  # False while the Secret has not been looked at yet


@dataclass(frozen=True, slots=True)
class GoldenCases:
    """The golden cases that a new revision would have, or why it cannot have them."""

    text: str = field(default="", repr=False)
    reason: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Defaults:
    """The administrator's settings that decisions need."""

    standby_seconds: int = 3600
    max_artifact_bytes: int = 20 * 1024**3


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that one decision is made from, read from the caches in one go."""

    deployment: ModelDeployment
    records: tuple[Record, ...]
    workloads: Mapping[str, Workload]
    pods: tuple[PodView, ...]
    traffic: Traffic | None
    budget: Child | None
    copies: Mapping[str, Child]
    connection: Connection | None
    runtimes: tuple[ModelRuntime, ...]
    resolution: Resolution | None
    verdict: Verdict | None = None  # of what `comparing.wanted` names; None where nothing is compared
    route: Route | None = None
    autoscaler: Autoscaler | None = None
    entrances: Mapping[str, Entrance] = field(default_factory=dict)  # by revision
    adoptable: Child | None = None  # a Service that is in our way and may be taken over, as it was just now
    faults: tuple[Fault, ...] = ()
    last_copies: Mapping[str, Json] = field(default_factory=dict)  # of records that are gone, though they run
    contested: frozenset[Field] = frozenset()  # what others keep changing, and is left as it is for now
    baselines: Mapping[str, str] = field(default_factory=dict)  # revision -> hash of its template as stored
    told: frozenset[str] = frozenset()  # uids of pods whose other environment has been told of
    account_problem: str = ""  # why spec.serviceAccountName cannot be used, or ""
    cases: GoldenCases = GoldenCases()  # looked at where a revision is to be made with some: see `references`
    edited: datetime | None = None  # when this generation was first seen by this process
    answered: bool = False  # whether it was told of another move of the traffic that this edit had asked for
    arrived: datetime | None = None  # when the endpoints were first seen to have followed the traffic's move
    unsaid_since: datetime | None = None  # since when the status has differed in counts alone
    terminating: bool = False  # the object or its namespace is being deleted
    defaults: Defaults = Defaults()

    def left_alone(self, kind: str, name: str) -> frozenset[str]:
        """The paths of an object's fields that others keep changing."""
        return frozenset(f.path for f in self.contested if (f.kind, f.name) == (kind, name))
