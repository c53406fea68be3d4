"""Operators as processes, each behind a proxy, at a real control plane whose pods are played.

bench    a control plane of its own, RBAC and kinds as they are installed; player, registry, witness
lane     a namespace with an operator of its own, its proxy, and the names that a test uses there
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import yaml
from kubernetes import client, config

from pintle.adapters.kube_http import Login
from pintle.domain.resources import MODEL_DEPLOYMENTS, NAMESPACES, REGISTRY_CONNECTIONS
from testbed import api
from testbed.providers.embedded import EmbeddedProvider
from testbed.settings import instance_name, state_dir
from tests.support.audit import AuditLog
from tests.support.faults.loops import LoopThread
from tests.support.faults.oracles import difference, end_state
from tests.support.faults.proxy import ApiProxy
from tests.support.faults.record import Exchange
from tests.support.faults.registry import RegistryStandIn
from tests.support.kube import MINE, Kube
from tests.support.operator_program import OperatorProcess
from tests.support.pod_player import PodPlayer, playing
from tests.support.rest import Rest
from tests.support.schemas import CRDS, REPOSITORY, definitions
from tests.support.waiting import until
from tests.support.witness import Subject, Witness, witnessing

CONNECTION = "mlflow"
MODEL = "iris"
VERSIONS = tuple(map(str, range(1, 10)))
_INSTALLED = ("namespace", "service-account", "cluster-role", "lease-role", "default-runtime")
_ACCOUNT = "/api/v1/namespaces/pintle-system/serviceaccounts/pintle-operator/token"
# Longer than any recovery may take; what takes longer is not recovered from.
CONVERGES_WITHIN = 60.0


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
    def lane(self, directory: Path, *, registry: RegistryStandIn | None = None) -> Iterator["Lane"]:
        """A namespace with its own operator, which has not been started yet."""
        metadata = {"generateName": "faults-", "labels": MINE}
        namespace = self.kube.create(NAMESPACES, "", {"metadata": metadata})["metadata"]["name"]
        proxies: list[Operator] = []
        lane = Lane(self, namespace, directory, proxies)
        lane.connect(CONNECTION, (registry or self.registry).uri)
        try:
            yield lane
        finally:
            for operator in proxies:
                operator.end()
            self.kube.delete(NAMESPACES, "", namespace)


class Operator:
    """An operator's process and the proxy that it talks through."""

    def __init__(self, bench: Bench, namespace: str, directory: Path, **settings: str) -> None:
        self._bench = bench
        directory.mkdir(parents=True, exist_ok=True)
        self.proxy = ApiProxy(bench.login, self._kill)
        bench.loop.run(self.proxy.start())
        kubeconfig = directory / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(_kubeconfig(self.proxy.url)))
        self.process = OperatorProcess(
            directory,
            kubeconfig,
            PINTLE_NAMESPACES=namespace,
            PINTLE_REGISTRY_ALLOWED_NETWORKS="127.0.0.0/8",
            PINTLE_LOG_LEVEL="DEBUG",
            **settings,
        )

    def start(self) -> None:
        """Start it, whether it ran before or not; it takes a second or two to be at work."""
        self.proxy.revive()
        self.process.start()

    def ready(self) -> None:
        """Wait until it is at work."""
        self.process.until("/readyz", 200)

    def end(self) -> None:
        """Kill it, and take its proxy away."""
        if self.process.process:
            self.process.kill()
            self.process.wait()
        self._bench.loop.run(self.proxy.stop())

    def _kill(self) -> None:
        self.process.kill()


