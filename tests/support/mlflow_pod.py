"""MLflow's tracking server as a pod, and the Job that registers models with it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from pintle.domain.resources import DEPLOYMENTS, NAMESPACES, PODS, SECRETS, SERVICES
from tests.support import server_pods
from tests.support.kube import JOBS, MINE, RESTRICTED, Kube
from tests.support.rest import Json
from tests.support.server_pods import RESTRICTED_CONTAINER, RESTRICTED_POD
from tests.support.waiting import until

IMAGE = "docker.io/pintle/mlflow:0.1.0"
PORT = 5000
# MLflow's own default for administrators.
ADMIN = "admin"
ADMIN_PASSWORD = "admin-of-the-tests"

_SERVER = f"mlflow server --host 0.0.0.0 --port {PORT} --workers 1"
_STORES = "--backend-store-uri sqlite:////data/registry.db --artifacts-destination /data/artifacts"
# The pod outlives the server: stopped, it refuses connections as a dead server does, and its data stay.
# `setsid` makes the server and its workers one process group, which can be ended whole.
_KEEP_RUNNING = """
while :; do
  if [ -e /data/stopped ]; then sleep 0.1; continue; fi
  setsid {server} & echo $! > /data/pid
  wait $!
done
"""
_STOP = "touch /data/stopped; kill -s KILL -- -$(cat /data/pid)"
_START = "rm -f /data/stopped"
# The kernel goes on accepting connections for a process that does nothing.
_HANG = "kill -s STOP -- -$(cat /data/pid)"
_GO_ON = "kill -s CONT -- -$(cat /data/pid)"
_ASK = """
import sys, urllib.request as http
uri, method, body = sys.argv[1:]
headers = {"Content-Type": "application/json"}
http.urlopen(http.Request(uri, body.encode(), headers, method=method), timeout=30)
"""

_SOURCE = """
import sys, mlflow
print(mlflow.MlflowClient("http://localhost:5000").get_model_version(*sys.argv[1:]).source)
"""

_TAGS = """
import json, sys, mlflow
client, model = mlflow.MlflowClient("http://localhost:5000"), sys.argv[1]
print(json.dumps({version: client.get_model_version(model, version).tags for version in sys.argv[2:]}))
"""


@dataclass(frozen=True)
class MlflowPod:
    """A tracking server in a namespace of its own."""

    kube: Kube
    namespace: str
    users: bool = False
    hosts: str = "*"
    """The names that it may be asked by, as `--allowed-hosts` takes them."""

    @property
    def uri(self) -> str:
        return f"http://mlflow.{self.namespace}.svc:{PORT}"

    def create(self) -> None:
        """Ask for it; `wait` waits until it answers."""
        labels = MINE | RESTRICTED
        self.kube.create(NAMESPACES, "", {"metadata": {"name": self.namespace, "labels": labels}})
        self.kube.create(SERVICES, self.namespace, _service())
        if self.users:
            self.kube.create(SECRETS, self.namespace, {"metadata": {"name": "auth"}, "stringData": _auth()})
        self.kube.create(DEPLOYMENTS, self.namespace, _deployment(users=self.users, hosts=self.hosts))

    def wait(self, *, within: float = 180) -> None:
        """Wait until it answers."""
        self.kube.rolled_out(DEPLOYMENTS, self.namespace, "mlflow", within=within)

    def register(
        self,
        model: str,
        *variants: str,
        environment: Mapping[str, str] = MappingProxyType({}),
        within: float = 300,
    ) -> list[str]:
        """Register a version for each variant of the demo's models; their numbers, in order.

        `environment` is what the client needs that writes the artifacts.
        """
        name = f"register-{model}"
        variables = {"MLFLOW_TRACKING_URI": self.uri, **environment}
        self.kube.create(JOBS, self.namespace, _job(name, variables, ["--model", model, *variants]))

        def done() -> Json | None:
            status: Json = self.kube.get(JOBS, self.namespace, name).get("status", {})
            return status if status.get("succeeded") or status.get("failed") else None

        status = until(done, within=within, what=f"Job {name} has ended")
        printed = self.kube.kubectl("-n", self.namespace, "logs", f"job/{name}", "--all-containers")
        assert status.get("succeeded"), f"registering {', '.join(variants)} failed:\n{printed}"
        lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
        assert [line["variant"] for line in lines] == list(variants), printed
        return [str(line["version"]) for line in lines]

    def delete(self) -> None:
        """Remove it with its namespace, in the background."""
        self.kube.delete(NAMESPACES, "", self.namespace)

    def stop(self) -> None:
        """End the server as a crash would, and wait until the kubelet has noticed."""
        self.shell(_STOP)
        until(lambda: not self._ready(), within=30, what="the MLflow pod is not ready any more")

    def start(self) -> None:
        """Start it again with all that it stored, and wait until it answers."""
        self.shell(_START)
        until(self._ready, within=60, what="MLflow answers again")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the server for as long as the block lasts."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """For as long as the block lasts, accept connections and answer nothing."""
        self.shell(_HANG)
        try:
            yield
        finally:
            self.shell(_GO_ON)
            until(self._ready, within=60, what="MLflow answers again")

    @contextmanager
    def changed(self, version: str) -> Iterator[None]:
        """For as long as the block lasts, other bytes in a version of model iris, behind MLflow's back."""
        source = self.source("iris", version).removeprefix("models:/")
        file, before = (
            "$(find /data/artifacts -path '*/" + source + "/*' -name conda.yaml)",
            "/data/conda.yaml",
        )
        self.shell(f"cp {file} {before} && echo '# changed after it was registered' >> {file}")
        try:
            yield
        finally:
            self.shell(f"cat {before} > {file}")

    def asked(self, since: float) -> list[str]:
        """The requests to its registry, from its log: those since a time in seconds since 1970."""
        # The API server cuts this time to whole seconds, so lines of up to a second before come too.
        moment = datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds")
        command = ("-n", self.namespace, "logs", "deploy/mlflow", "--timestamps", f"--since-time={moment}")
        stamped = (line.partition(" ") for line in self.kube.kubectl(*command).splitlines())
        late = (text for at, _, text in stamped if datetime.fromisoformat(at).timestamp() >= since)
        return [line for line in late if "/api/2.0/mlflow/" in line]

    def run(self, code: str, *arguments: str) -> str:
        """What a piece of Python prints that runs in the pod: a client inside the cluster."""
        command = ("-n", self.namespace, "exec", "deploy/mlflow", "-c", "mlflow", "--")
        return self.kube.kubectl(*command, "python", "-c", code, *arguments)

    def source(self, model: str, version: str) -> str:
        """Where a version's artifacts are, as it says itself."""
        return self.run(_SOURCE, model, version).strip()

    def set_alias(self, model: str, alias: str, version: str) -> None:
        """Have an alias name a version, wherever it was before."""
        self._ask("POST", "registered-models/alias", {"name": model, "alias": alias, "version": version})

    def delete_alias(self, model: str, alias: str) -> None:
        """Remove an alias, if it is there."""
        self._ask("DELETE", "registered-models/alias", {"name": model, "alias": alias})

    def set_tag(self, model: str, version: str, key: str, value: str) -> None:
        """Set a tag of a version."""
        body = {"name": model, "version": version, "key": key, "value": value}
        self._ask("POST", "model-versions/set-tag", body)

    def delete_tag(self, model: str, version: str, key: str) -> None:
        """Remove a tag of a version."""
        self._ask("DELETE", "model-versions/delete-tag", {"name": model, "version": version, "key": key})

    def tags(self, model: str, *versions: str) -> dict[str, dict[str, str]]:
        """The tags of versions, by MLflow's own client."""
        read: dict[str, dict[str, str]] = json.loads(self.run(_TAGS, model, *versions))
        return read

    def copy_version(self, model: str, version: str, other: str) -> None:
        """Register a version as version 1 of another model, which is made for it."""
        self._ask("POST", "registered-models/create", {"name": other})
        source = f"models:/{model}/{version}"
        self._ask("POST", "model-versions/create", {"name": other, "source": source})

    def delete_model(self, model: str) -> None:
        """Remove a model with its versions; its artifacts stay."""
        self._ask("DELETE", "registered-models/delete", {"name": model})

    def _ask(self, method: str, what: str, body: dict[str, str]) -> None:
        """One request to its REST interface, from inside: MLflow's client takes seconds to import."""
        self.run(_ASK, f"http://localhost:{PORT}/api/2.0/mlflow/{what}", method, json.dumps(body))

    def shell(self, script: str) -> None:
        """Run a shell script in the pod."""
        command = ("-n", self.namespace, "exec", "deploy/mlflow", "-c", "mlflow", "--")
        self.kube.kubectl(*command, "sh", "-c", script)

    def _ready(self) -> bool:
        pods = self.kube.list(PODS, self.namespace, "app=mlflow")
        conditions = [c for pod in pods for c in pod["status"].get("conditions", ()) if c["type"] == "Ready"]
        return any(c["status"] == "True" for c in conditions)


