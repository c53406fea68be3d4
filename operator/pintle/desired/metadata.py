"""The metadata that every child has: owner, labels, and nothing of the parent's own labels."""

from collections.abc import Mapping
from typing import Any

from pintle.api import GROUP, VERSION, ModelDeployment


def owned(
    deployment: ModelDeployment,
    name: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Metadata of a child. Garbage collection deletes it with its owner; nothing blocks that (P3)."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": deployment.namespace,
        "labels": dict(labels),
        "ownerReferences": [
            {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": "ModelDeployment",
                "name": deployment.name,
                "uid": deployment.uid,
                "controller": True,
            }
        ],
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    return metadata
