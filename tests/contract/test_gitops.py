"""What GitOps agents and `kubectl wait` make of a ModelDeployment, on a real API server.

No operator runs here: the statuses are those that it wrote in the world in memory.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
import yaml

from kubectl_pintle.names import FIELD_MANAGER
from testbed.cluster import Cluster
from tests.support.cluster import Kubectl
from tests.support.gitops import flux
from tests.support.gitops.states import STATES
from tests.support.rest import Json, Rest
from tests.support.schemas import REPOSITORY

# Flux's code is compiled when it is first asked for.
pytestmark = [pytest.mark.usefixtures("crds"), pytest.mark.timeout(1800)]

FULL = REPOSITORY / "docs/reference/examples/full.yaml"
ARGO_CD_PATCH = REPOSITORY / "docs/gitops/argo-cd/argocd-cm.yaml"
COMMANDS = ("pintle.dev/reject-revision=version/17", "pintle.dev/promote-revision=1a2b3c4d")


def _path(namespace: str, name: str = "") -> str:
    path = f"/apis/pintle.dev/v1alpha1/namespaces/{namespace}/modeldeployments"
    return f"{path}/{name}" if name else path


def _manifest(namespace: str) -> Json:
    """A ModelDeployment with every field, as it would be in Git."""
    documents = yaml.safe_load_all(FULL.read_text())
    manifest: Json = next(d for d in documents if d["kind"] == "ModelDeployment")
    manifest["metadata"]["namespace"] = namespace
    return manifest


def _server_side_apply(rest: Rest, manifest: Json, *, manager: str, dry_run: bool = False) -> Json:
    query = {"fieldManager": manager, "force": "true"} | ({"dryRun": "All"} if dry_run else {})
    path = _path(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
    headers = {"Content-Type": "application/apply-patch+yaml"}
    status, answer = rest.request("PATCH", path, manifest, query=query, headers=headers)
    assert status < 300, answer.get("message")
    return answer


def _write_status(rest: Rest, obj: Json, state: str = "serving") -> Json:
    """Write a status as the operator does: one JSON patch of `/status`."""
    status = STATES[state].body()["status"]
    patch = [{"op": "add", "path": "/status", "value": status}]
    path = f"{_path(obj['metadata']['namespace'], obj['metadata']['name'])}/status"
    headers = {"Content-Type": "application/json-patch+json"}
    code, answer = rest.request("PATCH", path, patch, headers=headers)  # type: ignore[arg-type] # a list
    assert code < 300, answer.get("message")
    return answer


def _without_bookkeeping(obj: Json) -> Json:
    metadata = {k: v for k, v in obj["metadata"].items() if k not in ("managedFields", "resourceVersion")}
    return {**obj, "metadata": metadata}


@pytest.fixture(params=["serving", "canary", "awaiting-promotion", "promoted"])
def applied(rest: Rest, namespace: str, request: pytest.FixtureRequest) -> Json:
    """The manifest as Argo CD has applied it server-side, with a status written since."""
    created = _server_side_apply(rest, _manifest(namespace), manager="argocd-controller")
    return _write_status(rest, created, request.param)


def test_applying_the_same_manifest_again_changes_nothing(rest: Rest, applied: Json, namespace: str) -> None:
    again = _server_side_apply(rest, _manifest(namespace), manager="argocd-controller")
    assert again["metadata"]["resourceVersion"] == applied["metadata"]["resourceVersion"]
    assert again["metadata"]["generation"] == 1


def test_argo_cds_server_side_diff_is_empty(rest: Rest, applied: Json, namespace: str) -> None:
    predicted = _server_side_apply(rest, _manifest(namespace), manager="argocd-controller", dry_run=True)
    assert _without_bookkeeping(predicted) == _without_bookkeeping(applied)
    changed = _manifest(namespace)
    changed["spec"]["version"] = "18"
    predicted = _server_side_apply(rest, changed, manager="argocd-controller", dry_run=True)
    assert _without_bookkeeping(predicted) != _without_bookkeeping(applied), "an edit in Git is a difference"


def test_every_value_is_stored_as_it_was_written(applied: Json, namespace: str) -> None:
    """So that Argo CD's three-way diff, which compares texts, needs no knownTypeFields for quantities."""

    def differences(wanted: Any, found: Any, at: str) -> list[str]:  # noqa: ANN401 -- JSON
        if isinstance(wanted, Mapping):
            return [d for k, v in wanted.items() for d in differences(v, found.get(k), f"{at}.{k}")]
        if isinstance(wanted, list):
            return [d for i, v in enumerate(wanted) for d in differences(v, found[i], f"{at}[{i}]")]
        return [] if wanted == found and type(wanted) is type(found) else [f"{at}: {wanted!r} -> {found!r}"]

    assert differences(_manifest(namespace), applied, "") == []


def test_kubectl_finds_nothing_to_apply(kubectl: Kubectl, rest: Rest, namespace: str) -> None:
    manifest = orjson.dumps(_manifest(namespace)).decode()
    kubectl("apply", "-f", "-", stdin=manifest)
    name = _manifest(namespace)["metadata"]["name"]
    _write_status(rest, rest.ok("GET", _path(namespace, name)))
    assert kubectl("apply", "-f", "-", stdin=manifest).strip().endswith("unchanged")
    kubectl("diff", "-f", "-", stdin=manifest)  # fails where there is a difference