def _auth() -> dict[str, str]:
    ini = [
        "[mlflow]",
        "default_permission = READ",
        "database_uri = sqlite:////data/users.db",
        f"admin_username = {ADMIN}",
        f"admin_password = {ADMIN_PASSWORD}",
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth",
    ]
    return {"auth.ini": "\n".join(ini) + "\n"}


def _service() -> dict[str, Any]:
    # A server that hangs is not ready, and has to be reached all the same.
    ports = [{"port": PORT, "targetPort": PORT}]
    spec = {"selector": {"app": "mlflow"}, "ports": ports, "publishNotReadyAddresses": True}
    return {"metadata": {"name": "mlflow"}, "spec": spec}


def _deployment(*, users: bool, hosts: str) -> dict[str, Any]:
    env = [{"name": "MLFLOW_DISABLE_TELEMETRY", "value": "true"},
           {"name": "MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "value": "false"}]  # fmt: skip
    mounts = [{"name": "data", "mountPath": "/data"}]
    volumes: list[dict[str, Any]] = [{"name": "data", "emptyDir": {}}]
    server = f"{_SERVER} --allowed-hosts '{hosts}' {_STORES}"
    if users:
        server += " --app-name basic-auth"
        env += [{"name": "MLFLOW_AUTH_CONFIG_PATH", "value": "/auth/auth.ini"},
                {"name": "MLFLOW_FLASK_SERVER_SECRET_KEY", "value": "for-tests"}]  # fmt: skip
        mounts.append({"name": "auth", "mountPath": "/auth"})
        volumes.append({"name": "auth", "secret": {"secretName": "auth"}})
    container = {
        "name": "mlflow",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", _KEEP_RUNNING.format(server=server)],
        "env": env,
        "volumeMounts": mounts,
        "readinessProbe": {
            "httpGet": {"path": "/health", "port": PORT},
            "periodSeconds": 1,
            "timeoutSeconds": 5,
            "failureThreshold": 1,
        },
        "resources": {"requests": {"cpu": "50m", "memory": "512Mi"}},
        "securityContext": RESTRICTED_CONTAINER,
    }
    return server_pods.deployment("mlflow", container, volumes)


def _job(name: str, environment: Mapping[str, str], arguments: list[str]) -> dict[str, Any]:
    container = {
        "name": "register",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "/opt/demo/train.py", *arguments],
        "env": [{"name": variable, "value": value} for variable, value in environment.items()],
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a path in the container
        "securityContext": RESTRICTED_CONTAINER,
    }
    pod = {
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "securityContext": RESTRICTED_POD,
        "automountServiceAccountToken": False,
    }
    return {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": pod}}}
