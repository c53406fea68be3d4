"""Credentials of the user's own registry, from the environment variables that MLflow's client reads."""

import json
from collections.abc import Mapping
from typing import Any

from demo.kube import Kube

NAMES = {
    "username": "MLFLOW_TRACKING_USERNAME",
    "password": "MLFLOW_TRACKING_PASSWORD",
    "token": "MLFLOW_TRACKING_TOKEN",
}


def found(environ: Mapping[str, str]) -> dict[str, str]:
    """By key of Pintle's Secret: username and password, or token; empty where the registry needs none."""
    return {key: environ[name] for key, name in NAMES.items() if environ.get(name)}


def secrets(credentials: Mapping[str, str]) -> list[dict[str, Any]]:
    """Pintle's Secret, and the same as variables for the plain Deployment."""
    variables = {NAMES[key]: value for key, value in credentials.items()}
    return [
        _secret("mlflow-credentials", "pintle.dev/registry-credentials", dict(credentials)),
        _secret("plain-credentials", "Opaque", variables),
    ]


def give(kube: Kube, credentials: Mapping[str, str]) -> None:
    """Put them into the namespace `demo`, with the Role that lets the operator read Pintle's."""
    items = {"apiVersion": "v1", "kind": "List", "items": secrets(credentials)}
    kube.run("apply", "--filename=-", stdin=json.dumps(items))


def _secret(name: str, kind: str, content: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "demo"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": content}
