"""A model that serves already, by a Deployment and a Service that somebody made: of no model server's make.

It answers each request with the same prediction, and says that it is version 0.
"""

from typing import Any

import orjson

from pintle.domain.resources import DEPLOYMENTS, SERVICES
from tests.support.kube import Kube
from tests.support.mlflow_pod import IMAGE
from tests.support.rest import Json
from tests.support.server_pods import RESTRICTED_CONTAINER, RESTRICTED_POD

VERSION = "0"
DEPLOYMENT = "by-hand"
PORT, POD_PORT = 5000, 9000
LABELS = {"app": "iris"}
_SERVER = """
import http.server, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.answer(b'{"predictions": [0.5]}')
    def do_GET(self):
        self.answer(b"ready")
    def answer(self, body):
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("pintle-model", "iris/0")
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
Server(("", int(sys.argv[1])), Handler).serve_forever()
"""


def deployment(name: str = DEPLOYMENT, *, port: int = POD_PORT, replicas: int = 2) -> dict[str, Any]:
    """The Deployment."""
    container = {
        "name": "model",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-c", _SERVER, str(port)],
        "ports": [{"containerPort": port}],
        "readinessProbe": {"httpGet": {"path": "/", "port": port}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}},
        "securityContext": RESTRICTED_CONTAINER,
    }
    template = {
        "metadata": {"labels": LABELS},
        "spec": {"containers": [container], "securityContext": RESTRICTED_POD},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": template}
    return {"metadata": {"name": name, "labels": LABELS}, "spec": spec}


def service(name: str, *, port: int = PORT, target_port: int = POD_PORT) -> dict[str, Any]:
    """The Service, whose port has no name, as ports that are alone mostly have none."""
    ports = [{"port": port, "targetPort": target_port}]
    return {
        "apiVersion": SERVICES.api_version,
        "kind": SERVICES.kind,
        "metadata": {"name": name},
        "spec": {"selector": LABELS, "ports": ports},
    }


def create(kube: Kube, namespace: str, name: str = "iris", *, port: int = PORT) -> Json:
    """Make both, the Service by `kubectl apply`, and wait until the pods are ready; the Service as it is."""
    kube.create(DEPLOYMENTS, namespace, deployment())
    apply(kube, namespace, name, port=port)
    kube.rolled_out(DEPLOYMENTS, namespace, DEPLOYMENT, within=120)
    return kube.get(SERVICES, namespace, name)


def apply(kube: Kube, namespace: str, name: str = "iris", *, port: int = PORT) -> None:
    """Apply the Service as it is in Git, say, with the fields that it has there."""
    text = orjson.dumps(service(name, port=port)).decode()
    kube.kubectl("-n", namespace, "apply", "-f", "-", stdin=text)
