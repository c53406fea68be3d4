"""The manifests on a real API server: they render, they apply, and RBAC allows what it should and no more."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.settings import kubernetes_version
from tests.support.cluster import Kubectl
from tests.support.privileges import excesses
from tests.support.rest import Rest
from tests.support.schemas import REPOSITORY
from tests.support.waiting import until

OVERLAY = str(REPOSITORY / "manifests/overlays/cluster")
CREDENTIALS = str(REPOSITORY / "manifests/components/registry-credentials")
OPERATOR = "system:serviceaccount:pintle-system:pintle-operator"
TENANT = "somebody"


# What a cluster in use may have otherwise: the operator, and a runtime with the administrator's index.
NOT_APPLIED = {"Deployment", "ModelRuntime"}


@pytest.fixture(scope="module")
def installed(crds: None, kubectl: Kubectl, rest: Rest) -> None:  # noqa: ARG001 -- the kinds come first
    """The namespace, the accounts and the roles, from when the authorizer has heard of them on."""
    rendered = list(yaml.safe_load_all(kubectl("kustomize", OVERLAY)))
    applied = [manifest for manifest in rendered if manifest["kind"] not in NOT_APPLIED]
    assert len(applied) == len(rendered) - len(NOT_APPLIED)
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(applied))
    for user, verb, resource, namespace in (
        (OPERATOR, "watch", "modeldeployments.pintle.dev", "kube-public"),
        (OPERATOR, "create", "leases.coordination.k8s.io", "pintle-system"),
        (TENANT, "list", "modelruntimes.pintle.dev", ""),
    ):
        allowed = partial(may, rest, user, verb, resource, namespace=namespace)
        until(allowed, within=30, what=f"{user} may {verb} {resource}")


def may(rest: Rest, user: str, verb: str, resource: str, *, namespace: str = "", name: str = "") -> bool:
    """Whether RBAC allows it: `resource` is `plural.group/subresource`, group and subresource if any."""
    plural, _, subresource = resource.partition("/")
    plural, _, group = plural.partition(".")
    attributes = {
        "verb": verb,
        "group": group,
        "resource": plural,
        "subresource": subresource,
        "namespace": namespace,
        "name": name,
    }
    groups = ["system:authenticated"]
    review = {"spec": {"user": user, "groups": groups, "resourceAttributes": attributes}}
    answer = rest.ok("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


def test_the_api_server_is_of_the_kubernetes_that_was_asked_for(rest: Rest) -> None:
    """Else what passes has been tried on another one than it seems."""
    if os.environ.get("TESTBED") != "current":  # somebody's own is what it is
        assert rest.ok("GET", "/version")["gitVersion"] == kubernetes_version()


@pytest.mark.usefixtures("installed")
def test_what_is_rendered_is_accepted_whole(kubectl: Kubectl) -> None:
    printed = kubectl("apply", "--dry-run=server", "-k", OVERLAY)
    assert "deployment.apps/pintle-operator" in printed
    assert "modelruntime.pintle.dev/default" in printed


def _rendered(kubectl: Kubectl, overlay: str) -> dict[tuple[str, str], Any]:
    manifests = yaml.safe_load_all(kubectl("kustomize", str(REPOSITORY / "manifests/overlays" / overlay)))
    return {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in manifests}


def _environment(deployment: Any) -> dict[str, str]:  # noqa: ANN401 - a manifest
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    values = {variable["name"]: variable.get("value", "") for variable in container.pop("env")}
    return {name: value for name, value in values.items() if name.startswith("PINTLE_")}


def test_the_other_overlays_differ_by_what_they_say(kubectl: Kubectl) -> None:
    """For some namespaces: rights in these, not in all. For a cluster of one's own: settings."""
    whole, some, dev = (_rendered(kubectl, overlay) for overlay in ("cluster", "namespaced", "dev"))
    rights = "pintle-operator-models"
    assert whole.pop(("ClusterRoleBinding", rights))["subjects"] == some[("RoleBinding", rights)]["subjects"]
    assert some.pop(("RoleBinding", rights))["metadata"]["namespace"] == "ml"
    del dev["ClusterRoleBinding", rights]
    of = ("Deployment", "pintle-operator")
    assert _environment(whole[of]) == {}
    assert _environment(some[of]) == {"PINTLE_NAMESPACES": "ml"}
    assert _environment(dev[of]) == {"PINTLE_LOG_LEVEL": "DEBUG", "PINTLE_STANDBY_SECONDS": "300"}
    assert whole == some == dev