@dataclass
class Lane:
    """One namespace. `operator` is its first one; `another` starts more of them."""

    bench: Bench
    namespace: str
    directory: Path
    operators: list[Operator]
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def operator(self) -> Operator:
        if not self.operators:
            self.another()
        return self.operators[0]

    @property
    def proxy(self) -> ApiProxy:
        return self.operator.proxy

    def another(self, **settings: str) -> Operator:
        """One more operator for this namespace, not started yet."""
        place = self.directory / f"{self.namespace}-{len(self.operators)}"
        self.operators.append(Operator(self.bench, self.namespace, place, **settings))
        return self.operators[-1]

    def subject(self) -> Subject:
        """A name that nothing has had yet; none is the beginning of another one."""
        return Subject(self.namespace, f"p{next(self._numbers):04d}")

    def connect(self, name: str, uri: str) -> None:
        body = {"metadata": {"name": name}, "spec": {"uri": uri, "pollSeconds": 5}}
        self.bench.kube.create(REGISTRY_CONNECTIONS, self.namespace, body)

    def create(self, subject: Subject, connection: str = CONNECTION, **spec: object) -> None:
        """`kubectl create` of a ModelDeployment."""
        spec = {"registryRef": {"name": connection}, "model": MODEL, "replicas": 2} | spec
        body = {"metadata": {"name": subject.name}, "spec": spec}
        self.bench.kube.create(MODEL_DEPLOYMENTS, self.namespace, body)

    def edit(self, subject: Subject, **spec: object) -> None:
        """`kubectl patch` of its spec; None takes a field away."""
        self.bench.kube.merge(MODEL_DEPLOYMENTS, self.namespace, subject.name, {"spec": spec})

    def delete(self, subject: Subject) -> None:
        self.bench.kube.delete(MODEL_DEPLOYMENTS, self.namespace, subject.name)

    def status(self, subject: Subject) -> dict[str, object]:
        found = self.bench.witness.objects(subject, MODEL_DEPLOYMENTS)
        return found[0].get("status") or {} if found else {}

    def reason(self, subject: Subject) -> str:
        """The reason of Ready for the generation that there is, or ""."""
        for body in self.bench.witness.objects(subject, MODEL_DEPLOYMENTS):
            for condition in (body.get("status") or {}).get("conditions") or ():
                current = condition.get("observedGeneration") == body["metadata"]["generation"]
                if condition["type"] == "Ready" and current:
                    return str(condition["reason"])
        return ""

    def becomes(self, subject: Subject, *reasons: str, within: float = CONVERGES_WITHIN) -> None:
        """Wait for a reason of Ready."""
        until(
            lambda: self.reason(subject) in reasons,
            within=within,
            what=f"{subject.name} is {' or '.join(reasons)}",
            now=lambda: f"{self.status(subject)}\n{self.tail()}",
        )

    def reaches(self, subject: Subject, wanted: object, *, within: float = CONVERGES_WITHIN) -> None:
        """Wait for an end state."""
        until(
            lambda: end_state(self.bench.witness, subject) == wanted,
            within=within,
            what=f"{subject.name} reaches the end state of a clean run",
            now=lambda: "\n".join([*difference(end_state(self.bench.witness, subject), wanted), self.tail()]),
        )

    def writes(self, subject: Subject, after: int = 0) -> list[Exchange]:
        """The operators' writes about a subject, from a number of the journal on."""
        return [
            e
            for operator in self.operators
            for e in operator.proxy.journal[after:]
            if e.target.is_write and subject.name in e.target.name
        ]

    def tail(self, lines: int = 25) -> str:
        """The end of the operator's log."""
        return "\n".join(self.operator.process.log().splitlines()[-lines:])


def _kubeconfig(url: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "proxy",
        "clusters": [{"name": "proxy", "cluster": {"server": url}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "nobody"}}],
    }


@contextmanager
def raised() -> Iterator[Bench]:
    """Raise a control plane for these tests alone, and take it down in the end."""
    provider = EmbeddedProvider(state_dir(), f"{instance_name()}-faults")
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
            with witnessing(connected) as (witness, pods), playing(kube, pods) as player:
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
        kube.kubectl(*apply, "-f", str(REPOSITORY / "manifests/base" / f"{name}.yaml"))
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = kube.rest.ok("POST", _ACCOUNT, body)["status"]["token"]
    return Login(settings.host, settings.ssl_ca_cert, None, None, token=token)
