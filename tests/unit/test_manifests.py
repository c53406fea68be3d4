"""What is installed: no more rights than are needed, a pod that is `restricted`, images of one release."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.support.privileges import excesses, granted
from tests.support.schemas import REPOSITORY

MANIFESTS = REPOSITORY / "manifests"
Manifest = dict[str, Any]


def _manifests() -> Iterator[Manifest]:
    """All but what the overlays other than the cluster's patch and bind in its place."""
    for path in sorted(MANIFESTS.rglob("*.yaml")):
        if path.parent.name in ("namespaced", "dev"):
            continue
        for manifest in yaml.safe_load_all(path.read_text()):
            if manifest.get("kind") not in (None, "Kustomization", "Component", "CustomResourceStateMetrics"):
                yield manifest


ALL = list(_manifests())
ROLES = [manifest for manifest in ALL if manifest["kind"] in ("Role", "ClusterRole")]
RULES = [(f"{role['kind']} {role['metadata']['name']}", rule) for role in ROLES for rule in role["rules"]]


POLICIES = ("commands", "registries", "pinned-versions")
WATCHED_ONLY = (
    "namespaces",
    "pods",
    "endpointslices.discovery.k8s.io",
    "modelruntimes.pintle.dev",
    "registryconnections.pintle.dev",
    "clusterregistryconnections.pintle.dev",
)


def _one(kind: str, name: str) -> Manifest:
    (found,) = (m for m in ALL if m["kind"] == kind and m["metadata"]["name"] == name)
    return found


def test_no_rule_grants_more_than_it_names() -> None:
    """No wildcard, no way to more rights, no Secret in the whole cluster."""
    assert len(ROLES) >= 6
    assert excesses(ALL) == []


@pytest.mark.parametrize(
    ("kind", "rule", "words"),
    [
        ("Role", {"apiGroups": ["*"], "resources": ["pods"], "verbs": ["get"]}, "a wildcard, *"),
        ("Role", {"apiGroups": [""], "resources": ["pods/*"], "verbs": ["get"]}, "a wildcard, pods/*"),
        ("Role", {"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}, "a wildcard, *"),
        ("Role", {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]}, "resource pods/exec"),
        (
            "Role",
            {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]},
            "resource serviceaccounts/token",
        ),
        (
            "ClusterRole",
            {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["escalate"]},
            "verb escalate",
        ),
        (
            "ClusterRole",
            {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["bind"]},
            "verb bind",
        ),
        ("ClusterRole", {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]}, "impersonate"),
        (
            "ClusterRole",
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["x"], "verbs": ["get"]},
            "Secrets in the whole cluster",
        ),
        ("Role", {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}, "more of Secrets"),
        (
            "Role",
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["x"], "verbs": ["get", "list"]},
            "more of Secrets",
        ),
        ("ClusterRole", {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}, "URLs"),
    ],
)
def test_what_a_rule_may_not_grant_is_noticed(kind: str, rule: Manifest, words: str) -> None:
    """The control of the test before."""
    (excess,) = excesses([{"kind": kind, "metadata": {"name": "x"}, "rules": [rule]}])
    assert words in excess


def test_secrets_are_read_in_a_tenants_namespace_alone() -> None:
    about_secrets = [role for role, rule in RULES if "secrets" in " ".join(rule["resources"])]
    assert about_secrets == ["Role pintle-registry-credentials"]


def test_nothing_is_granted_that_the_operator_has_no_request_for() -> None:
    """All that it writes but one kind are patches, and what it watches it does not get one by one."""
    roles = [_one("ClusterRole", name) for name in ("pintle-operator", "pintle-operator-models")]
    held = granted(roles)
    assert {resource for resource, verb in held if verb == "update"} == {"deployments.apps"}
    assert not {verb for _, verb in held} - {"get", "list", "watch", "create", "update", "patch", "delete"}
    assert not held & {(resource, "get") for resource in WATCHED_ONLY}


def test_the_operator_writes_the_status_of_its_kinds_and_nothing_else_of_them() -> None:
    """Promise 3: not the spec, nor labels or annotations; and no finalizers."""
    roles = [_one("ClusterRole", name) for name in ("pintle-operator", "pintle-operator-models")]
    ours = {
        resource: set(rule["verbs"])
        for role in roles
        for rule in role["rules"]
        if rule["apiGroups"] == ["pintle.dev"]
        for resource in rule["resources"]
    }
    assert {resource for resource, verbs in ours.items() if verbs - {"get", "list", "watch"}} == {
        "modeldeployments/status",
        "registryconnections/status",
        "clusterregistryconnections/status",
    }


def test_roles_are_bound_to_the_operators_account_alone() -> None:
    account = _one("ServiceAccount", "pintle-operator")["metadata"]
    bindings = [
        m
        for m in ALL
        if m["kind"].endswith("RoleBinding") and m["metadata"]["name"] != "pintle-runtimes-view"
    ]
    assert len(bindings) == 4
    for binding in (*bindings, _binding_of_a_namespace()):
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
        ]


def _binding_of_a_namespace() -> Manifest:
    binding: Manifest = yaml.safe_load(
        (MANIFESTS / "overlays/namespaced/models-role-binding.yaml").read_text()
    )
    return binding


