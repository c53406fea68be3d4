"""The metadata that every child has, what a patch of one names, and how what was changed is put back."""

from collections.abc import Mapping
from typing import Any, Protocol

from pintle.api import GROUP, VERSION, ModelDeployment
from pintle.domain import Patch, Resource


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


class Seen(Protocol):
    """An object as it was observed."""

    @property
    def uid(self) -> str: ...

    @property
    def resource_version(self) -> str: ...


def precondition(seen: Seen) -> dict[str, Any]:
    """What a patch's metadata names, so that it is refused if the object has changed since."""
    return {"uid": seen.uid, "resourceVersion": seen.resource_version}


def put_back(
    resource: Resource, name: str, seen: Seen, changed: Mapping[str, Any], *, called: str = ""
) -> Patch | None:
    """Write what stands at each path, such as `spec.rules`; None if there is nothing."""
    if not changed:
        return None
    body: dict[str, Any] = {"metadata": precondition(seen), "spec": {}}
    for path, value in changed.items():
        place, _, member = path.partition(".")
        body[place][member] = value
    why = f"put back what was changed on {called or f'{resource.kind} {name}'}: {', '.join(changed)}"
    return Patch(resource, name, body, why, repairs=tuple(changed))
