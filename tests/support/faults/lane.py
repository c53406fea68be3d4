"""One namespace under faults: its operators, each behind a proxy, and what a test does and sees there."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import yaml

from pintle.domain.resources import MODEL_DEPLOYMENTS, REGISTRY_CONNECTIONS
from tests.support.faults.oracles import difference, end_state
from tests.support.faults.points import about, subject_name
from tests.support.faults.proxy import ApiProxy
from tests.support.faults.record import Exchange
from tests.support.operator_program import OperatorProcess
from tests.support.rest import Json
from tests.support.waiting import until
from tests.support.witness import Subject

if TYPE_CHECKING:
    from tests.support.faults.bench import Bench

CONNECTION = "mlflow"
MODEL = "iris"
VERSIONS = tuple(map(str, range(1, 10)))
# Longer than any recovery may take; what takes longer is not recovered from.
CONVERGES_WITHIN = 60.0
# Counts in a status are written every 5 s at most, so a shorter silence may be an intermission.
QUIET_SECONDS = 6.5


class Operator:
    """An operator's process and the proxy that it talks through."""

    def __init__(self, bench: "Bench", namespace: str, directory: Path, **settings: str) -> None:
        self._bench = bench
        directory.mkdir(parents=True, exist_ok=True)
        self.proxy = ApiProxy(bench.login, self._kill)
        bench.loop.run(self.proxy.start())
        kubeconfig = directory / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(_kubeconfig(self.proxy.url)))
        self._ending = threading.Event()
        self._tending: threading.Thread | None = None
        self.process = OperatorProcess(
            directory,
            kubeconfig,
            PINTLE_NAMESPACES=namespace,
            POD_NAMESPACE=namespace,
            PINTLE_REGISTRY_ALLOWED_NETWORKS="127.0.0.0/8",
            **settings,
        )

    def start(self) -> None:
        """Start it and wait until it is at work; whenever it ends, it is started again."""
        self.launch()
        self.process.until("/readyz", 200)

    def launch(self) -> None:
        """As `start`, and wait for nothing."""
        self.process.start()
        self._tending = threading.Thread(target=self._tend, name="restarts", daemon=True)
        self._tending.start()

    def retire(self, number: int) -> float:
        """Send it a signal, and do not start it again once it has ended; when that was, since 1970."""
        self._ending.set()
        at = time.time()
        self.process.signal(number)
        return at

    def end(self) -> None:
        """Kill it, and take its proxy away."""
        self._ending.set()
        self._kill()
        if self._tending:
            self._tending.join()
        self._bench.loop.run(self.proxy.stop())

    def _tend(self) -> None:
        """As a kubelet does, but at once."""
        while True:
            self.process.wait(within=None)
            if self._ending.is_set():
                return
            self.proxy.revive()
            self.process.start()

    def _kill(self) -> None:
        self.process.kill()


@dataclass
class Lane:
    """One namespace. `operator` is its first one; `another` starts more of them."""

    bench: "Bench"
    namespace: str
    directory: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)
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
        self.operators.append(Operator(self.bench, self.namespace, place, **{**self.settings, **settings}))
        return self.operators[-1]

    def subject(self) -> Subject:
        """A name that nothing has had yet."""
        return Subject(self.namespace, subject_name(next(self._numbers)))

    def connect(self, name: str, uri: str, more: Mapping[str, object] = MappingProxyType({})) -> None:
        """Make a RegistryConnection."""
        body = {"metadata": {"name": name}, "spec": {"uri": uri, "pollSeconds": 5, **more}}
        self.bench.kube.create(REGISTRY_CONNECTIONS, self.namespace, body)

    def create(self, subject: Subject, spec: Mapping[str, object]) -> None:
        """`kubectl create` of a ModelDeployment."""
        whole = {"registryRef": {"name": CONNECTION}, "model": MODEL, "replicas": 2, **spec}
        body = {"metadata": {"name": subject.name}, "spec": whole}
        self._witnessed(subject, self.bench.kube.create(MODEL_DEPLOYMENTS, self.namespace, body))

    def edit(self, subject: Subject, **spec: object) -> None:
        """`kubectl patch` of its spec; None takes a field away."""
        patch = {"spec": spec}
        self._witnessed(
            subject, self.bench.kube.merge(MODEL_DEPLOYMENTS, self.namespace, subject.name, patch)
        )

    def _witnessed(self, subject: Subject, answer: Json) -> None:
        """Wait until the witness knows of an edit: what it says before that is of the time before."""
        version, uid = int(answer["metadata"]["resourceVersion"]), answer["metadata"]["uid"]

        def known() -> bool:
            return any(
                seen.version >= version and seen.uid == uid
                for seen in reversed(self.bench.witness.history(subject))
            )

        until(known, within=10, what=f"the edit of {subject.name} is witnessed")

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

    def reaches(self, subject: Subject, wanted: object, *, deadline: Callable[[], float]) -> None:
        """Wait for an end state. `deadline` is asked anew for when it has to be there: seconds since 1970."""

        until(
            lambda: end_state(self.bench.witness, subject) == wanted or time.time() > deadline(),
            within=10 * CONVERGES_WITHIN,
            what=f"{subject.name} reaches an end state, or its time is over",
        )
        found = end_state(self.bench.witness, subject)
        places = "\n".join([*difference(found, wanted), self.tail()])
        assert found == wanted, f"{subject.name} reaches no end state: {places}"

    def silence(self, subjects: Sequence[Subject]) -> None:
        """Wait until none of these is written about for a while."""
        names = {subject.name for subject in subjects}

        def quiet() -> bool:
            last = max((e.at for e in self.all_writes() if about(e.target, names)), default=0.0)
            return time.time() > last + QUIET_SECONDS

        until(quiet, within=CONVERGES_WITHIN, what=f"silence about {len(names)} objects", now=self.tail)

    def all_writes(self) -> list[Exchange]:
        """The writes of all operators of the lane."""
        return [e for operator in self.operators for e in operator.proxy.journal if e.target.is_write]

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
