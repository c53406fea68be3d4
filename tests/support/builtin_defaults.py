"""What the API server fills in on the built-in kinds that Pintle writes.

Only what Pintle's own bodies meet; the contract tests compare these with a real API server.
"""

from collections.abc import Mapping
from typing import Any

_DEFAULT_MODE = 420


def apply_builtin_defaults(plural: str, obj: dict[str, Any]) -> None:
    """Fill in the defaults of a Deployment or a Service, in place."""
    if plural == "deployments":
        _deployment(obj["spec"])
    elif plural == "services":
        _service(obj["spec"])


def _default(mapping: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    for name, value in defaults.items():
        mapping.setdefault(name, value)


def _deployment(spec: dict[str, Any]) -> None:
    _default(spec, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600})
    strategy = spec.setdefault("strategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _default(strategy.setdefault("rollingUpdate", {}), {"maxUnavailable": "25%", "maxSurge": "25%"})
    _pod(spec["template"]["spec"])


def _pod(spec: dict[str, Any]) -> None:
    _default(
        spec,
        {
            "restartPolicy": "Always",
            "dnsPolicy": "ClusterFirst",
            "schedulerName": "default-scheduler",
            "terminationGracePeriodSeconds": 30,
            "securityContext": {},
        },
    )
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        _container(container)
    for volume in spec.get("volumes", []):
        for source in ("configMap", "secret", "downwardAPI", "projected"):
            if source in volume:
                volume[source].setdefault("defaultMode", _DEFAULT_MODE)
        for item in volume.get("downwardAPI", {}).get("items", []):
            item.get("fieldRef", {}).setdefault("apiVersion", "v1")


def _container(container: dict[str, Any]) -> None:
    tag = container["image"].rsplit("/", 1)[-1].partition(":")[2]
    _default(
        container,
        {
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "resources": {},
            "imagePullPolicy": "Always" if tag in ("", "latest") else "IfNotPresent",
        },
    )
    for port in container.get("ports", []):
        port.setdefault("protocol", "TCP")
    for variable in container.get("env", []):
        if variable.get("value") == "":
            del variable["value"]  # `omitempty` in Go
        if "fieldRef" in variable.get("valueFrom", {}):
            variable["valueFrom"]["fieldRef"].setdefault("apiVersion", "v1")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            probe = container[name]
            _default(
                probe,
                {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
            )
            if "httpGet" in probe:
                _default(probe["httpGet"], {"scheme": "HTTP", "path": "/"})


def _service(spec: dict[str, Any]) -> None:
    _default(spec, {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"})
    for port in spec.get("ports", []):
        _default(port, {"protocol": "TCP", "targetPort": port["port"]})
