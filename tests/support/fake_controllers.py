"""The controllers of Kubernetes that Pintle's objects meet, in memory, one step at a time.

A step is one round of each: namespaces, garbage collection, Deployments, pods, EndpointSlices, HTTPRoutes,
and autoscalers.
Between two steps nothing moves by itself, so a test sees every state on the way.

Not modelled: a rolling update of one Deployment. Pintle changes nothing of a Deployment but its
replicas, so pods of an old template are only ever replaced, all at once, when drift is put back.
"""

from typing import Any

from pintle import naming
from pintle.domain.resources import DEPLOYMENTS, ENDPOINT_SLICES, NAMESPACES, PODS, SERVICES
from tests.support.fake_api_server import REPLICA_SETS, Body, FakeApiServer
from tests.support.fake_autoscaler import FakeAutoscaler
from tests.support.fake_gateway import FakeGateway
from tests.support.fake_pods import FakeKubelet


class FakeControllers:
    """Steps the controllers over one `FakeApiServer`. `quota` refuses pods by revision, with a message."""

    def __init__(self, api: FakeApiServer) -> None:
        self._api = api
        self.kubelet = FakeKubelet(api)
        self.gateway = FakeGateway(api)
        self.autoscaler = FakeAutoscaler(api)
        self.quota: dict[str, str] = {}
        self._pods_made = 0

    def step(self) -> bool:
        """One round; True if it changed anything."""
        before = self._api.version
        self._empty_namespaces()
        self._collect_garbage()
        for deployment in self._api.objects(DEPLOYMENTS):
            if not deployment["metadata"].get("deletionTimestamp"):
                self._sync(deployment)
        self.kubelet.step()
        for deployment in self._api.objects(DEPLOYMENTS):
            self._report(deployment)
        for service in self._api.objects(SERVICES):
            self._sync_endpoints(service)
        self.gateway.step()
        self.autoscaler.step()
        return self._api.version != before

    def settle(self, limit: int = 50) -> None:
        """Step until nothing changes any more."""
        for _ in range(limit):
            if not self.step():
                return
        raise AssertionError(f"the controllers do not come to rest within {limit} steps")

    def _empty_namespaces(self) -> None:
        """Delete what is in a namespace on its way out, and the namespace when nothing is left."""
        for namespace in self._api.objects(NAMESPACES):
            name = namespace["metadata"]["name"]
            if not namespace["metadata"].get("deletionTimestamp"):
                continue
            left = [(r, o) for r in self._api.kinds() for o in self._api.objects(r, namespace=name)]
            for resource, obj in left:
                self._api.delete(resource, name, obj["metadata"]["name"])
            if not left:
                self._api.remove(NAMESPACES, "", name)

    def _collect_garbage(self) -> None:
        objects = self._api.owned()
        uids = {metadata["uid"] for _, metadata in objects}
        for resource, metadata in objects:
            owners = metadata.get("ownerReferences") or []
            if owners and not any(owner["uid"] in uids for owner in owners):
                self._api.delete(resource, metadata.get("namespace", ""), metadata["name"])

    def _sync(self, deployment: Body) -> None:
        namespace = deployment["metadata"]["namespace"]
        replica_set = self._replica_set(deployment)
        current: list[Body] = []
        outdated: list[Body] = []
        for pod in self._pods(deployment):
            owned = any(
                o["uid"] == replica_set["metadata"]["uid"] for o in pod["metadata"]["ownerReferences"]
            )
            (current if owned else outdated).append(pod)
        surplus = sorted(current, key=_first_to_go)[: max(0, len(current) - deployment["spec"]["replicas"])]
        for pod in outdated + surplus:
            self._api.delete(PODS, namespace, pod["metadata"]["name"])
        if deployment["metadata"]["name"] not in self.quota:
            for _ in range(deployment["spec"]["replicas"] - len(current)):
                self._make_pod(deployment, replica_set)

    def _pods(self, deployment: Body) -> list[Body]:
        selector = ",".join(f"{k}={v}" for k, v in deployment["spec"]["selector"]["matchLabels"].items())
        pods = self._api.objects(PODS, labels=selector, namespace=deployment["metadata"]["namespace"])
        return [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]

    def _replica_set(self, deployment: Body) -> Body:
        metadata, template = deployment["metadata"], deployment["spec"]["template"]
        template_hash = naming.template_digest(template)[-10:]
        name = f"{metadata['name']}-{template_hash}"
        found = self._api.find(REPLICA_SETS, metadata["namespace"], name)
        body = {
            "metadata": {
                "name": name,
                "labels": {**template["metadata"].get("labels", {}), "pod-template-hash": template_hash},
                "ownerReferences": [_owner(deployment)],
            },
            "spec": {"template": template},
        }
        return found or self._api.create(REPLICA_SETS, metadata["namespace"], body)

    def _make_pod(self, deployment: Body, replica_set: Body) -> None:
        self._pods_made += 1
        template, metadata = deployment["spec"]["template"], replica_set["metadata"]
        pod_metadata = {
            **template["metadata"],
            "name": f"{metadata['name']}-{self._pods_made:05d}",
            "labels": metadata["labels"],
            "ownerReferences": [_owner(replica_set)],
        }
        self._api.create(PODS, metadata["namespace"], {"metadata": pod_metadata, "spec": template["spec"]})

    def _report(self, deployment: Body) -> None:
        metadata, replicas = deployment["metadata"], deployment["spec"]["replicas"]
        pods = self._pods(deployment)
        ready = sum(map(is_ready, pods))
        quota = self.quota.get(metadata["name"], "")
        conditions = [
            _condition("Available", "True" if ready >= replicas else "False", "MinimumReplicas", "")
        ]
        if quota and len(pods) < replicas:
            conditions.append(_condition("ReplicaFailure", "True", "FailedCreate", quota))
        status = {
            "observedGeneration": metadata["generation"],
            "replicas": len(pods),
            "updatedReplicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(0, replicas - ready),
            "conditions": conditions,
        }
        status = {name: value for name, value in status.items() if value}
        if status != deployment.get("status"):
            self._api.set_status(DEPLOYMENTS, metadata["namespace"], metadata["name"], status)

    def _sync_endpoints(self, service: Body) -> None:
        metadata = service["metadata"]
        selector = ",".join(f"{k}={v}" for k, v in (service["spec"].get("selector") or {}).items())
        if not selector or metadata.get("deletionTimestamp"):
            return
        pods = self._api.objects(PODS, labels=selector, namespace=metadata["namespace"])
        labels = {
            **(metadata.get("labels") or {}),
            "kubernetes.io/service-name": metadata["name"],
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        }
        wanted = {
            "metadata": {"labels": labels},
            "endpoints": [_endpoint(p) for p in pods if _has_address(p)],
        }
        name = f"{metadata['name']}-slice"
        if self._api.find(ENDPOINT_SLICES, metadata["namespace"], name):
            self._api.patch(ENDPOINT_SLICES, metadata["namespace"], name, wanted)
            return
        made = {"name": name, "labels": labels, "ownerReferences": [_owner(service)]}
        self._api.create(
            ENDPOINT_SLICES, metadata["namespace"], {**wanted, "metadata": made, "addressType": "IPv4"}
        )


def is_ready(pod: Body) -> bool:
    """Tell whether a pod's Ready condition is True."""
    conditions = (pod.get("status") or {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _has_address(pod: Body) -> bool:
    return bool((pod.get("status") or {}).get("podIP"))


def _first_to_go(pod: Body) -> tuple[bool, str]:
    """As the ReplicaSet controller ranks them: pods that are not ready first, then by name here."""
    return (is_ready(pod), pod["metadata"]["name"])


def _endpoint(pod: Body) -> dict[str, Any]:
    metadata, terminating = pod["metadata"], bool(pod["metadata"].get("deletionTimestamp"))
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": is_ready(pod) and not terminating,
            "serving": is_ready(pod),
            "terminating": terminating,
        },
        "targetRef": {
            "kind": "Pod",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
    }


def _owner(obj: Body) -> dict[str, Any]:
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _condition(kind: str, status: str, reason: str, message: str) -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}
