"""What a model reaches from where it runs: nothing that is not its own. Asked in its very container."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pintle.domain.resources import DEPLOYMENTS, PODS, SECRETS
from pintle.naming import CREDENTIALS_TYPE
from tests.e2e.conftest import Figure
from tests.support.deployed import Deployed
from tests.support.rest import Json
from tests.support.rig import LINEAR, Rig
from tests.support.waiting import until

PLANTED = "planted-password-4c1e"
SECRET = "mlflow-credentials"
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
# Prints what it reached, by name. It is Python as a model's code is, with the same user, mounts and rights.
PROBE = f"""
import json, os, pathlib
reached = []
for path in ({TOKEN!r}, "/etc/pintle/credentials/password"):
    try:
        pathlib.Path(path).read_text()
        reached.append("read " + path)
    except OSError:
        pass
for folder in ("/", "/etc", "/home", "/usr", "/opt", "/var", "/model", "/env", "/etc/pintle/revision"):
    try:
        path = pathlib.Path(folder, ".probe")
        path.write_text("x")
        path.unlink()
        reached.append("write " + folder)
    except OSError:
        pass
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
if int(status["CapEff"], 16):
    reached.append("capabilities")
if status["NoNewPrivs"].strip() != "1":
    reached.append("new privileges")
if status["Seccomp"].strip() != "2":
    reached.append("any system call")
if os.geteuid() == 0:
    reached.append("root")
if any({PLANTED!r} in value for value in os.environ.values()):
    reached.append("credentials in the environment")
pathlib.Path("/tmp/.probe").write_text("its own")
print(json.dumps(reached))
"""


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Iterator[Deployed]:
    """A model that serves, fetched with credentials."""
    rig.kube.kubectl("-n", namespace, "apply", "-k", "manifests/components/registry-credentials")
    values = {"username": "somebody", "password": PLANTED}
    rig.kube.create(
        SECRETS, namespace, {"metadata": {"name": SECRET}, "type": CREDENTIALS_TYPE, "stringData": values}
    )
    rig.connect(namespace, "guarded", rig.mlflow.uri, secret=SECRET)
    deployed = Deployed(rig.kube, namespace)
    deployed.create(version=int(LINEAR), registryRef={"name": "guarded"})
    deployed.ready(LINEAR)
    yield deployed
    deployed.delete()


def _reached(rig: Rig, namespace: str, pod: str) -> list[str]:
    printed = rig.kube.kubectl("-n", namespace, "exec", pod, "-c", "serve", "--", "python", "-c", PROBE)
    found: list[str] = json.loads(printed)
    return found


def _unguarded(template: Json, name: str) -> Json:
    """A pod of the same image and volumes that lacks what is guarded here, as far as `restricted` lets it."""
    spec: dict[str, Any] = json.loads(json.dumps(template["spec"]))
    (serve,) = spec["containers"]
    fetch = spec.pop("initContainers")[0]
    serve["volumeMounts"] += [m for m in fetch["volumeMounts"] if m["name"] == "credentials"]
    for mount in serve["volumeMounts"]:
        mount.pop("readOnly", None)
    serve |= {"command": ["sleep", "3600"], "args": [], "readinessProbe": None, "livenessProbe": None}
    serve["securityContext"]["readOnlyRootFilesystem"] = False
    spec["automountServiceAccountToken"] = True
    return {"metadata": {"name": name}, "spec": spec}


def test_a_model_reaches_nothing_that_is_not_its_own(rig: Rig, iris: Deployed, figure: Figure) -> None:
    (pod,) = iris.pods()
    assert _reached(rig, iris.namespace, pod["metadata"]["name"]) == []
    # The control: the same words in a pod without the guards reach what they are after.
    (deployment,) = rig.kube.list(DEPLOYMENTS, iris.namespace)
    rig.kube.create(PODS, iris.namespace, _unguarded(deployment["spec"]["template"], "unguarded"))
    until(
        lambda: rig.kube.get(PODS, iris.namespace, "unguarded")["status"].get("phase") == "Running",
        within=120,
        what="the pod without guards runs",
    )
    found = _reached(rig, iris.namespace, "unguarded")
    assert {f"read {TOKEN}", "read /etc/pintle/credentials/password"} <= set(found)
    assert {"write /model", "write /env"} <= set(found)
    rig.kube.delete(PODS, iris.namespace, "unguarded", grace=0)
    figure(f"nothing reached; without the guards {len(found)}: {', '.join(found)}")


def test_credentials_are_in_no_pods_spec_log_or_event(rig: Rig, iris: Deployed) -> None:
    """The control: they are in the Secret, and the kubelet gave them to `fetch`."""
    names = [p["metadata"]["name"] for p in iris.pods()]
    logs = [
        rig.kube.kubectl("-n", iris.namespace, "logs", name, "--all-containers", "--tail=-1")
        for name in names
    ]
    shown = rig.kube.kubectl(
        "-n", iris.namespace, "get", "all,events,mdep,cm,controllerrevisions", "-o", "yaml"
    )
    assert all(logs)
    assert PLANTED not in shown + "".join(logs)
    assert "fetched" in "".join(logs)
    read = (
        "-n",
        iris.namespace,
        "get",
        "secret",
        SECRET,
        "-o",
        "go-template={{.data.password | base64decode}}",
    )
    assert rig.kube.kubectl(*read) == PLANTED
