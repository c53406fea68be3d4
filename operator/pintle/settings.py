"""What an administrator sets, from environment variables: `PINTLE_` and a field's name in capitals.

Nothing is read anywhere else, and nothing is guessed: a value that makes no sense ends the start
with a message that names every variable that is wrong.
"""

from collections.abc import Mapping
from ipaddress import ip_network
from socket import gethostname
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from pintle.domain import Defaults

PREFIX = "PINTLE_"
# Settings that are not ours to name: the downward API's, and those that Kubernetes sets by itself.
_OTHERS = ("pod_", "kubernetes_")


class SettingsError(Exception):
    """The environment holds values that cannot be used; the text says which and why."""


def _items(value: object) -> object:
    """Split `a, b` as it stands in a variable."""
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


def _network(value: str) -> str:
    ip_network(value)
    return value


_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
_Names = Annotated[tuple[_Name, ...], BeforeValidator(_items)]
_Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_items)]


class Settings(BaseModel):
    """All settings with their defaults. Seconds, bytes and networks are written as such in the variable."""

    model_config = ConfigDict(frozen=True)

    # How often everything is listed anew, for what the watches may have missed. It costs one paged
    # list of each kind.
    resync_seconds: float = Field(default=600, ge=10)
    # How many ModelDeployments are worked on at once. A pass waits for the API server most of its
    # time, so this bounds the requests in flight.
    workers: int = Field(default=8, ge=1, le=100)
    # How long the previous revision is kept running where `rollout.standbySeconds` says nothing.
    standby_seconds: int = Field(default=3600, ge=0)
    # The largest model that a pod may download.
    max_artifact_bytes: int = Field(default=20 * 1024**3, ge=1)
    # Networks that a registry may be in although they are refused by default (link-local, loopback,
    # metadata services), and networks to refuse besides those: a tenant chooses a registry's address,
    # and the operator connects to it from where it is. `10.0.0.0/8, fd00::/8`.
    registry_allowed_networks: _Networks = ()
    registry_refused_networks: _Networks = ()
    # What this cluster is called in the tags that connections with `writeBack` leave on versions. Two
    # clusters that share a registry need two names. Empty: the first eight characters of kube-system's uid.
    cluster_name: Literal[""] | _Name = ""
    # Whether this process waits for the Lease `pintle-operator` in its own namespace before it works, so that
    # of several only one does; and after how many seconds without a sign of life another takes over.
    leader_election: bool = True
    lease_seconds: float = Field(default=15, ge=3)
    # The API server as pods reach it: no registry is there, and what it answers to the operator is not
    # for a tenant who names it as one. Kubernetes sets KUBERNETES_SERVICE_HOST in every container.
    kubernetes_service_host: str = ""
    # The namespaces that are watched, all if there are none: `team-a, team-b`.
    namespaces: _Names = ()
    # Port of /healthz, /readyz and /metrics.
    http_port: int = Field(default=8081, ge=1, le=65535)
    # Whether /metrics has a series for each ModelDeployment and condition. Some 20 each.
    metrics_per_object: bool = True
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    # Who this process is, as the downward API tells it in POD_NAME, POD_NAMESPACE and
    # POD_SERVICE_ACCOUNT: for Events, and for the command that lets it read a Secret.
    pod_name: str = Field(default_factory=gethostname)
    pod_namespace: str = "pintle-system"
    pod_service_account: str = "pintle-operator"

    @property
    def account(self) -> str:
        """This process's ServiceAccount, as `namespace:name`."""
        return f"{self.pod_namespace}:{self.pod_service_account}"

    def refused_networks(self) -> tuple[str, ...]:
        """Networks that no registry may be in, besides those that are refused in any cluster."""
        try:
            api_server = str(ip_network(self.kubernetes_service_host))
        except ValueError:  # a host name, as some clouds set, or none at all
            return self.registry_refused_networks
        return (*self.registry_refused_networks, api_server)

    def defaults(self) -> Defaults:
        """What decisions about a ModelDeployment need of these."""
        return Defaults(standby_seconds=self.standby_seconds, max_artifact_bytes=self.max_artifact_bytes)


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings from an environment. A variable that is empty counts as left out.

    Variables that begin with the prefix and name no setting are passed over: Kubernetes itself makes
    some, for a Service that happens to be called pintle.

    Raises:
        SettingsError: a value cannot be used.
    """
    given = {name: environ.get(variable(name), "").strip() for name in Settings.model_fields}
    try:
        return Settings.model_validate({name: value for name, value in given.items() if value})
    except ValidationError as error:
        raise SettingsError("\n".join(_problems(error, given))) from None


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return name.upper() if name.startswith(_OTHERS) else PREFIX + name.upper()


def _problems(error: ValidationError, given: Mapping[str, str]) -> list[str]:
    return [
        f"{variable(str(problem['loc'][0]))}={given[str(problem['loc'][0])]!r}: {problem['msg']}"
        for problem in error.errors()
    ]
