"""Everything that has to be there before the story: the cluster, the images, the operator, a registry."""

import os
import urllib.parse
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from demo import credentials, registries
from demo.errors import DemoError
from demo.kube import Json, Kube, documents
from demo.manifests import PUBLIC, Manifests
from demo.registries import Registry
from testbed import api, progress
from testbed.api import Cluster

REPOSITORY = Path(__file__).resolve().parent.parent
OVERLAY = REPOSITORY / "manifests/overlays/cluster"
CRDS = REPOSITORY / "crds"
CREDENTIALS_ROLE = REPOSITORY / "manifests/components/registry-credentials"
OPERATOR = "/apis/apps/v1/namespaces/pintle-system/deployments/pintle-operator"
INSTALLED_BY_DEMO = "pintle.dev/installed-by"
_DEFAULT_RUNTIME = "/apis/pintle.dev/v1alpha1/modelruntimes/default"
_GONE_SECONDS = 180


@dataclass(frozen=True)
class Own:
    """The user's registry, model and versions."""

    uri: str
    model: str
    versions: tuple[str, ...]


def is_ours() -> bool:
    """Whether the cluster is the test bed's own, which takes images and goes with the demo."""
    return os.environ.get("TESTBED") != "current"


def raise_cluster() -> Cluster:
    return api.ensure()


def manifests() -> Manifests:
    """Where the images are: loaded into the node, or in the registry that IMAGE_REGISTRY names.

    Raises:
        DemoError: TESTBED=current without IMAGE_REGISTRY.
    """
    if is_ours():
        return Manifests()
    registry = os.environ.get("IMAGE_REGISTRY", "").rstrip("/")
    if not registry:
        raise DemoError(
            "TESTBED=current: push the images to a registry that the cluster pulls from, with"
            " `make images push IMAGE_REGISTRY=registry.example.com/pintle`, and run"
            " `make demo TESTBED=current IMAGE_REGISTRY=registry.example.com/pintle`"
        )
    return Manifests(registry)


def provide(cluster: Cluster, kube: Kube, sources: Manifests, own: Own | None) -> Registry:
    """Install all of it; what an earlier run left of the story is removed. The registry to tell it with."""
    _begin_removal(kube)
    with ThreadPoolExecutor(max_workers=1) as pool:
        training: Future[registries.DemoRegistry] | None = None
        if own is None:
            _load(cluster, "mlflow")
            training = pool.submit(registries.create, kube, sources)  # trains while images are loaded
        _load(cluster, "runtime", "operator")
        _install(kube, sources)
        if own is not None:
            return _prepare_own(kube, sources, own)
        with progress.step("Starting MLflow and training three versions of a model"):
            registry = training.result() if training else None
    if registry is None:
        raise AssertionError("one of the two registries was prepared")
    _prepare_namespace(kube, sources, registry.uri)
    return registry


def _load(cluster: Cluster, *targets: str) -> None:
    if is_ours():
        cluster.images(*targets)


def _install(kube: Kube, sources: Manifests) -> None:
    """The CRDs, the operator and the default runtime, from `manifests/`. An operator of the user's stays."""
    before = kube.get(OPERATOR)
    if before is not None and not is_ours() and not installed_by_demo(kube):
        return
    with progress.step("Installing Pintle"):
        kube.run("apply", "--server-side", f"--kustomize={CRDS}")
        kube.run("wait", "crd", "--for=condition=Established", "--timeout=30s", *_crd_names(kube))
        if sources.registry == PUBLIC:
            kube.run("apply", f"--kustomize={OVERLAY}")
        else:
            text = sources.with_images(kube.run("kustomize", str(OVERLAY)))
            kube.run("apply", "--filename=-", stdin=text)
        kube.run("annotate", "namespace", "pintle-system", f"{INSTALLED_BY_DEMO}=demo", "--overwrite")
        if before is not None:  # the image may be another one under the same name
            kube.run("rollout", "restart", "deployment/pintle-operator", "--namespace=pintle-system")
        arguments = ("deployment/pintle-operator", "--namespace=pintle-system", "--timeout=120s")
        kube.run("rollout", "status", *arguments)


def installed_by_demo(kube: Kube) -> bool:
    namespace = kube.get("/api/v1/namespaces/pintle-system") or {}
    return INSTALLED_BY_DEMO in namespace.get("metadata", {}).get("annotations", {})


def _crd_names(kube: Kube) -> list[str]:
    rendered = documents(kube.run("kustomize", str(CRDS)))
    return [one["metadata"]["name"] for one in rendered if one["kind"] == "CustomResourceDefinition"]


def _begin_removal(kube: Kube) -> None:
    kube.run("delete", "namespace", "demo", "--ignore-not-found", "--wait=false")


def _prepare_namespace(kube: Kube, sources: Manifests, uri: str) -> None:
    with progress.step("Preparing the namespace demo"):
        kube.run("wait", "namespace/demo", "--for=delete", f"--timeout={_GONE_SECONDS}s", check=False)
        found = credentials.found(os.environ)
        rendered = [_with_secret(one, found) for one in documents(sources.render("demo.yaml", uri=uri))]
        kube.run("apply", "--filename=-", stdin=yaml.safe_dump_all(rendered))
        if found:
            credentials.give(kube, found)
            kube.run("apply", "--namespace=demo", f"--kustomize={CREDENTIALS_ROLE}")


def _with_secret(document: Json, found: dict[str, str]) -> Json:
    if not found or document["kind"] != "RegistryConnection":
        return document
    return document | {"spec": document["spec"] | {"secretRef": {"name": "mlflow-credentials"}}}


def _trust_this_machines_authorities(kube: Kube) -> None:
    """A model may need packages that the image lacks: its pods fetch them the way this machine does."""
    if is_ours():
        index = {"spec": {"index": {"caBundle": api.ca_bundle().read_text(encoding="utf-8")}}}
        kube.merge(_DEFAULT_RUNTIME, index, "demo")


def _prepare_own(kube: Kube, sources: Manifests, own: Own) -> Registry:
    _trust_this_machines_authorities(kube)
    _prepare_namespace(kube, sources, own.uri)
    with progress.step("Reading the model's input example"):
        values = {"uri": own.uri, "model": urllib.parse.quote(own.model), "version": own.versions[0]}
        kube.run("apply", "--filename=-", stdin=sources.render("example.yaml", **values))
        ended = "--for=jsonpath={.status.phase}=Succeeded"
        kube.run("wait", "pod/example", "--namespace=demo", ended, "--timeout=60s", check=False)
        printed = kube.run("logs", "example", "--namespace=demo", check=False)
    example = printed if printed.lstrip().startswith("{") else ""
    return Registry(own.uri, own.model, own.versions, example)
