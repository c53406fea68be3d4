"""The optional admission policies on a real API server: what each refuses, and what it lets through."""

from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest

from tests.support.cluster import Kubectl
from tests.support.rest import Json, Rest
from tests.support.schemas import REPOSITORY
from tests.support.waiting import until

POLICIES = str(REPOSITORY / "manifests/components/admission-policies")
SETTINGS = "/api/v1/namespaces/pintle-system/configmaps/pintle-admission-policies"
KINDS = {
    "ModelDeployment": "modeldeployments",
    "RegistryConnection": "registryconnections",
    "ClusterRegistryConnection": "clusterregistryconnections",
}
RELEASER, TENANT = ("dana", "model-releasers"), ("sam", "data-scientists")
Who = tuple[str, str]


@pytest.fixture(scope="module")
def policies(crds: None, kubectl: Kubectl, rest: Rest) -> Iterator[None]:  # noqa: ARG001 -- kinds first
    """The policies, in force: a policy that has just been made is not heard of at once."""
    namespace = (REPOSITORY / "manifests/base/namespace.yaml").read_text()
    kubectl("apply", "-f", "-", stdin=namespace)
    rendered = kubectl("kustomize", POLICIES)
    kubectl("create", "clusterrolebinding", "eve", "--clusterrole=cluster-admin", "--user=eve")
    kubectl("apply", "-f", "-", stdin=rendered)
    for kind, name in (("ModelDeployment", "commands"), ("ClusterRegistryConnection", "registries")):
        until(partial(_refuses, rest, kind, name), within=60, what=f"policy {name} is in force")
    yield
    kubectl("delete", "-f", "-", stdin=rendered)
    kubectl("delete", "clusterrolebinding", "eve")


def _refuses(rest: Rest, kind: str, policy: str) -> bool:
    return f"pintle-{policy}" in _tried(rest, kind)


def _tried(rest: Rest, kind: str) -> str:
    """What the API server says to an object that a policy of that kind refuses, whoever makes it."""
    metadata = {"name": "tried", "annotations": {"pintle.dev/promote-revision": "x"}}
    specs: dict[str, Json] = {
        "ModelDeployment": {"model": "iris", "version": 1},
        "ClusterRegistryConnection": {"uri": "http://elsewhere:5000", "allowedNamespaces": {}},
    }
    body = {"metadata": metadata, "spec": specs[kind]}
    return _write(rest, kind, body, "default", ("eve", "everybody"), dry=True)[1]