def test_in_a_namespace_the_same_is_allowed_as_in_the_cluster() -> None:
    own, whole = _binding_of_a_namespace(), _one("ClusterRoleBinding", "pintle-operator-models")
    assert own["kind"] == "RoleBinding"
    assert own["roleRef"] == whole["roleRef"]
    (container,) = yaml.safe_load((MANIFESTS / "overlays/namespaced/namespaces.yaml").read_text())["spec"][
        "template"
    ]["spec"]["containers"]
    assert container["env"] == [{"name": "PINTLE_NAMESPACES", "value": own["metadata"]["namespace"]}]


def test_everybody_may_list_runtimes_and_do_nothing_else() -> None:
    assert [rule["verbs"] for rule in _one("ClusterRole", "pintle-runtimes-view")["rules"]] == [
        ["get", "list", "watch"]
    ]


def test_view_and_edit_are_added_to_the_clusters_own() -> None:
    view, edit = _one("ClusterRole", "pintle-view"), _one("ClusterRole", "pintle-edit")
    assert view["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"
    assert {verb for rule in view["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert not [
        r for rule in edit["rules"] for r in rule["resources"] if r.endswith("/status") or "runtimes" in r
    ]


def test_the_operators_namespace_enforces_restricted() -> None:
    labels = _one("Namespace", "pintle-system")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_operators_pod_is_restricted_and_bounded() -> None:
    """The fields of Pod Security `restricted`, a read-only root, and limits."""
    pod = _one("Deployment", "pintle-operator")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert [volume.keys() - {"name"} for volume in pod["volumes"]] == [{"emptyDir"}]
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    assert not [port for port in container["ports"] if "hostPort" in port]


def test_probes_ask_the_port_that_the_pod_names() -> None:
    (container,) = _one("Deployment", "pintle-operator")["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": 8081}]
    asked = {probe: container[probe]["httpGet"] for probe in ("readinessProbe", "livenessProbe")}
    assert asked == {
        "readinessProbe": {"path": "/readyz", "port": "http"},
        "livenessProbe": {"path": "/healthz", "port": "http"},
    }


def test_an_upgrade_is_seamless() -> None:
    """The new operator watches before the old one gives its Lease up."""
    spec = _one("Deployment", "pintle-operator")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_the_selector_selects_the_pod() -> None:
    spec = _one("Deployment", "pintle-operator")["spec"]
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()


def test_nothing_installed_passes_for_something_that_the_operator_made() -> None:
    """It watches what is labelled as managed by pintle, and reclaims what it finds there."""
    labels = [manifest["metadata"].get("labels", {}) for manifest in ALL]
    assert all(label["app.kubernetes.io/part-of"] == "pintle" for label in labels)
    assert not [label for label in labels if "app.kubernetes.io/managed-by" in label]


def test_one_runtime_is_the_default() -> None:
    runtimes = [manifest for manifest in ALL if manifest["kind"] == "ModelRuntime"]
    assert [runtime["metadata"]["name"] for runtime in runtimes if runtime["spec"]["default"]] == ["default"]


def test_images_are_those_of_this_release() -> None:
    (container,) = _one("Deployment", "pintle-operator")["spec"]["template"]["spec"]["containers"]
    runtime = _one("ModelRuntime", "default")["spec"]["image"]
    for image, project in ((container["image"], "pyproject.toml"), (runtime, "runtime/pyproject.toml")):
        version = tomllib.loads((REPOSITORY / project).read_text())["project"]["version"]
        name, _, tag = image.rpartition(":")
        assert name.startswith("docker.io/pintle/")
        assert tag == version


def test_every_file_is_part_of_what_is_installed() -> None:
    for kustomization in MANIFESTS.rglob("kustomization.yaml"):
        listed = yaml.safe_load(kustomization.read_text())
        named = {name for key in ("resources", "configurations") for name in listed.get(key, ())}
        named |= {patch["path"] for patch in listed.get("patches", ())}
        generated = [file for made in listed.get("configMapGenerator", ()) for file in made["files"]]
        named |= {file.rpartition("=")[2] for file in generated if file.endswith(".yaml")}
        files = {path.name for path in kustomization.parent.glob("*.yaml")} - {"kustomization.yaml"}
        assert files == {name for name in named if not name.startswith("..")}


def test_each_admission_policy_is_bound_and_fails_closed() -> None:
    policies = {m["metadata"]["name"]: m for m in ALL if m["kind"] == "ValidatingAdmissionPolicy"}
    bound = {m["spec"]["policyName"]: m for m in ALL if m["kind"] == "ValidatingAdmissionPolicyBinding"}
    assert policies.keys() == bound.keys() == {f"pintle-{name}" for name in POLICIES}
    assert {p["spec"]["failurePolicy"] for p in policies.values()} == {"Fail"}
    for name, binding in bound.items():
        spec = binding["spec"]
        assert spec["validationActions"] == ["Deny"]
        needed = "paramKind" in policies[name]["spec"]
        assert spec.get("paramRef", {}).get("parameterNotFoundAction") == ("Deny" if needed else None)
