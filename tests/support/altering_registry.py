"""A pod that is a registry to the operator and to `fetch`, and alters what MLflow says on the way."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from demo.traffic import IMAGE
from pintle.domain.resources import CONFIG_MAPS, DEPLOYMENTS, SERVICES
from tests.support import server_pods
from tests.support.rig import Rig
from tests.support.server_pods import RESTRICTED_CONTAINER

NAME = "altering"
_SCRIPT = Path(__file__).with_name("altering_server.py")
_FIRST_PORT = 5000


@contextmanager
def altering_registry(rig: Rig, namespace: str, alterations: Mapping[str, str]) -> Iterator[None]:
    """Make a RegistryConnection for each name; its listings have that entry too, unless it is ""."""
    ports = dict(enumerate(alterations, start=_FIRST_PORT))
    variables = {
        "UPSTREAM": rig.mlflow.uri,
        "ALTERATIONS": json.dumps({str(port): alterations[name] for port, name in ports.items()}),
    }
    container = {
        "name": NAME,
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", f"/script/{_SCRIPT.name}"],
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "readinessProbe": {"tcpSocket": {"port": _FIRST_PORT}, "periodSeconds": 1},
        "securityContext": RESTRICTED_CONTAINER,
        "volumeMounts": [{"name": "script", "mountPath": "/script"}],
    }
    volume = {"name": "script", "configMap": {"name": NAME}}
    metadata = {"name": NAME}
    service = {"selector": {"app": NAME}, "ports": [{"name": f"p{port}", "port": port} for port in ports]}
    rig.kube.create(
        CONFIG_MAPS, namespace, {"metadata": metadata, "data": {_SCRIPT.name: _SCRIPT.read_text()}}
    )
    rig.kube.create(SERVICES, namespace, {"metadata": metadata, "spec": service})
    rig.kube.create(DEPLOYMENTS, namespace, server_pods.deployment(NAME, container, [volume]))
    rig.kube.rolled_out(DEPLOYMENTS, namespace, NAME, within=60)
    for port, name in ports.items():
        rig.connect(namespace, name, f"http://{NAME}.{namespace}.svc:{port}")
    yield
    rig.kube.delete(DEPLOYMENTS, namespace, NAME)
