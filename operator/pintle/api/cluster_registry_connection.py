"""ClusterRegistryConnection: a registry that ModelDeployments of many namespaces name."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from pintle.api.registry_connection import CLUSTER_KIND, RegistryConnection, RegistryConnectionSpec, Require
from pintle.api.values import Object, ObjectRef, StringMap, Value, flat


class LabelExpression(Value):
    """One condition on labels, as Kubernetes has it."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet it. What has no such label is not in any values, as for Kubernetes."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


class LabelSelector(Value):
    """A choice by labels; without any condition, of everything."""

    match_labels: StringMap = Field(default_factory=dict)
    match_expressions: tuple[LabelExpression, ...] = ()

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet all conditions."""
        same = all(labels.get(key) == value for key, value in self.match_labels.items())
        return same and all(expression.holds(labels) for expression in self.match_expressions)


class ClusterRegistryConnectionSpec(Value):
    """Where an MLflow tracking server is, how to reach it, and from which namespaces."""

    uri: str
    secret_ref: ObjectRef | None = None
    ca_bundle: str | None = None  # PEM
    poll_seconds: int = 30
    allowed_namespaces: LabelSelector
    require: Require | None = None
    write_back: bool = False


class ClusterRegistryConnection(Object):
    """A cluster-scoped connection; ``namespace`` is empty."""

    spec: ClusterRegistryConnectionSpec

    def within(self, namespace: str, labels: Mapping[str, str]) -> RegistryConnection:
        """What it is to a namespace with these labels: a connection there, with the Secret there."""
        return self._as_connection(
            f"{CLUSTER_KIND}/{self.name}",
            namespace,
            secret_ref=self.spec.secret_ref,
            allowed=self.spec.allowed_namespaces.selects(labels),
        )

    def itself(self) -> RegistryConnection:
        """What it is to its own status: asked without credentials, as it has none."""
        return self._as_connection(self.name, "", secret_ref=None, allowed=True)

    def _as_connection(
        self, name: str, namespace: str, *, secret_ref: ObjectRef | None, allowed: bool
    ) -> RegistryConnection:
        spec = RegistryConnectionSpec(
            uri=self.spec.uri,
            secret_ref=secret_ref,
            poll_seconds=self.spec.poll_seconds,
            require=self.spec.require,
            write_back=self.spec.write_back,
        )
        return RegistryConnection(
            name=name,
            namespace=namespace,
            uid=self.uid,
            generation=self.generation,
            resource_version=self.resource_version,
            deletion_timestamp=self.deletion_timestamp,
            status=self.status,
            spec=spec,
            cluster=self.name,
            certificates=self.spec.ca_bundle or "",
            allowed=allowed,
            identified_by_namespaces=self.spec.secret_ref is not None,
        )


def parse_cluster_registry_connection(body: Mapping[str, Any]) -> ClusterRegistryConnection:
    """Parse an object as the API server gives it; raises as `parse_model_deployment` does."""
    return ClusterRegistryConnection.model_validate(flat(body))
