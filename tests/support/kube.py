"""A cluster as the end-to-end tests use it: objects by kind, as the administrator."""

import subprocess
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from pintle.domain import Resource
from pintle.domain.resources import PODS
from testbed.api import Cluster
from tests.support.rest import Json, Rest
from tests.support.schemas import REPOSITORY
from tests.support.waiting import until

JOBS = Resource("batch", "v1", "jobs", "Job")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")

# Namespaces of these tests, so that a later run finds what a killed one left.
MINE = {"pintle-tests": "e2e"}
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}


class Kube:
    """Requests to one cluster. A refusal is an AssertionError with the API server's words."""

    def __init__(self, cluster: Cluster, rest: Rest) -> None:
        self.cluster = cluster
        self.rest = rest

    def find(self, resource: Resource, namespace: str, name: str) -> Json | None:
        """An object, or None where there is none."""
        status, answer = self.rest.request("GET", path(resource, namespace, name))
        if status == HTTPStatus.NOT_FOUND:
            return None
        assert status < HTTPStatus.BAD_REQUEST, f"{resource.kind} {name}: {answer.get('message')}"
        return answer

    def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """An object that has to be there."""
        return self.rest.ok("GET", path(resource, namespace, name))

    def list(self, resource: Resource, namespace: str = "", labels: str = "") -> list[Json]:
        """The objects of a kind, without apiVersion and kind, as lists are."""
        query = {"labelSelector": labels} if labels else None
        items: list[Json] = self.rest.ok("GET", path(resource, namespace), query=query)["items"]
        return items

    def create(self, resource: Resource, namespace: str, body: Mapping[str, Any]) -> Json:
        """Make an object; its apiVersion and kind need not be written."""
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        return self.rest.ok("POST", path(resource, namespace), whole)

    def merge(self, resource: Resource, namespace: str, name: str, patch: Mapping[str, Any]) -> Json:
        """Change an object by a merge patch."""
        return self.rest.merge(path(resource, namespace, name), patch)

    def merge_by_name(self, resource: Resource, namespace: str, name: str, patch: Mapping[str, Any]) -> Json:
        """Change an object as `kubectl edit` does, which merges lists by the names of their items."""
        return self._patch(path(resource, namespace, name), patch, kind="strategic-merge-patch+json")

    def apply(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any], *, manager: str
    ) -> Json:
        """Own some fields of an object as a controller does that applies them by force."""
        head = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}}
        metadata = {"name": name, **body.get("metadata", {})}
        whole = {**head, **body, "metadata": metadata}
        query = {"fieldManager": manager, "force": "true"}
        return self._patch(path(resource, namespace, name), whole, kind="apply-patch+yaml", query=query)

    def _patch(
        self, where: str, body: Mapping[str, Any], *, kind: str, query: Mapping[str, str] | None = None
    ) -> Json:
        headers = {"Content-Type": f"application/{kind}"}
        status, answer = self.rest.request("PATCH", where, body, query=query, headers=headers)
        assert status < HTTPStatus.BAD_REQUEST, answer.get("message")
        return answer

    def scale(self, resource: Resource, namespace: str, name: str, replicas: int) -> None:
        """Set an object's replicas."""
        self.rest.merge(f"{path(resource, namespace, name)}/scale", {"spec": {"replicas": replicas}})

    def delete(self, resource: Resource, namespace: str, name: str, *, grace: int | None = None) -> None:
        """Delete an object, in the background. With `grace` 0 a pod is gone at once, whatever it does."""
        query = {} if grace is None else {"gracePeriodSeconds": str(grace)}
        status, answer = self.rest.request("DELETE", path(resource, namespace, name), query=query)
        assert status < HTTPStatus.BAD_REQUEST or status == HTTPStatus.NOT_FOUND, answer.get("message")

    def evict(self, namespace: str, pod: str) -> int:
        """Ask for a pod's eviction, as a drain does; the status: 201, or 429 where a budget refuses it."""
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        status, answer = self.rest.request("POST", f"{path(PODS, namespace, pod)}/eviction", body)
        assert status in {HTTPStatus.CREATED, HTTPStatus.TOO_MANY_REQUESTS}, answer
        return status

    def kubectl(self, *arguments: str, stdin: str | None = None, within: float = 120) -> str:
        """What a kubectl command prints. If it fails, so does the test."""
        done = subprocess.run(
            self.cluster.kubectl(*arguments),
            cwd=REPOSITORY,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def rolled_out(self, deployment: Resource, namespace: str, name: str, *, within: float) -> None:
        """Wait until all pods of a Deployment are of its last template, and available."""

        def done() -> bool:
            body = self.get(deployment, namespace, name)
            status, wanted = body.get("status", {}), body["spec"]["replicas"]
            seen: bool = status.get("observedGeneration") == body["metadata"]["generation"]
            counts = {status.get(field, 0) for field in ("replicas", "updatedReplicas", "availableReplicas")}
            return seen and counts == {wanted}

        until(
            done,
            within=within,
            what=f"Deployment {namespace}/{name} is rolled out",
            now=lambda: self.kubectl("-n", namespace, "get", "pods,events"),
        )


def path(resource: Resource, namespace: str = "", name: str = "") -> str:
    """`/apis/apps/v1/namespaces/ml/deployments/iris`, or as much of it as is given."""
    root = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.version}"
    scope = f"/namespaces/{namespace}" if namespace and resource.namespaced else ""
    return f"{root}{scope}/{resource.plural}" + (f"/{name}" if name else "")


def watch_path(resource: Resource, namespace: str, **query: str) -> str:
    """The path of a watch of a kind in a namespace."""
    return f"{path(resource, namespace)}?{urlencode({'watch': '1', 'allowWatchBookmarks': 'true', **query})}"
