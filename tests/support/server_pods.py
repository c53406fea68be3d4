"""Servers of the tests that run in pods, as Pod Security `restricted` lets them."""

from collections.abc import Mapping, Sequence
from typing import Any

RESTRICTED_POD = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "fsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
RESTRICTED_CONTAINER = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def deployment(
    name: str, container: Mapping[str, Any], volumes: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The Deployment of one such pod, which has the label `app` and ends at once."""
    pod = {
        "containers": [dict(container)],
        "volumes": [dict(volume) for volume in volumes],
        "securityContext": RESTRICTED_POD,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
    }
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": name}, "spec": spec}
