"""What of an object is kept in memory: all that something reads, which of a pod is little."""

from collections.abc import Mapping
from typing import Any

from pintle import naming
from pintle.domain import Json, Resource
from pintle.domain.resources import NAMESPACES, PODS

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_POD_METADATA = frozenset(
    {
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "labels",
        "creationTimestamp",
        "deletionTimestamp",
        "ownerReferences",
    }
)
_NAMESPACE_METADATA = frozenset({"name", "uid", "resourceVersion", "deletionTimestamp", "labels"})


def slim(resource: Resource, obj: Json) -> Mapping[str, Any]:
    """Leave out what nothing reads: field managers, kubectl's copy, and of a pod all but its state."""
    if resource == NAMESPACES:
        return {"metadata": {k: v for k, v in obj["metadata"].items() if k in _NAMESPACE_METADATA}}
    metadata = {k: v for k, v in obj["metadata"].items() if k not in ("managedFields", "annotations")}
    annotations = {k: v for k, v in (obj["metadata"].get("annotations") or {}).items() if k != _LAST_APPLIED}
    if resource == PODS:
        metadata = {k: v for k, v in metadata.items() if k in _POD_METADATA}
        annotations = {k: v for k, v in annotations.items() if k == naming.ANNOTATION_ROLE}
    if annotations:
        metadata["annotations"] = annotations
    if resource != PODS:
        return {**obj, "metadata": metadata}
    node = (obj.get("spec") or {}).get("nodeName")
    spec = {"nodeName": node} if node else {}
    return {"metadata": metadata, "spec": spec, "status": obj.get("status") or {}}