@pytest.mark.parametrize("state", ["serving", "canary", "awaiting-promotion", "promoted"])
def test_flux_finds_nothing_to_apply(rest: Rest, api_server: Cluster, namespace: str, state: str) -> None:
    manifest = _manifest(namespace)
    subject = f"ModelDeployment/{namespace}/{manifest['metadata']['name']}"
    assert flux.apply([manifest], api_server.kubeconfig) == {subject: "created"}
    _write_status(rest, rest.ok("GET", _path(namespace, manifest["metadata"]["name"])), state)
    assert flux.apply([manifest], api_server.kubeconfig) == {subject: "unchanged"}
    manifest["spec"]["version"] = "18"
    assert flux.apply([manifest], api_server.kubeconfig) == {subject: "configured"}


def _annotations(rest: Rest, namespace: str, name: str) -> dict[str, str]:
    found: dict[str, str] = rest.ok("GET", _path(namespace, name))["metadata"].get("annotations") or {}
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_flux_leaves_a_command_by_a_manager_of_our_own_and_undoes_kubectls(
    rest: Rest, kubectl: Kubectl, api_server: Cluster, namespace: str, command: str
) -> None:
    manifest, (name, value) = _manifest(namespace), command.split("=")
    annotate = ("annotate", "-n", namespace, "--overwrite", f"mdep/{manifest['metadata']['name']}", command)
    flux.apply([manifest], api_server.kubeconfig)

    kubectl(*annotate)
    flux.apply([manifest], api_server.kubeconfig)
    left = _annotations(rest, namespace, manifest["metadata"]["name"])
    assert name not in left, "what kubectl's own manager wrote is undone"

    for manager in ("break-glass", FIELD_MANAGER):
        kubectl(*annotate, f"--field-manager={manager}")
        for version in ("17", "17", "18"):
            manifest["spec"]["version"] = version
            flux.apply([manifest], api_server.kubeconfig)
            assert _annotations(rest, namespace, manifest["metadata"]["name"])[name] == value
        kubectl(*annotate[:-1], f"{name}-", f"--field-manager={manager}")
        assert name not in _annotations(rest, namespace, manifest["metadata"]["name"])


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("server_side", [False, True], ids=["three-way", "server-side"])
def test_argo_cds_sync_leaves_a_command(
    rest: Rest, kubectl: Kubectl, namespace: str, command: str, *, server_side: bool
) -> None:
    """With self-heal it syncs again and again, and after an edit in Git."""
    manifest, (annotation, value) = _manifest(namespace), command.split("=")
    name = manifest["metadata"]["name"]
    options = ("--server-side", "--field-manager=argocd-controller", "--force-conflicts")
    apply = ("apply", "-f", "-", *(options if server_side else ()))
    kubectl(*apply, stdin=orjson.dumps(manifest).decode())
    kubectl("annotate", "-n", namespace, f"mdep/{name}", command)
    for version in ("17", "17", "18"):
        manifest["spec"]["version"] = version
        kubectl(*apply, stdin=orjson.dumps(manifest).decode())
        assert _annotations(rest, namespace, name)[annotation] == value
    # The control: what Git has had, and has no longer, is taken away.
    manifest["metadata"]["annotations"] = {annotation: value}
    kubectl(*apply, stdin=orjson.dumps(manifest).decode())
    del manifest["metadata"]["annotations"]
    kubectl(*apply, stdin=orjson.dumps(manifest).decode())
    assert (annotation in _annotations(rest, namespace, name)) is server_side


def test_the_health_checks_are_patched_into_argo_cds_settings(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "argocd-cm", "-n", namespace, "--from-literal=url=https://argocd")
    command = re.search(r"kubectl (-n argocd patch .*)", ARGO_CD_PATCH.read_text())
    assert command
    kubectl(*command[1].replace("-n argocd", f"-n {namespace}").split())
    data = orjson.loads(kubectl("get", "configmap", "argocd-cm", "-n", namespace, "-o", "json"))["data"]
    assert data.pop("url") == "https://argocd"
    assert data == yaml.safe_load(ARGO_CD_PATCH.read_text())["data"]


def _reach(rest: Rest, namespace: str, state: str) -> str:
    """Bring an object of the state's name into the state; returns the name."""
    body = STATES[state].body()
    metadata = {"name": state, "namespace": namespace}
    made = rest.ok("POST", _path(namespace), {**body, "metadata": metadata, "spec": body["spec"]})
    while made["metadata"]["generation"] < body["metadata"]["generation"]:
        made = rest.merge(_path(namespace, state), {"spec": {"rolloutToken": made["metadata"]["uid"]}})
    _write_status(rest, made, state)
    return state


@pytest.fixture
def terminating(rest: Rest, namespace: str) -> Iterator[str]:
    """The state of that name, for as long as the test takes: without a finalizer it would be gone."""
    path = _path(namespace, _reach(rest, namespace, "terminating"))
    rest.merge(path, {"metadata": {"finalizers": ["example.com/test"]}})
    rest.ok("DELETE", path)
    yield "terminating"
    rest.merge(path, {"metadata": {"finalizers": None}})


@pytest.mark.parametrize("condition", ["Ready", "Available"])
def test_kubectl_wait_says_what_the_table_says(
    rest: Rest, namespace: str, terminating: str, condition: str
) -> None:
    names = [terminating, *(_reach(rest, namespace, state) for state in STATES if state != terminating)]
    command = [sys.executable, "-m", "testbed", "kubectl", "-n", namespace, "wait", "mdep", "--all"]
    command += [f"--for=condition={condition}", "--timeout=0"]  # 0: look once
    waited = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    met = set(re.findall(r"^modeldeployment\.pintle\.dev/(\S+) condition met$", waited.stdout, re.MULTILINE))
    assert len(names) - len(met) == len(waited.stderr.splitlines()), "kubectl looked at every one"
    table = {n: s.wait_ready if condition == "Ready" else s.wait_available for n, s in STATES.items()}
    assert {name: name in met for name in names} == table
