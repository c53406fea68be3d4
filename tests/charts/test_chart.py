"""What the chart renders: by default what the manifests do, and each setting in its place."""

import json
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.conftest import CHART, Chart, Manifest, Rendered, kustomize
from tests.support.privileges import excesses
from tests.support.schemas import REPOSITORY

pytestmark = pytest.mark.slow

OPERATOR = "pintle-operator"
# What Helm says of itself in everything that it installs.
_BOOKKEEPING = ("app.kubernetes.io/instance", "app.kubernetes.io/version", "helm.sh/chart")
DIGEST = "sha256:" + "0" * 64


def _without_bookkeeping(manifest: Manifest) -> Manifest:
    bare = deepcopy(manifest)
    metadata = bare["metadata"]
    labels = metadata.get("labels", {})
    for label in _BOOKKEEPING:
        labels.pop(label, None)
    if labels.get("app.kubernetes.io/managed-by") == "Helm":
        del labels["app.kubernetes.io/managed-by"]
    annotations = metadata.get("annotations", {})
    for annotation in [name for name in annotations if "helm.sh/" in name]:
        del annotations[annotation]
    if not annotations:
        metadata.pop("annotations", None)
    if not labels:
        metadata.pop("labels", None)
    return bare


def test_the_same_as_the_manifests(chart: Chart, kustomized: Rendered) -> None:
    rendered = {key: _without_bookkeeping(m) for key, m in chart.rendered().items()}
    wanted = dict(kustomized)
    del wanted["Namespace", "pintle-system"]  # Helm's --create-namespace
    assert rendered.keys() == wanted.keys()
    assert rendered == wanted


@pytest.mark.parametrize(
    "values",
    [{}, {"scope": "namespaced", "namespaces": ["ml"]}, {"tenantNamespaces": ["ml"]}],
    ids=["cluster", "namespaced", "tenants"],
)
def test_no_role_grants_more_than_it_names(chart: Chart, values: Manifest) -> None:
    """Its control is in tests/unit/test_manifests.py."""
    assert excesses(chart.rendered(values).values()) == []


def test_what_watches_it_is_the_same_as_the_component(chart: Chart, kustomized: Rendered) -> None:
    """Beside the repository's folders, as kustomize takes components from within the same tree only."""
    with tempfile.TemporaryDirectory(dir=REPOSITORY / "manifests") as folder:
        body = {"resources": ["../overlays/cluster"], "components": ["../components/monitoring"]}
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(body))
        watched = kustomize(Path(folder))
    parts = ("metrics.podMonitor", "prometheusRule", "grafanaDashboard", "kubeStateMetrics")
    rendered = chart.rendered({f"{part}.enabled": True for part in parts})
    added = watched.keys() - kustomized.keys()
    assert added == {
        ("PodMonitor", OPERATOR),
        ("PrometheusRule", OPERATOR),
        ("ConfigMap", "pintle-dashboard"),
        ("ConfigMap", "pintle-kube-state-metrics"),
    }
    for key in added:
        assert _without_bookkeeping(rendered[key]) == _without_bookkeeping(watched[key])


def _policies(rendered: Rendered) -> set[str]:
    return {name for kind, name in rendered if kind == "ValidatingAdmissionPolicy"}


def test_admission_policies(chart: Chart) -> None:
    """The texts of the component; each is there where it has something to go by."""
    assert _policies(chart.rendered()) == set()
    enabled = {"admissionPolicies.enabled": True}
    assert _policies(chart.rendered(enabled)) == {"pintle-pinned-versions"}
    hosts, groups = ["mlflow.ml.svc", "*.example.com"], ["model-releasers"]
    lists = {"admissionPolicies.registryHosts": hosts, "admissionPolicies.commandGroups": groups}
    rendered = chart.rendered(enabled | lists, "--namespace=elsewhere")
    assert _policies(rendered) == {f"pintle-{name}" for name in ("pinned-versions", "commands", "registries")}
    settings = rendered["ConfigMap", "elsewhere/pintle-admission-policies"]["data"]
    assert settings == {"registryHosts": "mlflow.ml.svc\n*.example.com", "commandGroups": "model-releasers"}
    for name in ("commands", "registries"):
        written = (REPOSITORY / f"manifests/components/admission-policies/{name}.yaml").read_text()
        policy, binding = yaml.safe_load_all(written.replace("pintle-system", "elsewhere"))
        assert rendered["ValidatingAdmissionPolicy", f"pintle-{name}"] == policy
        assert rendered["ValidatingAdmissionPolicyBinding", f"pintle-{name}"] == binding


