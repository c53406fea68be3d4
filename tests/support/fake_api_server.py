"""An API server in memory: what Pintle relies on of the real one, and no more.

`tests/contract/test_cluster.py` runs the same cases against this and against a real API server.
Methods are what anybody may do (`kubectl`, a controller, the operator): each is one request that
succeeds whole or raises an `errors.ClusterError` and changes nothing.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from pintle import errors, naming
from pintle.domain.resources import (
    AUTOSCALERS,
    BUDGETS,
    CLUSTER_REGISTRY_CONNECTIONS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    HTTP_ROUTES,
    MODEL_DEPLOYMENTS,
    MODEL_RUNTIMES,
    NAMESPACES,
    OPTIONAL_CHILDREN,
    PODS,
    REGISTRY_CONNECTIONS,
    SERVICES,
)
from pintle.ports import Clock, Json, PatchType, Resource, Subresource
from tests.support.builtin_defaults import apply_builtin_defaults
from tests.support.crd_defaults import apply_crd_defaults
from tests.support.patches import copied, json_patch, matches, merge

Body: TypeAlias = dict[str, Any]
WatchType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED"]
Listener: TypeAlias = Callable[[WatchType, Resource, Body], None]

REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
# A kind of the contract tests' own: see tests/data/crds/widgets.yaml.
WIDGETS = Resource("test.pintle.dev", "v1", "widgets", "Widget")

_CUSTOM = {MODEL_DEPLOYMENTS, REGISTRY_CONNECTIONS, CLUSTER_REGISTRY_CONNECTIONS, MODEL_RUNTIMES, WIDGETS}
_WITH_GENERATION = {*_CUSTOM, DEPLOYMENTS, BUDGETS, REPLICA_SETS, HTTP_ROUTES}
_WITH_STATUS = {*_WITH_GENERATION, AUTOSCALERS, SERVICES, PODS} - {MODEL_RUNTIMES}
_SERVER_SET = ("uid", "creationTimestamp", "generation", "namespace", "name", "deletionTimestamp")


class FakeApiServer:
    """Objects by kind, namespace and name. `listeners` are told of each change as it is stored.

    `webhooks` are mutating admission webhooks: each may change what a write is about to store. `unserved` are
    kinds whose definitions are not installed.
    """

    def __init__(self, clock: Clock, namespaces: tuple[str, ...] = ("ml",)) -> None:
        self.clock = clock
        self.version = 100
        self.listeners: list[Listener] = []
        self.webhooks: list[Callable[[Resource, Body], None]] = []
        self.unserved: set[Resource] = set(OPTIONAL_CHILDREN)
        self._objects: dict[Resource, dict[tuple[str, str], Body]] = defaultdict(dict)
        for name in namespaces:
            self.create(NAMESPACES, "", {"metadata": {"name": name}})

    def get(self, resource: Resource, namespace: str, name: str) -> Body:
        return copied(self._find(resource, namespace, name))

    def find(self, resource: Resource, namespace: str, name: str) -> Body | None:
        """As `get`, but None instead of NotFound."""
        obj = self._objects.get(resource, {}).get((namespace, name))
        return copied(obj) if obj else None

    def objects(self, resource: Resource, *, labels: str = "", namespace: str | None = None) -> list[Body]:
        """Objects sorted by namespace and name, as etcd gives them."""
        self._check_served(resource)
        return [
            copied(obj)
            for (at, _), obj in sorted(self._objects[resource].items())
            if matches(labels, obj["metadata"].get("labels") or {}) and namespace in (None, at)
        ]

    def owned(self) -> list[tuple[Resource, Body]]:
        """The metadata of every object, by kind: all that a garbage collector needs, and a small part."""
        return [(r, copied(o["metadata"])) for r, found in self._objects.items() for o in found.values()]

    def kinds(self) -> tuple[Resource, ...]:
        """The kinds of which there has been an object."""
        return tuple(self._objects)

    def create(self, resource: Resource, namespace: str, body: Json) -> Body:
        obj = {"apiVersion": resource.api_version, "kind": resource.kind, **copied(dict(body))}
        metadata = obj["metadata"]
        name = metadata["name"]
        self._check_served(resource)
        self._check_namespace(resource, namespace)
        if metadata.get("resourceVersion"):
            raise errors.Invalid("resourceVersion should not be set on objects to be created", status=400)
        if (namespace, name) in self._objects[resource]:
            raise errors.AlreadyExists(f'{resource.plural} "{name}" already exists', status=409)
        if resource in _WITH_STATUS:
            obj.pop("status", None)
        if resource == PODS:
            obj["status"] = {"phase": "Pending"}
        metadata |= {
            "uid": f"uid-{self.version + 1}",
            "creationTimestamp": naming.timestamp(self.clock.now()),
        }
        if namespace:
            metadata["namespace"] = namespace
        if resource in _WITH_GENERATION:
            metadata["generation"] = 1
        self._default(resource, obj)
        return self._commit("ADDED", resource, obj)

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Json | list[Json],
        *,
        patch_type: PatchType = "merge",
        subresource: Subresource = "",
    ) -> Body:
        if (patch_type == "json") is not isinstance(body, list):
            raise errors.Invalid(f"cannot decode the body as a {patch_type} patch", status=400)
        current = self._find(resource, namespace, name)
        shown = _scale(current) if subresource == "scale" else copied(current)
        patched = json_patch(shown, body) if isinstance(body, list) else merge(shown, body)
        if subresource == "scale":
            self._check_preconditions(resource, current, patched["metadata"], subresource)
            patched = copied(current) | {
                "spec": {**current["spec"], "replicas": patched["spec"].get("replicas", 0)}
            }
            return _scale(self._update(resource, current, patched, ""))
        return copied(self._update(resource, current, patched, subresource))

    def set_status(self, resource: Resource, namespace: str, name: str, status: Json) -> None:
        """Put a whole status in place of the one there is, as controllers and the kubelet do."""
        current = self._find(resource, namespace, name)
        self._update(resource, current, {**copied(current), "status": copied(dict(status))}, "status")

    def replace(self, resource: Resource, namespace: str, body: Json, *, dry_run: bool = False) -> Body:
        current = self._find(resource, namespace, body["metadata"]["name"])
        return copied(self._update(resource, current, copied(dict(body)), "", dry_run=dry_run))

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> None:
        """Remove an object, or mark it where a finalizer or a pod's grace period holds it.

        Dependents go when `FakeControllers` next step, as with propagationPolicy=Background.
        """
        current = self._find(resource, namespace, name)
        wanted = {"uid": uid, "resourceVersion": resource_version}
        self._check_preconditions(resource, current, {k: v for k, v in wanted.items() if v})
        if resource in (PODS, NAMESPACES) or current["metadata"].get("finalizers"):
            if not current["metadata"].get("deletionTimestamp"):
                obj = copied(current)
                obj["metadata"]["deletionTimestamp"] = naming.timestamp(self.clock.now())
                self._commit("MODIFIED", resource, obj)
            return
        self.remove(resource, namespace, name)

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """Take an object out of the store, as the kubelet and the finalizers' owners do in the end."""
        self._commit("DELETED", resource, copied(self._find(resource, namespace, name)))

    def _check_served(self, resource: Resource) -> None:
        if resource in self.unserved:
            raise errors.NotFound("the server could not find the requested resource", status=404)

    def _find(self, resource: Resource, namespace: str, name: str) -> Body:
        self._check_served(resource)
        try:
            return self._objects[resource][namespace, name]
        except KeyError:
            group = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
            raise errors.NotFound(f'{group} "{name}" not found', status=404) from None

    def _check_namespace(self, resource: Resource, namespace: str) -> None:
        if not resource.namespaced:
            return
        found = self._find(NAMESPACES, "", namespace)
        if found["metadata"].get("deletionTimestamp"):
            raise errors.Forbidden(
                f"unable to create new content in namespace {namespace} because it is being terminated",
                status=403,
            )

    @staticmethod
    def _check_preconditions(resource: Resource, current: Body, wanted: Json, subresource: str = "") -> None:
        # The subresources of custom resources take the metadata of the object that there is.
        uid_counts = not (subresource and resource in _CUSTOM)
        for field in ("uid", "resourceVersion") if uid_counts else ("resourceVersion",):
            held = current["metadata"][field]
            if wanted.get(field, held) != held:
                raise errors.Conflict(
                    f"{resource.plural}: {field} is {held}, not {wanted[field]}", status=409
                )

    def _update(
        self, resource: Resource, current: Body, new: Body, subresource: str, *, dry_run: bool = False
    ) -> Body:
        self._check_preconditions(resource, current, new["metadata"], subresource)
        if subresource == "status":
            new = {**copied(current), "status": new.get("status")}
        elif resource in _WITH_STATUS and "status" in current:
            new["status"] = copied(current["status"])
        self._check_immutable(resource, current, new)
        for field in _SERVER_SET:
            new["metadata"].pop(field, None)
            if field in current["metadata"]:
                new["metadata"][field] = current["metadata"][field]
        new["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
        self._default(resource, new)
        if resource in _WITH_GENERATION and _moves_generation(resource, current, new):
            new["metadata"]["generation"] += 1
        if new == current or dry_run:
            return new
        if (
            new["metadata"].get("deletionTimestamp")
            and not new["metadata"].get("finalizers")
            and resource not in (PODS, NAMESPACES)
        ):
            return self._commit("DELETED", resource, new)
        return self._commit("MODIFIED", resource, new)

    @staticmethod
    def _check_immutable(resource: Resource, current: Body, new: Body) -> None:
        if resource == CONTROLLER_REVISIONS and new.get("data") != current.get("data"):
            raise errors.Invalid("data: Invalid value: field is immutable", status=422)
        if resource == DEPLOYMENTS and new["spec"]["selector"] != current["spec"]["selector"]:
            raise errors.Invalid("spec.selector: Invalid value: field is immutable", status=422)

    def _default(self, resource: Resource, obj: Body) -> None:
        for webhook in self.webhooks:
            webhook(resource, obj)
        if resource in _CUSTOM:
            apply_crd_defaults(resource.plural, obj)
        else:
            apply_builtin_defaults(resource.plural, obj)

    def _commit(self, change: WatchType, resource: Resource, obj: Body) -> Body:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        if change == "DELETED":
            del self._objects[resource][key]
        else:
            self._objects[resource][key] = obj
        for listener in tuple(self.listeners):
            listener(change, resource, copied(obj))
        return copied(obj)


def _moves_generation(resource: Resource, current: Body, new: Body) -> bool:
    """A Deployment's generation moves with its annotations too, as its controller copies them on."""
    if new.get("spec") != current.get("spec"):
        return True
    old, now = (obj["metadata"].get("annotations") or {} for obj in (current, new))
    return resource == DEPLOYMENTS and old != now


def _scale(obj: Body) -> Body:
    replicas = obj["spec"].get("replicas", 0)
    metadata = {
        k: obj["metadata"][k] for k in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    }
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": metadata,
        "spec": {"replicas": replicas} if replicas else {},  # `omitempty` in Go: 0 is not there
        "status": {"replicas": (obj.get("status") or {}).get("replicas", 0)},
    }
