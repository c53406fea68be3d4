"""The pod that sends, and the ConfigMap of its source: plain objects. Meets Pod Security `restricted`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from demo.traffic.generator import config
from demo.traffic.generator.config import Target

IMAGE = "docker.io/pintle/runtime:0.1.0"
CONTAINER = "traffic"
LABELS = {"app.kubernetes.io/name": "pintle-traffic"}
_SOURCE = Path(__file__).parent / "generator"
_MOUNT = "/traffic/generator"


def objects(namespace: str, name: str, targets: Sequence[Target], image: str = IMAGE) -> list[dict[str, Any]]:
    """The ConfigMap and the Pod, in the order in which to create them."""
    metadata = {"name": name, "namespace": namespace, "labels": LABELS}
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(_SOURCE.glob("*.py"))}
    files["config.json"] = config.dump(list(targets))
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": files},
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": _pod(name, image)},
    ]


def _pod(source: str, image: str) -> dict[str, Any]:
    container = {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "generator", f"{_MOUNT}/config.json"],
        "workingDir": str(Path(_MOUNT).parent),
        "env": [{"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "source", "mountPath": _MOUNT, "readOnly": True}],
    }
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 15,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "source", "configMap": {"name": source}}],
    }
