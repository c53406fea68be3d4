"""RegistryConnection: a registry that ModelDeployments of the same namespace name."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from pintle.api.values import Object, ObjectRef, StringMap, Value, flat

CLUSTER_KIND = "ClusterRegistryConnection"


class CaConfigMapRef(Value):
    """The key of a ConfigMap in the same namespace that holds PEM certificates."""

    name: str
    key: str = "ca.crt"


class CaBundle(Value):
    """The certificates that the registry's own is checked against."""

    config_map_ref: CaConfigMapRef


class Require(Value):
    """What a version has to have before it is pinned: these tags with these values, these aliases."""

    tags: StringMap = Field(default_factory=dict)
    aliases: tuple[str, ...] = ()


class RegistryConnectionSpec(Value):
    """Where an MLflow tracking server is and how to reach it."""

    uri: str
    secret_ref: ObjectRef | None = None
    ca_bundle: CaBundle | None = None
    poll_seconds: int = 30
    require: Require | None = None
    write_back: bool = False


class RegistryConnection(Object):
    """A registry that ModelDeployments of the same namespace name.

    It may be one of the cluster's, as it is to one namespace: then ``cluster`` is that one's name, with its
    ``certificates`` in PEM, whether it is ``allowed`` here, and whether each namespace has credentials.
    """

    spec: RegistryConnectionSpec
    cluster: str = ""
    certificates: str = ""
    allowed: bool = True
    identified_by_namespaces: bool = False


def parse_registry_connection(body: Mapping[str, Any]) -> RegistryConnection:
    """Parse an object as the API server gives it; raises as `parse_model_deployment` does."""
    return RegistryConnection.model_validate(flat(body))
