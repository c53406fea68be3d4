"""Objects as their owner wrote them: what has to be applied to have them again."""

from collections.abc import Iterable, Iterator
from typing import Any

from kubectl_pintle.names import LAST_APPLIED, Json

_KEPT = ("name", "namespace", "labels", "annotations")


def manifest(body: Json) -> dict[str, Any]:
    """An object without what only its cluster knows of it: no status, no uid, no owner, no versions."""
    metadata = {key: value for key, value in body["metadata"].items() if key in _KEPT}
    annotations = {k: v for k, v in metadata.pop("annotations", {}).items() if k != LAST_APPLIED}
    if annotations:
        metadata["annotations"] = annotations
    head = {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": metadata}
    return {**head, "spec": body["spec"]}


def whole(bodies: Iterable[Json]) -> dict[str, Any]:
    """A List of manifests, as `kubectl apply -f` takes it."""
    return {"apiVersion": "v1", "kind": "List", "items": [manifest(body) for body in bodies]}


def needed(bodies: Iterable[Json]) -> list[str]:
    """What these name and are not: Secrets and ConfigMaps, each as `Secret ml/credentials`, in order."""
    found = {text for body in bodies for text in _named(body)}
    return sorted(found)


def _named(body: Json) -> Iterator[str]:
    namespace, spec = body["metadata"].get("namespace"), body["spec"]
    where = f"{namespace}/" if namespace else ""
    if secret := spec.get("secretRef"):
        yield f"Secret {where}{secret['name']}"
    cases = ((spec.get("rollout") or {}).get("proof") or {}).get("cases") or {}
    if config_map := cases.get("configMapRef"):
        yield f"ConfigMap {where}{config_map['name']}"
