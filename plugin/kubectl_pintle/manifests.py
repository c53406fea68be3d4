"""Objects as their owner wrote them: what has to be applied to have them again."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from kubectl_pintle.names import LAST_APPLIED, Json

_OF_THE_CLUSTER = frozenset({"PriorityClass", "ModelRuntime", "ClusterRegistryConnection"})
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


def needed(bodies: Collection[Json]) -> list[str]:
    """What these are in or name and are not, each as `Secret ml/credentials`: namespaces, then in order."""
    there = {f"{body['kind']} {body['metadata']['name']}" for body in bodies}
    found = {text for body in bodies for text in _named(body)} - there
    return sorted(found, key=lambda text: (not text.startswith("Namespace "), text))


def _named(body: Json) -> Iterator[str]:
    namespace = body["metadata"].get("namespace")
    where = f"{namespace}/" if namespace else ""
    if namespace:
        yield f"Namespace {namespace}"
    # The Secret of a connection of the cluster is looked up where the connection is used.
    users = "" if namespace else f" in each namespace that uses {body['kind']} {body['metadata']['name']}"
    for kind, name in _references(body["spec"]):
        yield f"{kind} {name}" if kind in _OF_THE_CLUSTER else f"{kind} {where}{name}{users}"


def _references(spec: Json) -> Iterator[tuple[str, str]]:
    """Kind and name of what a spec of one of our kinds cannot do without, but for a Gateway."""
    cases = ((spec.get("rollout") or {}).get("proof") or {}).get("cases") or {}
    # A ClusterRegistryConnection has its certificates in place of a reference.
    bundle = spec.get("caBundle")
    values = [variable["valueFrom"] for variable in spec.get("env") or () if variable.get("valueFrom")]
    registry = spec.get("registryRef") or {}
    of_the_cluster = registry.get("kind") == "ClusterRegistryConnection"
    named = [
        ("Secret", spec.get("secretRef")),
        ("ConfigMap", bundle.get("configMapRef") if isinstance(bundle, Mapping) else None),
        ("ConfigMap", cases.get("configMapRef")),
        ("ClusterRegistryConnection", registry if of_the_cluster else None),
        ("ModelRuntime", spec.get("runtime")),
        *(("Secret", secret) for secret in spec.get("imagePullSecrets") or ()),
        *(("Secret", value.get("secretKeyRef")) for value in values),
        *(("ConfigMap", value.get("configMapKeyRef")) for value in values),
    ]
    needed_ones = ((k, r) for k, r in named if r and r.get("name") and not r.get("optional"))
    yield from ((kind, reference["name"]) for kind, reference in needed_ones)
    for kind, field in (("ServiceAccount", "serviceAccountName"), ("PriorityClass", "priorityClassName")):
        if name := spec.get(field):
            yield kind, name
