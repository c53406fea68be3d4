"""What `kubectl pintle export` gives, applied to another cluster, of which nothing was there before."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from kubernetes import client, config

from pintle.domain.resources import ENDPOINT_SLICES, NAMESPACES, REGISTRY_CONNECTIONS, SERVICES
from testbed import api, instances
from testbed.providers.embedded import EmbeddedProvider
from testbed.settings import instance_name, kubernetes_version, state_dir
from tests.e2e.conftest import Figure
from tests.support import install
from tests.support.deployed import Deployed, condition
from tests.support.door import opened
from tests.support.kube import RESTRICTED, Kube
from tests.support.mlflow_server import ADMIN, ADMIN_PASSWORD, MlflowServer
from tests.support.pod_security import restricting
from tests.support.predicting import BODY
from tests.support.rest import Rest
from tests.support.schemas import REPOSITORY
from tests.support.terminal import SCRIPTS, environment
from tests.support.waiting import until

# Two clusters are raised one after the other, and in each of them models are started.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

TENANT, SECRET = "ml", "mlflow-credentials"
REGISTRY, PORT = "registry", 5000
LATEST = "2"
# Without the versions of packages: the lock has others for the Python of pods than for that of this machine.
_TRAIN = f"""
import sys
sys.path.insert(0, {str(REPOSITORY / "demo/mlflow")!r})
import variants
variants.installed = lambda: variants.PACKAGES
import train
train.main()
"""


@dataclass(frozen=True)
class Site:
    """A cluster with Pintle, which knows where the registry is."""

    kube: Kube
    folder: Path

    @property
    def identity(self) -> str:
        """No two clusters have the same."""
        uid: str = self.kube.get(NAMESPACES, "", "kube-system")["metadata"]["uid"]
        return uid

    def export(self) -> tuple[str, list[str]]:
        """What the plugin prints for all of the cluster, and what it says is not in it."""
        found = environment(self.kube.cluster, self.folder, SCRIPTS)
        done = _run(["kubectl", "pintle", "export", "-A"], self.folder, found)
        return done.stdout, done.stderr.strip().partition("needed by it: ")[2].split(", ")

    def make(self, what: str) -> None:
        """Make one thing that an export needs and does not have, as whoever is in charge of it does."""
        match what.split():
            case ["Namespace", name]:
                self.kube.create(NAMESPACES, "", {"metadata": {"name": name, "labels": RESTRICTED}})
            case ["Secret", place]:
                namespace, _, name = place.partition("/")
                values = {"username": ADMIN, "password": ADMIN_PASSWORD}
                install.give_credentials(self.kube, namespace, values, name=name)
            case _:
                raise AssertionError(f"nobody knows how to make {what}")

    def predict(self, deployed: Deployed) -> tuple[str, Any]:
        """Which model answers, and what, once the node knows of the Service, which has just been made."""
        address = self.kube.get(SERVICES, deployed.namespace, deployed.name)["spec"]["clusterIP"]
        headers = {"content-type": "application/json"}
        request = Request(f"http://{address}/invocations", BODY.encode(), headers)

        def answered() -> tuple[str, Any] | None:
            with suppress(URLError), urlopen(request, timeout=30) as answer:  # noqa: S310 - a Service
                return answer.headers["pintle-model"], json.load(answer)["predictions"][0]
            return None

        return until(answered, within=30, what=f"{deployed} answers at {address}")


@contextmanager
def new_site(mlflow: MlflowServer, folder: Path) -> Iterator[Site]:
    """A cluster that was not there before and is not there afterwards."""
    provider = EmbeddedProvider(state_dir(), f"{instance_name()}-new", kubernetes_version())
    provider.down()
    folder.mkdir()
    with ExitStack() as ending:
        ending.callback(provider.down)
        cluster = api.ensure(provider=provider)
        ending.enter_context(restricting(cluster))
        cluster.images("operator", "runtime")
        settings = client.Configuration()
        config.load_kube_config(  # type: ignore[no-untyped-call] # the client's, without types
            str(cluster.kubeconfig), client_configuration=settings
        )
        kube = Kube(cluster, Rest(ending.enter_context(client.ApiClient(settings))))
        install.install(kube)
        instance = instances.find(state_dir(), cluster.name)
        assert instance
        address = str(instance.host_address)
        _lead_to(kube, address, ending.enter_context(opened(address, mlflow.port)))
        install.wait(kube)
        yield Site(kube, folder)


def _lead_to(kube: Kube, address: str, port: int) -> None:
    """Have the registry be found by the name that it has in every cluster, wherever it is from there."""
    kube.create(NAMESPACES, "", {"metadata": {"name": REGISTRY, "labels": RESTRICTED}})
    service = {"metadata": {"name": "mlflow"}, "spec": {"ports": [{"port": PORT, "targetPort": port}]}}
    kube.create(SERVICES, REGISTRY, service)
    endpoints = {
        "metadata": {"name": "mlflow", "labels": {"kubernetes.io/service-name": "mlflow"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address]}],
        "ports": [{"port": port}],
    }
    kube.create(ENDPOINT_SLICES, REGISTRY, endpoints)


def _register(mlflow: MlflowServer, folder: Path, *variants: str) -> None:
    """Register versions of model iris, in order."""
    variables = {
        "MLFLOW_TRACKING_URI": mlflow.uri,
        "MLFLOW_TRACKING_USERNAME": ADMIN,
        "MLFLOW_TRACKING_PASSWORD": ADMIN_PASSWORD,
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    _run([sys.executable, "-c", _TRAIN, *variants], folder, os.environ | variables)


def _run(command: list[str], folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done


@pytest.fixture
def mlflow(tmp_path: Path) -> Iterator[MlflowServer]:
    """The registry, which no cluster holds."""
    store = tmp_path / "mlflow"
    store.mkdir()
    server = MlflowServer(store, users=True, hosts="*")
    server.start()
    yield server
    server.stop()


def test_a_backup_serves_in_a_new_cluster(mlflow: MlflowServer, tmp_path: Path, figure: Figure) -> None:
    _register(mlflow, tmp_path, "linear", "boosted")
    with new_site(mlflow, tmp_path / "before") as before:
        before.make(f"Namespace {TENANT}")
        before.make(f"Secret {TENANT}/{SECRET}")
        spec = {"uri": f"http://mlflow.{REGISTRY}.svc:{PORT}", "secretRef": {"name": SECRET}}
        connection = {"metadata": {"name": "mlflow"}, "spec": spec}
        before.kube.create(REGISTRY_CONNECTIONS, TENANT, connection)
        served = Deployed(before.kube, TENANT).serve("1", LATEST).body()["status"]
        answered = before.predict(Deployed(before.kube, TENANT))
        backup, needed = before.export()
        gone = before.identity
    assert needed == [f"Namespace {TENANT}", f"Secret {TENANT}/{SECRET}"]
    assert answered[0] == f"iris/{LATEST}"

    with new_site(mlflow, tmp_path / "after") as after:
        assert after.identity != gone
        assert after.kube.find(NAMESPACES, "", TENANT) is None
        for what in needed:
            after.make(what)
        after.kube.kubectl("apply", "-f", "-", stdin=backup)
        iris = Deployed(after.kube, TENANT)
        body = iris.ready(LATEST)
        proven = condition(body, "Proven")
        assert (proven["status"], proven["reason"]) == ("True", "Passed")
        assert body["status"]["resolved"]["digest"] == served["resolved"]["digest"], "the same bytes"
        assert after.predict(iris) == answered
        assert [pod["metadata"]["labels"]["pintle.dev/version"] for pod in iris.pods()] == [LATEST]
        (record,) = iris.records()
        assert json.loads(record["metadata"]["annotations"]["pintle.dev/cleared"])["proof"] == "passed"
    seconds = body["status"]["history"][0]["durationSeconds"]
    figure(f"version {LATEST} proven again in a new cluster, {seconds} s after the backup was applied")
