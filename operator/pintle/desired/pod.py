"""The pod template of a revision: `fetch`, `install`, then `serve` (design section 7).

Built once, stored in the record, never built again for that revision: a release that renders
pods differently restarts none (P8). Meets Pod Security `restricted`.
"""

from collections.abc import Mapping
from typing import Any

from pintle.domain import NewRevision
from pintle.naming import ANNOTATION_ROLE, registry_config_name, revision_labels, revision_selector

USER = 65532  # the `nonroot` user of distroless images; a number, so that the kubelet can check it
PORT = 8080
GRACE_SECONDS = 60

# Fields of the declared shape that a pod's spec has under the same name and in the same form.
_COPIED = ("nodeSelector", "tolerations", "priorityClassName", "imagePullSecrets", "serviceAccountName")
_CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def template(revision: NewRevision, deployment: str) -> dict[str, Any]:
    """The pod template that a new revision's Deployment will have."""
    shape = revision.shape
    extra = shape.get("podMetadata", {})
    spec: dict[str, Any] = {
        "initContainers": [_fetch(revision), _install(revision)],
        "containers": [_serve(revision)],
        "volumes": _volumes(revision),
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": revision_selector(deployment, revision.name)},
            }
        ],
    }
    spec |= {name: shape[name] for name in _COPIED if name in shape}
    # A token only where somebody named an account to have it of (design section 7), and then as that account
    # says: one that a cloud gives a role to needs none of Kubernetes' own, which `serve` could read.
    if "serviceAccountName" not in shape:
        spec["automountServiceAccountToken"] = False
    return {
        "metadata": {
            "labels": dict(extra.get("labels", {}))
            | revision_labels(deployment, revision.name, revision.identity.version),
            # Cloud webhooks that hand an identity to every container are told to hand it to `fetch` alone.
            "annotations": {"eks.amazonaws.com/skip-containers": "install,serve"}
            | dict(extra.get("annotations", {})),
        },
        "spec": spec,
    }


def _container(revision: NewRevision, step: str, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    """What the three steps have in common.

    All three ask for the same resources: a pod's request is the largest of them, so this costs
    nothing, and a namespace whose quota demands limits on every container accepts the pod.
    """
    resources = revision.shape.get("resources") or revision.runtime.resources
    return {
        "name": step,
        "image": revision.runtime.image,
        "imagePullPolicy": "IfNotPresent",
        "args": [step],
        "resources": {k: dict(v) for k, v in resources.items() if v},
        "securityContext": dict(_CONTAINER_SECURITY),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            *mounts,
            {"name": "revision", "mountPath": "/etc/pintle/revision", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a path in the container
        ],
    }


def _fetch(revision: NewRevision) -> dict[str, Any]:
    """The only container that sees credentials; it runs nothing of the model's."""
    mounts: list[dict[str, Any]] = [
        {"name": "model", "mountPath": "/model"},
        {"name": "registry", "mountPath": "/etc/pintle/registry", "readOnly": True},
    ]
    if revision.secret_name:
        mounts.append({"name": "credentials", "mountPath": "/etc/pintle/credentials", "readOnly": True})
    return _container(revision, "fetch", mounts)


def _install(revision: NewRevision) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [
        {"name": "model", "mountPath": "/model", "readOnly": True},
        {"name": "environment", "mountPath": "/env"},
    ]
    return _container(revision, "install", mounts)


def _serve(revision: NewRevision) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [
        {"name": "model", "mountPath": "/model", "readOnly": True},
        {"name": "environment", "mountPath": "/env", "readOnly": True},
        {"name": "podinfo", "mountPath": "/etc/pintle/podinfo", "readOnly": True},
    ]
    container = _container(revision, "serve", mounts)
    container["ports"] = [{"name": "http", "containerPort": PORT, "protocol": "TCP"}]
    container["readinessProbe"] = _probe("/readyz", period=1, timeout=5, failures=3)
    # A minute of silence: a long prediction holds Python's lock, and a restart would not help it.
    container["livenessProbe"] = _probe("/livez", period=10, timeout=5, failures=6)
    if "env" in revision.shape:
        container["env"] = [_variable(v) for v in revision.shape["env"]]
    return container


def _variable(variable: Mapping[str, Any]) -> dict[str, Any]:
    return dict(variable) if "valueFrom" in variable else {"value": "", **variable}


def _probe(path: str, *, period: int, timeout: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "http", "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
        "successThreshold": 1,
    }


def _volumes(revision: NewRevision) -> list[dict[str, Any]]:
    """What is missing is said by `fetch`, not by a pod stuck in ContainerCreating: hence `optional`."""
    volumes: list[dict[str, Any]] = [
        {"name": "model", "emptyDir": {}},
        {"name": "environment", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "revision", "configMap": {"name": revision.name}},
        {
            "name": "registry",
            "configMap": {"name": registry_config_name(revision.identity.registry), "optional": True},
        },
        {
            "name": "podinfo",
            "downwardAPI": {
                "items": [
                    {
                        "path": "role",
                        "fieldRef": {"fieldPath": f"metadata.annotations['{ANNOTATION_ROLE}']"},
                    }
                ]
            },
        },
    ]
    if revision.secret_name:
        volumes.append(
            {"name": "credentials", "secret": {"secretName": revision.secret_name, "optional": True}}
        )
    return volumes
