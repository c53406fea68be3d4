"""Short ways to the frozen values that the unit tests' tables are made of."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pintle.api import ModelDeployment, parse_model_deployment
from pintle.domain import (
    Cleared,
    Exit,
    Identity,
    NewRevision,
    PodView,
    Record,
    RuntimeChoice,
    Workload,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def identity(version: str = "3", **changes: Any) -> Identity:  # noqa: ANN401 - fields of any type
    known = {
        "registry": "mlflow",
        "model": "iris",
        "version": version,
        "source": f"models:/m-{version}",
        "created_time": 1_700_000_000_000,
        "run_id": "run-1",
        "artifact_uri": f"mlflow-artifacts:/1/models/m-{version}/artifacts",
    }
    return Identity(**{**known, **changes})


def new_revision(version: str = "3", **changes: Any) -> NewRevision:  # noqa: ANN401
    known: dict[str, Any] = {
        "name": f"iris-v{version}-1a2b3c4d",
        "number": 1,
        "identity": identity(version),
        "shape": {},
        "runtime": RuntimeChoice("default", "runtime:1", {"requests": {"cpu": "100m"}}, {}),
        "secret_name": "",
        "expected_digest": "",
    }
    return NewRevision(**{**known, **changes})


def record(version: str = "3", **changes: Any) -> Record:  # noqa: ANN401
    known: dict[str, Any] = {
        "name": f"iris-v{version}-1a2b3c4d",
        "uid": f"uid-{version}",
        "resource_version": "1",
        "number": int(version),
        "identity": identity(version),
        "shape": {},
        "template": {"spec": {}},
        "runtime": RuntimeChoice("default", "runtime:1", {}, {}),
        "secret_name": "",
        "expected_digest": "",
        "revision_file": {},
        "data": {},
    }
    return Record(**{**known, **changes})


def cleared(**changes: Any) -> Cleared:  # noqa: ANN401
    known: dict[str, Any] = {
        "content_digest": DIGEST,
        "environment_digest": "sha256:e",
        "proof": "passed",
        "template_hash": "sha256:t",
        "time": NOW,
    }
    return Cleared(**{**known, **changes})


def workload(revision: str = "iris-v3-1a2b3c4d", **changes: Any) -> Workload:  # noqa: ANN401
    known: dict[str, Any] = {
        "revision": revision,
        "uid": "uid-w",
        "resource_version": "5",
        "replicas": 2,
        "ready": 0,
        "template_hash": "sha256:t",
        "reclaimed": None,
        "refused": "",
        "quota": False,
        "body": {"spec": {}},
    }
    return Workload(**{**known, **changes})


def pod(name: str = "p1", **changes: Any) -> PodView:  # noqa: ANN401
    """A pod whose model loads and that is not ready yet."""
    known: dict[str, Any] = {
        "name": name,
        "uid": f"uid-{name}",
        "revision": "iris-v3-1a2b3c4d",
        "created": ago(30),
        "ready": False,
        "deleting": False,
        "role": "",
        "unschedulable": "",
        "unschedulable_since": None,
        "image_problem": "",
        "initialized": ago(10),
        "serving_started": True,
        "unready_since": ago(99_999),
        "content_digest": DIGEST,
        "environment_digest": "sha256:e",
        "example": True,
    }
    return PodView(**{**known, **changes})


def ended(code: int, reason: str = "", message: str = "") -> Exit:
    return Exit(code, reason, message, ago(1))


def deployment(annotations: dict[str, str] | None = None, **spec: Any) -> ModelDeployment:  # noqa: ANN401
    return parse_model_deployment(
        {
            "metadata": {
                "name": "iris",
                "namespace": "ml",
                "uid": "uid-iris",
                "generation": 1,
                "annotations": annotations or {},
            },
            "spec": {"registryRef": {"name": "mlflow"}, "model": "iris", "version": 3, **spec},
        }
    )
