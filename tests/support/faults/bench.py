"""Operators as processes, each behind a proxy, at a real control plane whose pods are played.

bench    a control plane of its own, RBAC and kinds as they are installed; player, registry, witness
lane     a namespace with an operator of its own, its proxy, and the names that a test uses there
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from kubernetes import client, config

from pintle.adapters.kube_http import Login
from pintle.domain.resources import NAMESPACES, PODS
from testbed import api
from testbed.providers.embedded import EmbeddedProvider
from testbed.settings import instance_name, kubernetes_version, state_dir
from tests.support.audit import AuditLog
from tests.support.faults.lane import CONNECTION, MODEL, VERSIONS, Lane
from tests.support.faults.loops import LoopThread
from tests.support.faults.registry import RegistryStandIn
from tests.support.kube import MINE, RESTRICTED, Kube
from tests.support.pod_player import PodPlayer, playing
from tests.support.pod_security import restricting
from tests.support.rest import Rest
from tests.support.schemas import CRDS, REPOSITORY, definitions
from tests.support.watching import watching
from tests.support.witness import Witness, witnessing

_INSTALLED = (
    *(
        f"base/{name}"
        for name in ("namespace", "service-account", "cluster-role", "models-role", "lease-role")
    ),
    "base/default-runtime",
    "overlays/cluster/models-role-binding",
)
_ROLES = (
    REPOSITORY / "manifests/base/lease-role.yaml",
    REPOSITORY / "manifests/components/registry-credentials/role.yaml",
)
_ANY_SECRET = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
_DAY_SECONDS = 24 * 60 * 60
_ACCOUNT = "/api/v1/namespaces/pintle-system/serviceaccounts/pintle-operator/token"


@dataclass(frozen=True)
class Bench:
    """What all lanes share."""

    kube: Kube
    login: Login  # the operator's own ServiceAccount: what it may do is what its ClusterRole says
    loop: LoopThread
    registry: RegistryStandIn
    player: PodPlayer
    witness: Witness
    audit: AuditLog

    @contextmanager
    def lane(self, directory: Path, **settings: str) -> Iterator[Lane]:
        """A namespace with its own operator, which has not been started yet; its Lease is there, too."""
        self.player.check()  # without it nothing comes up, and no test says why
        metadata = {"generateName": "faults-", "labels": MINE | RESTRICTED}
        namespace = self.kube.create(NAMESPACES, "", {"metadata": metadata})["metadata"]["name"]
        self._allow(namespace)
        lane = Lane(self, namespace, directory, settings)
        lane.connect(CONNECTION, self.registry.uri)
        try:
            yield lane
        finally:
            for operator in lane.operators:
                operator.end()
            self.kube.delete(NAMESPACES, "", namespace)
            self.witness.forget(namespace)

    def _allow(self, namespace: str) -> None:
        """Let the operator read any Secret of a namespace, as a tenant does, and have its Lease there."""
        for file in _ROLES:
            for body in yaml.safe_load_all(file.read_text()):
                body["metadata"]["namespace"] = namespace
                if body["metadata"]["name"] == "pintle-registry-credentials" and body["kind"] == "Role":
                    body["rules"] = _ANY_SECRET
                self.kube.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(body))


@contextmanager
def raised() -> Iterator[Bench]:
    """Raise a control plane for these tests alone, and take it down in the end."""
    provider = EmbeddedProvider(state_dir(), f"{instance_name()}-faults", kubernetes_version())
    cluster = api.ensure(control_plane_only=True, provider=provider)
    loop = LoopThread()
    try:
        assert cluster.audit_log is not None
        settings = client.Configuration()
        config.load_kube_config(  # type: ignore[no-untyped-call] # the client's, without types
            str(cluster.kubeconfig), client_configuration=settings
        )
        with client.ApiClient(settings) as connected:
            kube = Kube(cluster, Rest(connected))
            login = _install(kube, settings)
            registry = RegistryStandIn()
            registry.register(MODEL, *VERSIONS)
            loop.run(registry.start())
            with (
                restricting(cluster),
                witnessing(connected) as witness,
                watching(connected, PODS, "") as pods,
                playing(kube, pods) as player,
            ):
                yield Bench(kube, login, loop, registry, player, witness, AuditLog(cluster.audit_log))
            loop.run(registry.stop())
    finally:
        loop.close()
        provider.down()


def _install(kube: Kube, settings: client.Configuration) -> Login:
    """The kinds, the operator's account and what it may do; gives its credentials."""
    apply = ("apply", "--server-side", "--force-conflicts")
    kube.kubectl(*apply, "-k", str(CRDS))
    names = [f"crd/{crd['metadata']['name']}" for crd in definitions().values()]
    kube.kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)
    for name in _INSTALLED:
        kube.kubectl(*apply, "-f", str(REPOSITORY / "manifests" / f"{name}.yaml"))
    # By default it is good for an hour, and all slow tests with faults take longer.
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": _DAY_SECONDS},
    }
    token = kube.rest.ok("POST", _ACCOUNT, body)["status"]["token"]
    return Login(settings.host, settings.ssl_ca_cert, None, None, token=token)