def test_images_of_another_registry_reach_the_operator_and_the_runtime(
    kubectl: Kubectl, tmp_path: Path
) -> None:
    """By the lines that the overlay's comment shows; a ModelRuntime's image is not where kustomize looks."""
    text = (Path(OVERLAY) / "kustomization.yaml").read_text()
    shown = [
        line.removeprefix("#")
        for line in text.splitlines()
        if line.startswith("#   ") and "kubectl" not in line
    ]
    overlay = {"resources": [os.path.relpath(OVERLAY, tmp_path)], **yaml.safe_load("\n".join(shown))}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    rendered = {
        (manifest["kind"], manifest["metadata"]["name"]): manifest
        for manifest in yaml.safe_load_all(kubectl("kustomize", str(tmp_path)))
    }
    (operator,) = rendered["Deployment", "pintle-operator"]["spec"]["template"]["spec"]["containers"]
    assert operator["image"].startswith("registry.example.com/pintle/operator:")
    assert rendered["ModelRuntime", "default"]["spec"]["image"].startswith(
        "registry.example.com/pintle/runtime:"
    )


ALLOWED = [
    ("watch", "modeldeployments.pintle.dev"),
    ("patch", "modeldeployments.pintle.dev/status"),
    ("patch", "registryconnections.pintle.dev/status"),
    ("watch", "clusterregistryconnections.pintle.dev"),
    ("patch", "clusterregistryconnections.pintle.dev/status"),
    ("create", "controllerrevisions.apps"),
    ("update", "deployments.apps"),
    ("patch", "deployments.apps/scale"),
    ("patch", "services"),
    ("patch", "poddisruptionbudgets.policy"),
    ("create", "configmaps"),
    ("watch", "endpointslices.discovery.k8s.io"),
    ("patch", "pods"),
    ("get", "serviceaccounts"),
    ("watch", "namespaces"),
    ("create", "events.events.k8s.io"),
]
FORBIDDEN = [
    ("get", "secrets"),
    ("list", "secrets"),
    ("watch", "secrets"),
    ("patch", "modeldeployments.pintle.dev"),
    ("update", "modeldeployments.pintle.dev"),
    ("update", "modeldeployments.pintle.dev/status"),
    ("update", "services"),
    ("get", "pods"),
    ("delete", "modeldeployments.pintle.dev"),
    ("update", "modeldeployments.pintle.dev/finalizers"),
    ("patch", "modelruntimes.pintle.dev"),
    ("patch", "clusterregistryconnections.pintle.dev"),
    ("create", "pods"),
    ("create", "pods/exec"),
    ("create", "serviceaccounts/token"),
    ("create", "rolebindings.rbac.authorization.k8s.io"),
    ("impersonate", "users"),
    ("get", "nodes"),
    ("create", "leases.coordination.k8s.io"),
]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("verb", "resource"), ALLOWED)
def test_the_operator_may_do_what_it_has_to(rest: Rest, verb: str, resource: str) -> None:
    assert may(rest, OPERATOR, verb, resource, namespace="kube-public")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("verb", "resource"), FORBIDDEN)
def test_the_operator_may_do_no_more(rest: Rest, verb: str, resource: str) -> None:
    assert not may(rest, OPERATOR, verb, resource, namespace="kube-public")
    assert not may(rest, OPERATOR, verb, resource)


@pytest.mark.usefixtures("installed")
def test_the_operator_has_a_lease_of_its_own(rest: Rest) -> None:
    lease = "leases.coordination.k8s.io"
    assert may(rest, OPERATOR, "create", lease, namespace="pintle-system")
    assert may(rest, OPERATOR, "patch", lease, namespace="pintle-system", name="pintle-operator")
    assert not may(rest, OPERATOR, "patch", lease, namespace="pintle-system", name="another")


