"""What all end-to-end tests and benchmarks share: one cluster, one operator, one MLflow, its models."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kubernetes import client, config

from pintle.domain.resources import NAMESPACES, REGISTRY_CONNECTIONS
from testbed import api
from tests.support import install
from tests.support.audit import AuditLog
from tests.support.kube import MINE, RESTRICTED, Kube
from tests.support.mlflow_pod import MlflowPod
from tests.support.rest import Rest

# Versions of model iris: the number of each is its place in this list. What is wrong with which one stands in
# demo/mlflow/variants.py.
VARIANTS = (
    "linear",
    "boosted",
    "names",
    "nan",
    "wrong-shape",
    "raises",
    "crash-on-load",
    "missing-artifacts",
    "unsafe-url",
    "unsafe-index",
    "unsafe-sdist",
    "other-scikit-learn",
    "no-example",
    "too-large",
    "hungry",
    "sometimes-fails",
    "slow-for-clients",
)


def version_of(variant: str) -> str:
    """The number that a variant is registered under."""
    return str(VARIANTS.index(variant) + 1)


LINEAR, BOOSTED, NAMES, NAN = map(version_of, ("linear", "boosted", "names", "nan"))
FAILING, SLOW = map(version_of, ("sometimes-fails", "slow-for-clients"))


@dataclass(frozen=True)
class Rig:
    """A cluster with Pintle and MLflow."""

    kube: Kube
    api_client: client.ApiClient = field(repr=False)
    audit: AuditLog
    mlflow: MlflowPod
    began: int = 0  # a mark of the audit log: what these tests did comes after it

    @contextmanager
    def namespace(self, purpose: str) -> Iterator[str]:
        """A tenant's namespace that knows the registry as `mlflow`; its deletion is not waited for."""
        metadata = {"generateName": f"e2e-{purpose}-", "labels": MINE | RESTRICTED}
        name = self.kube.create(NAMESPACES, "", {"metadata": metadata})["metadata"]["name"]
        self.connect(name, "mlflow", self.mlflow.uri)
        try:
            yield name
        finally:
            self.kube.delete(NAMESPACES, "", name)

    def connect(
        self, namespace: str, name: str, uri: str, secret: str | None = None, *, poll_seconds: int = 30
    ) -> None:
        """Make a RegistryConnection."""
        spec = {"uri": uri, "pollSeconds": poll_seconds} | ({"secretRef": {"name": secret}} if secret else {})
        self.kube.create(REGISTRY_CONNECTIONS, namespace, {"metadata": {"name": name}, "spec": spec})


@contextmanager
def raised(say: Callable[[str], None] = lambda _: None) -> Iterator[Rig]:
    """Raise all of it, whatever an earlier run left, and take it down to the bare cluster at the end.

    The cluster is the one that TESTBED and TESTBED_NAME mean, and has to be for tests alone.
    """
    cluster = api.ensure()
    cluster.images("operator", "runtime", "mlflow")
    assert cluster.audit_log is not None, (
        "these tests count requests in the audit log, which this cluster lacks"
    )
    settings = client.Configuration()
    config.load_kube_config(  # type: ignore[no-untyped-call] # the client's, without types
        str(cluster.kubeconfig), client_configuration=settings
    )
    with client.ApiClient(settings) as connected:
        kube, audit = Kube(cluster, Rest(connected)), AuditLog(cluster.audit_log)
        began = audit.mark()
        mlflow = MlflowPod(kube, "e2e-mlflow")
        say("removing what an earlier run left")
        install.remove_leftovers(kube)
        try:
            say("starting MLflow and the operator")
            mlflow.create()
            install.install(kube)
            mlflow.wait()
            say(f"registering {len(VARIANTS)} versions")
            numbers = mlflow.register("iris", *VARIANTS)
            assert numbers == [version_of(variant) for variant in VARIANTS]
            install.wait(kube)
            yield Rig(kube, connected, audit, mlflow, began)
        finally:
            install.uninstall(kube)
