"""What a row of the tables of bad objects says."""

from dataclasses import dataclass
from typing import Any

from tests.support.schemas import Schema

GOOD: dict[str, dict[str, Any]] = {
    "ModelDeployment": {"metadata": {"name": "iris"}, "spec": {"model": "iris", "version": 3}},
    "RegistryConnection": {"metadata": {"name": "mlflow"}, "spec": {"uri": "https://mlflow.ml.svc:5000"}},
    "ClusterRegistryConnection": {
        "metadata": {"name": "mlflow"},
        "spec": {"uri": "https://mlflow.ml.svc:5000", "allowedNamespaces": {}},
    },
    "ModelRuntime": {"metadata": {"name": "torch"}, "spec": {"image": "docker.io/pintle/runtime:0.1.0"}},
}


@dataclass(frozen=True)
class Refusal:
    """A bad object, and where and in which words the API server refuses it.

    The object is the good one of its kind with ``spec`` merged into its spec (None takes a field away), under
    ``name`` if that is given. ``field`` is the path in the refusal; ``says`` is part of its message.
    """

    case: str
    spec: Schema
    field: str
    says: str
    name: str | None = None
    kind: str = "ModelDeployment"

    def body(self) -> dict[str, Any]:
        good = GOOD[self.kind]
        spec = {key: value for key, value in (good["spec"] | self.spec).items() if value is not None}
        return {
            "apiVersion": "pintle.dev/v1alpha1",
            "kind": self.kind,
            "metadata": {"name": self.name or good["metadata"]["name"]},
            "spec": spec,
        }