@pytest.fixture
def tenants(rest: Rest, namespace: str) -> str:
    """A namespace in which both may do anything."""
    for user, _ in (RELEASER, TENANT):
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        body = {"metadata": {"name": user}, "roleRef": reference, "subjects": [subject]}
        rest.ok("POST", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings", body)
    for who in (RELEASER, TENANT):
        until(partial(_may_write, rest, namespace, who), within=60, what=f"{who[0]} may write in {namespace}")
    return namespace


def _may_write(rest: Rest, namespace: str, who: Who) -> bool:
    return _write(rest, "ModelDeployment", _deployment(), namespace, who, dry=True)[0] == HTTPStatus.CREATED


def _write(
    rest: Rest, kind: str, body: Json, namespace: str, who: Who | None, *, dry: bool = False, to: str = ""
) -> tuple[int, str]:
    """Make an object, or patch the one that is called `to`; the status, and what the API server says."""
    base = "/apis/pintle.dev/v1alpha1" + ("" if kind.startswith("Cluster") else f"/namespaces/{namespace}")
    path = f"{base}/{KINDS[kind]}" + (f"/{to}" if to else "")
    whole = body if to else {"apiVersion": "pintle.dev/v1alpha1", "kind": kind, **body}
    user, group = who or ("admin", "system:masters")
    headers = {"Impersonate-User": user, "Impersonate-Group": group} if who else {}
    if to:
        headers["Content-Type"] = "application/merge-patch+json"
    query = {"dryRun": "All"} if dry else {}
    status, answer = rest.request("PATCH" if to else "POST", path, whole, query=query, headers=headers)
    return status, str(answer.get("message", ""))


def _deployment(**annotations: str) -> dict[str, Any]:
    named = {f"pintle.dev/{key}": value for key, value in annotations.items()}
    metadata = {"name": "iris", "annotations": named}
    return {"metadata": metadata, "spec": {"model": "iris", "version": 3}}


@pytest.mark.usefixtures("policies")
@pytest.mark.parametrize("command", ["promote-revision", "reject-revision"])
def test_who_may_command(rest: Rest, tenants: str, command: str) -> None:
    def write(who: Who, value: str | None) -> tuple[int, str]:
        body = {"metadata": {"annotations": {f"pintle.dev/{command}": value, "team": who[0]}}}
        return _write(rest, "ModelDeployment", body, tenants, who, to="iris")

    refused, words = _write(rest, "ModelDeployment", _deployment(**{command: "x"}), tenants, TENANT)
    assert refused == HTTPStatus.FORBIDDEN
    assert f"annotation pintle.dev/{command} is a command, which is for members of: " in words
    # The control: without the command the same person may make it, and edit it.
    assert _write(rest, "ModelDeployment", _deployment(), tenants, TENANT)[0] == HTTPStatus.CREATED
    assert write(TENANT, None)[0] == HTTPStatus.OK
    assert write(TENANT, "1a2b3c4d")[0] == HTTPStatus.FORBIDDEN
    # The control: somebody else may command.
    assert write(RELEASER, "1a2b3c4d")[0] == HTTPStatus.OK
    assert write(TENANT, "1a2b3c4d")[0] == HTTPStatus.OK, "what stands there may stay"
    assert write(TENANT, None)[0] == HTTPStatus.FORBIDDEN, "to take it away is a command too"
    assert write(RELEASER, None)[0] == HTTPStatus.OK


@pytest.mark.usefixtures("policies")
@pytest.mark.parametrize(
    ("uri", "allowed"),
    [
        ("http://mlflow.ml.svc:5000", True),
        ("https://MLflow.ml.svc/path", True),
        ("https://eu.mlflow.example.com", True),
        ("https://mlflow.example.com", False),
        ("https://evilmlflow.example.com", False),
        ("https://mlflow.ml.svc.evil.example", False),
        ("http://169.254.169.254", False),
    ],
)
@pytest.mark.parametrize("kind", ["RegistryConnection", "ClusterRegistryConnection"])
def test_which_registries(rest: Rest, tenants: str, kind: str, uri: str, allowed: bool) -> None:
    more: Json = {"allowedNamespaces": {}} if kind.startswith("Cluster") else {}
    body = {"metadata": {"name": "mlflow"}, "spec": {"uri": uri, **more}}
    status, words = _write(rest, kind, body, tenants, None, dry=True)
    assert status == (HTTPStatus.CREATED if allowed else HTTPStatus.FORBIDDEN), words
    assert allowed or "is not one of the registries that are allowed here: mlflow.ml.svc" in words


@pytest.mark.usefixtures("policies")
def test_a_connection_of_before_can_be_edited(rest: Rest, tenants: str) -> None:
    body = {"metadata": {"name": "mlflow"}, "spec": {"uri": "http://mlflow.ml.svc:5000"}}
    assert _write(rest, "RegistryConnection", body, tenants, TENANT)[0] == HTTPStatus.CREATED
    held = rest.ok("GET", SETTINGS)["data"]["registryHosts"]
    rest.merge(SETTINGS, {"data": {"registryHosts": "elsewhere\n"}})
    try:
        until(
            lambda: _edit(rest, tenants, {"uri": "http://mlflow.ml.svc:5001"}) == HTTPStatus.FORBIDDEN,
            within=60,
            what="the other host is asked for",
        )
        assert _edit(rest, tenants, {"pollSeconds": 60}) == HTTPStatus.OK
    finally:
        rest.merge(SETTINGS, {"data": {"registryHosts": held}})


def _edit(rest: Rest, namespace: str, spec: Json) -> int:
    return _write(rest, "RegistryConnection", {"spec": spec}, namespace, TENANT, to="mlflow", dry=True)[0]


@pytest.mark.usefixtures("policies")
def test_pinned_versions(rest: Rest, tenants: str) -> None:
    alias = {"metadata": {"name": "follows"}, "spec": {"model": "iris", "alias": "champion"}}
    held = {"metadata": {"name": "held"}, "spec": {"model": "iris", "alias": "champion", "version": 3}}
    # The control: where the namespace does not ask for it, an alias may be followed.
    assert _write(rest, "ModelDeployment", alias, tenants, TENANT)[0] == HTTPStatus.CREATED
    labels = {"metadata": {"labels": {"pintle.dev/pinned-versions": "true"}}}
    rest.merge(f"/api/v1/namespaces/{tenants}", labels)
    again = {**alias, "metadata": {"name": "another"}}
    status, words = until(
        lambda: (
            answer
            if (answer := _write(rest, "ModelDeployment", again, tenants, TENANT, dry=True))[0] >= 400
            else None
        ),
        within=60,
        what="the namespace's label is heard of",
    )
    assert (status, "spec.version: write the number of a version" in words) == (422, True)
    assert _write(rest, "ModelDeployment", held, tenants, TENANT)[0] == HTTPStatus.CREATED
    free = {"spec": {"version": None}}
    assert _write(rest, "ModelDeployment", free, tenants, TENANT, to="held")[0] == 422
    touched = {"metadata": {"labels": {"team": "x"}}}
    assert _write(rest, "ModelDeployment", touched, tenants, TENANT, to="follows")[0] == HTTPStatus.OK
