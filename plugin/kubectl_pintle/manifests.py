"""Objects as their owner wrote them: what has to be applied to have them again."""

from collections.abc import Iterable, Iterator, Mapping
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
    """What these are in or name and are not, each as `Secret ml/credentials`: namespaces, then in order."""
    found = {text for body in bodies for text in _named(body)}
    return sorted(found, key=lambda text: (not text.startswith("Namespace "), text))


def _named(body: Json) -> Iterator[str]:
    namespace = body["metadata"].get("namespace")
    where = f"{namespace}/" if namespace else ""
    if namespace:
        yield f"Namespace {namespace}"
    for kind, name in _references(body["spec"]):
        yield f"{kind} {name}" if kind == "PriorityClass" else f"{kind} {where}{name}"


def _references(spec: Json) -> Iterator[tuple[str, str]]:
    """Kind and name of all that a spec of one of our kinds names by a field of its own."""
    cases = ((spec.get("rollout") or {}).get("proof") or {}).get("cases") or {}
    # A ClusterRegistryConnection has its certificates in place of a reference.
    bundle = spec.get("caBundle")
    values = [variable["valueFrom"] for variable in spec.get("env") or () if variable.get("valueFrom")]
    named = [
        ("Secret", spec.get("secretRef")),
        ("ConfigMap", bundle.get("configMapRef") if isinstance(bundle, Mapping) else None),
        ("ConfigMap", cases.get("configMapRef")),
        *(("Secret", secret) for secret in spec.get("imagePullSecrets") or ()),
        *(("Secret", value.get("secretKeyRef")) for value in values),
        *(("ConfigMap", value.get("configMapKeyRef")) for value in values),
    ]
    yield from ((kind, reference["name"]) for kind, reference in named if reference)
    for kind, field in (("ServiceAccount", "serviceAccountName"), ("PriorityClass", "priorityClassName")):
        if name := spec.get(field):
            yield kind, name