@pytest.mark.usefixtures("installed")
def test_a_tenant_opens_one_secret_of_its_namespace(rest: Rest, kubectl: Kubectl, namespace: str) -> None:
    assert not may(rest, OPERATOR, "get", "secrets", namespace=namespace, name="mlflow-credentials")
    kubectl("apply", "-n", namespace, "-k", CREDENTIALS)
    until(
        lambda: may(rest, OPERATOR, "get", "secrets", namespace=namespace, name="mlflow-credentials"),
        within=30,
        what="the operator may read the secret",
    )
    assert not may(rest, OPERATOR, "get", "secrets", namespace=namespace, name="another")
    assert not may(rest, OPERATOR, "list", "secrets", namespace=namespace)
    assert not may(rest, OPERATOR, "get", "secrets", namespace="kube-public", name="mlflow-credentials")


# What people with a role of Kubernetes' own may do with our kinds: verb, resource, and who.
PEOPLE = [
    ("watch", "modeldeployments.pintle.dev", {"view", "edit", "admin"}),
    ("get", "modeldeployments.pintle.dev/status", {"view", "edit", "admin"}),
    ("get", "modeldeployments.pintle.dev/scale", {"view", "edit", "admin"}),
    ("list", "registryconnections.pintle.dev", {"view", "edit", "admin"}),
    ("create", "modeldeployments.pintle.dev", {"edit", "admin"}),
    ("patch", "modeldeployments.pintle.dev", {"edit", "admin"}),
    ("patch", "modeldeployments.pintle.dev/scale", {"edit", "admin"}),
    ("deletecollection", "modeldeployments.pintle.dev", {"edit", "admin"}),
    ("create", "registryconnections.pintle.dev", {"edit", "admin"}),
    ("delete", "registryconnections.pintle.dev", {"edit", "admin"}),
    ("patch", "modeldeployments.pintle.dev/status", set()),
    ("patch", "registryconnections.pintle.dev/status", set()),
    # Everybody reads the kinds of the whole cluster, and nobody in a namespace writes them.
    ("list", "clusterregistryconnections.pintle.dev", {"view", "edit", "admin", ""}),
    ("patch", "clusterregistryconnections.pintle.dev", set()),
    ("patch", "clusterregistryconnections.pintle.dev/status", set()),
    ("create", "modelruntimes.pintle.dev", set()),
]


@pytest.fixture
def people(installed: None, rest: Rest, namespace: str) -> dict[str, str]:  # noqa: ARG001 -- roles first
    """A user for each role of Kubernetes' own, with that role in a namespace; and one without any."""
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
    for role in ("view", "edit", "admin"):
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"{role}-of-{namespace}"}
        body = {"metadata": {"name": role}, "roleRef": reference, "subjects": [user]}
        rest.ok("POST", bindings, body)
    # Aggregation is the work of a controller, and the authorizer hears of it a moment later.
    until(
        lambda: may(
            rest, f"admin-of-{namespace}", "delete", "registryconnections.pintle.dev", namespace=namespace
        ),
        within=60,
        what="our roles are part of Kubernetes' own",
    )
    return {role: f"{role or 'nobody'}-of-{namespace}" for role in ("view", "edit", "admin", "")}


def test_whoever_has_a_role_in_a_namespace_has_it_for_our_kinds(
    rest: Rest, namespace: str, people: dict[str, str]
) -> None:
    """The control of what nobody may is who may, and the other way round."""
    for verb, resource, who in PEOPLE:
        able = {role for role, user in people.items() if may(rest, user, verb, resource, namespace=namespace)}
        assert able == who, f"{verb} {resource}"
    for user in people.values():
        assert not may(rest, user, "list", "modeldeployments.pintle.dev", namespace="kube-public")


@pytest.mark.parametrize("overlay", ["cluster", "namespaced", "dev"])
def test_no_overlay_grants_more_than_it_names(kubectl: Kubectl, overlay: str) -> None:
    """What is rendered, not what the files say. Its control is in tests/unit/test_manifests.py."""
    rendered = list(_rendered(kubectl, overlay).values())
    assert len([m for m in rendered if m["kind"] in ("Role", "ClusterRole")]) >= 6
    assert excesses(rendered) == []


@pytest.mark.usefixtures("installed")
def test_everybody_may_list_runtimes_and_nobody_else_write_them(rest: Rest) -> None:
    assert may(rest, TENANT, "list", "modelruntimes.pintle.dev")
    assert not may(rest, TENANT, "update", "modelruntimes.pintle.dev", name="default")
