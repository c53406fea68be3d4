"""ModelDeployment: a model version that is to be served."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from pintle.api.registry_connection import CLUSTER_KIND
from pintle.api.values import IntOrString, Metadata, Object, ObjectRef, Resources, StringMap, Value, flat


class KeyRef(Value):
    """One key of a Secret or a ConfigMap in the same namespace."""

    name: str
    key: str
    optional: bool = False


class EnvVarSource(Value):
    """Where a variable's value comes from; exactly one of the two is set."""

    secret_key_ref: KeyRef | None = None
    config_map_key_ref: KeyRef | None = None


def _given_text(value: str | None) -> str | None:
    """Take an empty value for one left out, as Kubernetes does."""
    return value or None


class EnvVar(Value):
    """One environment variable of the ``serve`` container: ``value_from``, or ``value``, or empty."""

    name: str
    value: Annotated[str | None, AfterValidator(_given_text)] = None
    value_from: EnvVarSource | None = None


class Toleration(Value):
    """A toleration as Kubernetes has it; ``key`` or ``effect`` left out is every one."""

    key: str | None = None
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = None


class CasesConfigMapRef(Value):
    """A ConfigMap in the same namespace."""

    name: str


class Cases(Value):
    """The key of a ConfigMap that holds golden cases: requests that the right answers are declared for."""

    config_map_ref: CasesConfigMapRef
    key: str = "cases.json"


class Proof(Value):
    """How a candidate answers its test inputs before it takes traffic."""

    mode: Literal["Auto", "Required", "Skip"] = "Auto"
    allow_non_finite: bool = False
    timeout_seconds: int = 30
    cases: Cases | None = None


class CanaryStep(Value):
    """A share of the route's traffic in percent, and how long it is held: 0 s where neither is set."""

    weight: int
    pause_seconds: int | None = None
    pause: bool | None = None  # until the revision is promoted by command


class Analysis(Value):
    """When a revision does as well as the one that it is to replace, by the requests that both answer."""

    min_requests: int = 100  # of each, before anything is said
    max_error_increase_percent: int = 2  # percentage points
    max_latency_increase_percent: int = 100  # of the 99th percentile


class Rollout(Value):
    """How a revision comes to take the traffic, and how long the one before it stays warm."""

    strategy: Literal["Switch", "Canary"] = "Switch"
    steps: tuple[CanaryStep, ...] = ()
    analysis: Analysis | None = None  # None: a canary is not judged by its requests
    bake_seconds: int | None = None  # None: what has taken over is not watched
    proof: Proof = Proof()
    standby_seconds: int | None = None  # None: the administrator's default
    progress_deadline_seconds: int = 600
    capacity_wait_seconds: int = 120
    strict_environment: bool = False
    surge: Literal["Full", "None"] = "Full"


class Autoscaling(Value):
    """How many pods serve, by the CPU that they use in percent of what they request."""

    min_replicas: int = 1
    max_replicas: int
    target_cpu_utilization_percentage: int = Field(default=80, alias="targetCPUUtilizationPercentage")

    def bounded(self, replicas: int) -> int:
        """A number of pods within the bounds."""
        return min(max(replicas, self.min_replicas), self.max_replicas)


class ParentRef(Value):
    """A Gateway, or one of its listeners; without a namespace, of the same one."""

    name: str
    namespace: str | None = None
    section_name: str | None = None


class Gateway(Value):
    """Where the HTTPRoute attaches, and which host names it is for; without any, all of the listeners'."""

    parent_refs: tuple[ParentRef, ...]
    hostnames: tuple[str, ...] = ()


class RegistryRef(Value):
    """The connection that the model is looked up by."""

    kind: Literal["RegistryConnection", "ClusterRegistryConnection"] = "RegistryConnection"
    name: str = "default"

    @property
    def registry(self) -> str:
        """One name for both kinds, which no two connections have: see `pintle.connection_views`."""
        return f"{self.kind}/{self.name}" if self.kind == CLUSTER_KIND else self.name


class RuntimeRef(Value):
    """The ModelRuntime that serves the model."""

    name: str | None = None  # None: the runtime marked `default`


_SHAPING = (
    "resources",
    "env",
    "pod_metadata",
    "runtime",
    "node_selector",
    "tolerations",
    "priority_class_name",
    "image_pull_secrets",
    "service_account_name",
    "rollout_token",
)
_SHAPING_ROLLOUT = ("proof", "strict_environment")


def _given(resources: Resources | None) -> Resources | None:
    """Take ``resources: {}``, which templates like to write, for left out: both have the same shape."""
    return resources if resources and (resources.requests or resources.limits) else None


_Resources = Annotated[Resources | None, AfterValidator(_given)]


class ModelDeploymentSpec(Value):
    """What a user declares. At least one of ``version`` and ``alias`` is set; ``version`` wins."""

    registry_ref: RegistryRef = RegistryRef()
    model: str
    version: IntOrString | None = None
    alias: str | None = None
    replicas: int = 1
    autoscaling: Autoscaling | None = None  # overrides replicas, which then is the size to start with
    runtime: RuntimeRef = RuntimeRef()
    resources: _Resources = None  # None: the runtime's default
    env: tuple[EnvVar, ...] = ()
    pod_metadata: Metadata = Metadata()
    node_selector: StringMap = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    priority_class_name: str | None = None
    image_pull_secrets: tuple[ObjectRef, ...] = ()
    service_account_name: str | None = None
    service: Metadata = Metadata()
    gateway: Gateway | None = None
    disruption_budget: Literal["Default", "None"] = "Default"
    rollout: Rollout = Rollout()
    rollout_token: str | None = None
    revision_history_limit: int = 5
    suspend: bool = False

    @property
    def followed(self) -> str | None:
        """The alias that says which version is meant; None where ``version`` does."""
        return self.alias if self.version is None else None

    def shape(self) -> dict[str, Any]:
        """Give the pod-shaping fields *as declared*, JSON-able, keys sorted, camelCase.

        A field left out stays out, and so does one that equals its static default: the API server's
        defaulting makes the two one, and a release that adds a field with a default must not move the shape
        of objects written before it. A static default, once released, therefore never changes.
        """
        dumped = self.model_dump(
            mode="json",
            by_alias=True,
            exclude_defaults=True,
            include={**dict.fromkeys(_SHAPING, True), "rollout": set(_SHAPING_ROLLOUT)},
        )
        return _declared(dumped)


def _declared(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Sort by key, at every depth, and leave out empty members, which say no more than absent ones."""
    members = {key: _declared_member(mapping[key]) for key in sorted(mapping)}
    return {key: member for key, member in members.items() if member not in ({}, [], None)}


def _declared_member(value: object) -> object:
    if isinstance(value, Mapping):
        return _declared(value)
    if isinstance(value, list):
        return [_declared_member(member) for member in value]
    return value


class ModelDeployment(Object):
    """A model version that is to be served."""

    spec: ModelDeploymentSpec


def parse_model_deployment(body: Mapping[str, Any]) -> ModelDeployment:
    """Parse an object as the API server gives it.

    Raises:
        pydantic.ValidationError: it does not fit, as when it was stored under another schema.
    """
    return ModelDeployment.model_validate(flat(body))