def test_lint(chart: Chart) -> None:
    done = chart.run("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout + done.stderr


def _pod(rendered: Rendered) -> Manifest:
    pod: Manifest = rendered["Deployment", OPERATOR]["spec"]["template"]["spec"]
    return pod


def _container(rendered: Rendered) -> Manifest:
    (container,) = _pod(rendered)["containers"]
    found: Manifest = container
    return found


def _settings(rendered: Rendered) -> Manifest:
    return {e["name"]: e["value"] for e in _container(rendered)["env"] if e["name"].startswith("PINTLE_")}


def _kinds(rendered: Rendered, kind: str) -> list[str]:
    return [name for of, name in rendered if of == kind]


def _alert(rendered: Rendered, name: str) -> Manifest:
    rules = [r for g in rendered["PrometheusRule", OPERATOR]["spec"]["groups"] for r in g["rules"]]
    (found,) = (rule for rule in rules if rule["alert"] == name)
    alert: Manifest = found
    return alert


CASES: dict[str, tuple[Manifest, Callable[[Rendered], Any], Any]] = {
    "no CRDs": ({"crds.install": False}, lambda r: _kinds(r, "CustomResourceDefinition"), []),
    "an image's tag": (
        {"image.tag": "0.2.0"},
        lambda r: _container(r)["image"],
        "docker.io/pintle/operator:0.2.0",
    ),
    "an image's digest": (
        {"image.digest": DIGEST, "image.repository": "r.example.com/operator"},
        lambda r: _container(r)["image"],
        f"r.example.com/operator@{DIGEST}",
    ),
    "pull secrets": (
        {"imagePullSecrets": ["a", "b"]},
        lambda r: _pod(r)["imagePullSecrets"],
        [{"name": "a"}, {"name": "b"}],
    ),
    "pull policy": ({"image.pullPolicy": "Always"}, lambda r: _container(r)["imagePullPolicy"], "Always"),
    "replicas": ({"replicas": 2}, lambda r: r["Deployment", OPERATOR]["spec"]["replicas"], 2),
    "a budget for more than one": (
        {"replicas": 2},
        lambda r: r["PodDisruptionBudget", OPERATOR]["spec"]["maxUnavailable"],
        1,
    ),
    "no budget for one, which it would keep on its node for ever": (
        {"replicas": 1},
        lambda r: _kinds(r, "PodDisruptionBudget"),
        [],
    ),
    "no budget": (
        {"replicas": 2, "podDisruptionBudget.enabled": False},
        lambda r: _kinds(r, "PodDisruptionBudget"),
        [],
    ),
    "resources": (
        {"resources": {"requests": {"cpu": "1"}, "limits": None}},
        lambda r: _container(r)["resources"]["requests"]["cpu"],
        "1",
    ),
    "priority class": ({"priorityClassName": "high"}, lambda r: _pod(r)["priorityClassName"], "high"),
    "node selector": ({"nodeSelector": {"a": "b"}}, lambda r: _pod(r)["nodeSelector"], {"a": "b"}),
    "tolerations": ({"tolerations": [{"key": "a"}]}, lambda r: _pod(r)["tolerations"], [{"key": "a"}]),
    "affinity": (
        {"affinity": {"podAntiAffinity": {}}},
        lambda r: _pod(r)["affinity"],
        {"podAntiAffinity": {}},
    ),
    "topology spread": (
        {"topologySpreadConstraints": [{"maxSkew": 1}]},
        lambda r: _pod(r)["topologySpreadConstraints"],
        [{"maxSkew": 1}],
    ),
    "pod labels": (
        {"podLabels": {"team": "a"}},
        lambda r: r["Deployment", OPERATOR]["spec"]["template"]["metadata"]["labels"]["team"],
        "a",
    ),
    "pod annotations": (
        {"podAnnotations": {"a": "b"}},
        lambda r: r["Deployment", OPERATOR]["spec"]["template"]["metadata"]["annotations"],
        {"a": "b"},
    ),
    "account annotations": (
        {"serviceAccount.annotations": {"a": "b"}},
        lambda r: r["ServiceAccount", OPERATOR]["metadata"]["annotations"],
        {"a": "b"},
    ),
    "settings": (
        {
            "settings.standbySeconds": 0,
            "settings.maxArtifactBytes": 21474836480,
            "settings.registryRefusedNetworks": ["10.0.0.0/8", "fd00::/8"],
            "settings.clusterName": "east",
            "settings.leaseSeconds": 7.5,
            "settings.metricsPerObject": False,
        },
        _settings,
        {
            "PINTLE_STANDBY_SECONDS": "0",
            "PINTLE_MAX_ARTIFACT_BYTES": "21474836480",
            "PINTLE_REGISTRY_REFUSED_NETWORKS": "10.0.0.0/8,fd00::/8",
            "PINTLE_CLUSTER_NAME": "east",
            "PINTLE_LEASE_SECONDS": "7.5",
            "PINTLE_METRICS_PER_OBJECT": "false",
        },
    ),
    "more environment": (
        {"extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]},
        lambda r: _container(r)["env"][-1],
        {"name": "HTTPS_PROXY", "value": "http://proxy:3128"},
    ),
    "CA bundle": (
        {"caBundle.configMap": "company-ca"},
        lambda r: (_container(r)["env"][-1], _pod(r)["volumes"][-1]["configMap"]["name"]),
        ({"name": "SSL_CERT_FILE", "value": "/etc/pintle/ca/ca.crt"}, "company-ca"),
    ),
    "runtimes": (
        {"runtimes.gpu": {"image": "r.example.com/gpu:1"}, "runtimes.default": None},
        lambda r: {name: r["ModelRuntime", name]["spec"]["image"] for name in _kinds(r, "ModelRuntime")},
        {"gpu": "r.example.com/gpu:1"},
    ),
    "no aggregated roles": (
        {"aggregatedRoles": False},
        lambda r: sorted(_kinds(r, "ClusterRole")),
        [OPERATOR, f"{OPERATOR}-models", "pintle-runtimes-view"],
    ),
    "credentials of tenants": (
        {"tenantNamespaces": ["ml", "risk"], "credentials.secretNames": ["a", "b"]},
        lambda r: {
            name: r["Role", name]["rules"][0]["resourceNames"]
            for name in _kinds(r, "Role")
            if "credentials" in name
        },
        {"ml/pintle-registry-credentials": ["a", "b"], "risk/pintle-registry-credentials": ["a", "b"]},
    ),
    "metrics service": (
        {"metrics.service.enabled": True},
        lambda r: r["Service", "pintle-metrics"]["spec"]["selector"],
        {"app.kubernetes.io/name": OPERATOR},
    ),
    "service monitor": (
        {"metrics.serviceMonitor.enabled": True, "metrics.serviceMonitor.labels": {"release": "prometheus"}},
        lambda r: (
            r["ServiceMonitor", OPERATOR]["metadata"]["labels"]["release"],
            r["ServiceMonitor", OPERATOR]["spec"]["endpoints"][0]["port"],
            r["Service", "pintle-metrics"]["spec"]["ports"][0]["name"],
        ),
        ("prometheus", "metrics", "metrics"),
    ),
    "pod monitor": (
        {"metrics.podMonitor.enabled": True},
        lambda r: (r["PodMonitor", OPERATOR]["spec"]["podMetricsEndpoints"][0]["port"], _kinds(r, "Service")),
        ("http", []),
    ),
    "alerts": (
        {
            "prometheusRule.enabled": True,
            "prometheusRule.labels": {"release": "prometheus"},
            "prometheusRule.runbookUrl": "https://wiki.example.com/pintle/",
        },
        lambda r: (
            r["PrometheusRule", OPERATOR]["metadata"]["labels"]["release"],
            _alert(r, "PintleNoLeader")["annotations"]["runbook_url"],
            _alert(r, "PintleDeploymentStalled")["annotations"]["summary"],
        ),
        (
            "prometheus",
            "https://wiki.example.com/pintle/PintleNoLeader.md",
            "{{ $labels.namespace }}/{{ $labels.name }} waits for somebody to change something",
        ),
    ),
    "dashboard": (
        {"grafanaDashboard.enabled": True, "grafanaDashboard.namespace": "monitoring"},
        lambda r: (
            r["ConfigMap", "monitoring/pintle-dashboard"]["metadata"]["labels"]["grafana_dashboard"],
            json.loads(r["ConfigMap", "monitoring/pintle-dashboard"]["data"]["pintle.json"])["title"],
        ),
        ("1", "Pintle"),
    ),
    "kube-state-metrics": (
        {"kubeStateMetrics.enabled": True},
        lambda r: yaml.safe_load(r["ConfigMap", "pintle-kube-state-metrics"]["data"]["config.yaml"])["kind"],
        "CustomResourceStateMetrics",
    ),
    "network policy": (
        {"networkPolicy.enabled": True, "networkPolicy.registriesTo": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
        lambda r: r["NetworkPolicy", OPERATOR]["spec"]["egress"][-1],
        {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
    ),
}


# What each is compared with, where that is not the defaults.
CONTROLS: dict[str, Manifest] = {
    "no budget": {"replicas": 2},
    "no budget for one, which it would keep on its node for ever": {"replicas": 2},
}


@pytest.mark.parametrize("name", CASES)
def test_each_setting(chart: Chart, name: str) -> None:
    """Rendered as wanted with it, and otherwise without."""
    values, look, wanted = CASES[name]
    assert look(chart.rendered(values)) == wanted
    assert _looked(look, chart.rendered(CONTROLS.get(name))) != wanted


def _looked(look: Callable[[Rendered], Any], rendered: Rendered) -> object:
    try:
        return look(rendered)
    except KeyError as missing:
        return missing


def test_for_some_namespaces(chart: Chart) -> None:
    """Rights in these, and in all of the cluster for its own kinds alone; two of them get along."""
    rendered = chart.rendered({"scope": "namespaced", "namespaces": ["ml", "risk"]})
    assert _settings(rendered) == {"PINTLE_NAMESPACES": "ml,risk"}
    own = f"{OPERATOR}-pintle-system"
    bound = [name for name in _kinds(rendered, "ClusterRoleBinding") if name.startswith(OPERATOR)]
    assert bound == [own]
    verbs = {v for rule in rendered["ClusterRole", own]["rules"] for v in rule["verbs"]}
    assert verbs == {"list", "watch", "patch"}
    for namespace in ("ml", "risk"):
        binding = rendered["RoleBinding", f"{namespace}/{own}-models"]
        assert binding["roleRef"]["name"] == f"{own}-models"
    cluster = chart.rendered()
    assert (
        rendered["ClusterRole", f"{own}-models"]["rules"]
        == cluster["ClusterRole", f"{OPERATOR}-models"]["rules"]
    )


def test_kinds_and_runtimes_outlive_the_chart(chart: Chart) -> None:
    rendered = chart.rendered()
    kept = {
        key[0]
        for key, m in rendered.items()
        if m["metadata"].get("annotations", {}).get("helm.sh/resource-policy")
    }
    assert kept == {"CustomResourceDefinition", "ModelRuntime"}
    gone = chart.rendered({"crds.keep": False})
    annotations = [
        m["metadata"].get("annotations", {}) for (kind, _), m in gone.items() if "Definition" in kind
    ]
    assert not [a for a in annotations if "helm.sh/resource-policy" in a]


def test_runtimes_follow_the_kinds_where_these_are_new(chart: Chart) -> None:
    """Helm looks all kinds up before it makes any."""
    new = chart.rendered({}, "--is-upgrade=false")["ModelRuntime", "default"]["metadata"]["annotations"]
    assert new["helm.sh/hook"] == "post-install,post-upgrade"
    known = chart.rendered()["ModelRuntime", "default"]["metadata"]["annotations"]
    assert "helm.sh/hook" not in known
    assert known["meta.helm.sh/release-name"] == new["meta.helm.sh/release-name"] == "pintle"


REFUSED: dict[str, tuple[Manifest, str]] = {
    "a field that is none": ({"replica": 2}, "replica"),
    "a setting that is none": ({"settings.standby": 2}, "standby"),
    "text for a number": ({"replicas": "two"}, "replicas"),
    "no scope": ({"scope": "galaxy"}, "scope"),
    "namespaced without namespaces": ({"scope": "namespaced"}, "set `namespaces`"),
    "namespaces without namespaced": ({"namespaces": ["ml"]}, "set scope to namespaced"),
    "a namespace's name": ({"tenantNamespaces": ["M L"]}, "tenantNamespaces"),
    "a tag for a digest": ({"image.digest": "latest"}, "digest"),
    "a network": ({"settings.registryRefusedNetworks": ["example.com"]}, "registryRefusedNetworks"),
    "too many workers": ({"settings.workers": 1000}, "workers"),
    "a registry's address for its host": (
        {"admissionPolicies.registryHosts": ["http://mlflow"]},
        "registryHosts",
    ),
    "a runtime without an image": ({"runtimes.gpu": {"default": False}}, "image"),
    "a dashboard that no sidecar finds": (
        {"grafanaDashboard.labels": {"grafana_dashboard": None}},
        "grafanaDashboard",
    ),
    "no place of runbooks": ({"prometheusRule.runbookUrl": ""}, "runbookUrl"),
    "no names of Secrets": ({"credentials.secretNames": []}, "secretNames"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(chart: Chart, name: str) -> None:
    values, word = REFUSED[name]
    done = chart.template(values)
    assert done.returncode != 0
    assert word in done.stderr
