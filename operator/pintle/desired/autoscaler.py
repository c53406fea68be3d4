"""The HorizontalPodAutoscaler of what serves."""

from typing import Any

from pintle.api import Autoscaling, ModelDeployment
from pintle.desired.metadata import owned, put_back
from pintle.domain import Autoscaler, Create, Delete, Json, Patch
from pintle.domain.resources import AUTOSCALERS, DEPLOYMENTS
from pintle.naming import child_labels


def create(deployment: ModelDeployment, wanted: Json) -> Create:
    """Make it, with a `spec` as below."""
    body = {
        "apiVersion": AUTOSCALERS.api_version,
        "kind": AUTOSCALERS.kind,
        "metadata": owned(deployment, deployment.name, child_labels(deployment.name)),
        "spec": {k: v for k, v in wanted.items() if v is not None},
    }
    why = f"scale {wanted['scaleTargetRef']['name']} by its load"
    return Create(AUTOSCALERS, deployment.name, body, why)


def repair(
    deployment: ModelDeployment, existing: Autoscaler, wanted: Json, left_alone: frozenset[str] = frozenset()
) -> Patch | None:
    """Move it to the revision that serves, and put back what was changed; None where all is as it should be.

    `left_alone` are paths of what others keep changing, as in `Patch.repairs`.
    """
    found = existing.body.get("spec") or {}
    labels = existing.body["metadata"].get("labels") or {}
    missing = {k: v for k, v in child_labels(deployment.name).items() if labels.get(k) != v}
    changed: dict[str, Any] = {"metadata.labels": missing} if missing else {}
    changed |= {f"spec.{k}": v for k, v in wanted.items() if found.get(k) != v}
    return put_back(
        AUTOSCALERS, deployment.name, existing, {p: v for p, v in changed.items() if p not in left_alone}
    )


def delete(existing: Autoscaler, why: str) -> Delete:
    """Take it away; what it scaled keeps its pods."""
    name = str(existing.body["metadata"]["name"])
    return Delete(AUTOSCALERS, name, existing.uid, existing.resource_version, why)


def spec(scaling: Autoscaling, revision: str, least: int) -> dict[str, Any]:
    """Have the Deployment of a revision scaled, to no fewer than `least` pods. What is to be absent is None.

    Of the pod only the container that serves is measured: one that a webhook adds has no say, nor need it
    have a CPU request.
    """
    target = {"type": "Utilization", "averageUtilization": scaling.target_cpu_utilization_percentage}
    metric = {"name": "cpu", "container": "serve", "target": target}
    return {
        "scaleTargetRef": {
            "apiVersion": DEPLOYMENTS.api_version,
            "kind": DEPLOYMENTS.kind,
            "name": revision,
        },
        "minReplicas": least,
        "maxReplicas": scaling.max_replicas,
        "metrics": [{"type": "ContainerResource", "containerResource": metric}],
        "behavior": None,
    }
