"""One ModelDeployment's world in memory: API server, controllers, registry and operator, stepped by a test.

A history is what somebody types, one edit after another; between edits the world runs until it
is quiet. The operator here is the real one from the reconciler down; only the ports are fakes.
"""

from collections import Counter
from datetime import timedelta
from typing import Any

from pintle.domain import Key
from pintle.domain.resources import (
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    MODEL_DEPLOYMENTS,
    MODEL_RUNTIMES,
    PODS,
    REGISTRY_CONNECTIONS,
    SERVICES,
)
from pintle.naming import LABEL_REVISION, LABEL_VERSION
from pintle.ports import Json, Resource
from tests.support.answers import Answers, Recorder, Views
from tests.support.fake_api_server import Body, FakeApiServer, WatchType
from tests.support.fake_clock import FakeClock
from tests.support.fake_cluster import FakeCluster
from tests.support.fake_controllers import FakeControllers, is_ready
from tests.support.fake_pods import Fate
from tests.support.fake_requests import FakeRequests
from tests.support.operator_process import Operator

NAMESPACE = "ml"
NAME = "iris"
KEY = Key(NAMESPACE, NAME)


class World:
    """See the module. `pods_made` and `pods_gone` count by revision; `traffic` is who had the selector.

    `fates` by version are those of its pods; `next_fates` those of its next pods, one by one.
    """

    def __init__(self, *versions: str) -> None:
        self.clock = FakeClock()
        self.api = FakeApiServer(self.clock)
        self.cluster = FakeCluster(self.api)
        self.controllers = FakeControllers(self.api)
        self.answers = Answers(self.clock)
        self.answers.register(*(versions or ("1", "2", "3")))
        self.recorder = Recorder()
        self.requests = FakeRequests(self.api, NAMESPACE, NAME)
        self.pods_made: Counter[str] = Counter()
        self.pods_gone: Counter[str] = Counter()
        self.traffic: list[str] = []
        self.fates: dict[str, Fate] = {}
        self.next_fates: dict[str, list[Fate]] = {}
        self.operators: list[Operator] = []
        self.api.listeners.append(self._record)
        self.start_operator()
        self.api.create(MODEL_RUNTIMES, "", {"metadata": {"name": "default"}, "spec": RUNTIME})
        self.api.create(
            REGISTRY_CONNECTIONS,
            NAMESPACE,
            {"metadata": {"name": "mlflow"}, "spec": {"uri": "http://mlflow:5000"}},
        )

    def start_operator(self) -> None:
        """A fresh process in place of the one before."""
        self.cluster.revive()
        if self.operators and not self.operator.killed:
            self.operator.stop()
        self.operators[:1] = [self._process(self.cluster)]

    def overlap(self) -> Operator:
        """Another process beside the first, as when a Lease was taken over: both work from now on."""
        self.operators.append(self._process(FakeCluster(self.api)))
        return self.operators[-1]

    def _process(self, cluster: FakeCluster) -> Operator:
        return Operator(cluster, self.clock, self.answers, self.recorder, KEY, requests=self.requests)

    @property
    def operator(self) -> Operator:
        """The first process."""
        return self.operators[0]

    @property
    def views(self) -> Views:
        return self.operator.views

    def _record(self, change: WatchType, resource: Resource, obj: Body) -> None:
        """Watch as the tests' own eye, whatever the operator's watch sees."""
        labels = obj["metadata"].get("labels") or {}
        if resource == CONTROLLER_REVISIONS and labels[LABEL_VERSION] in self.fates:
            fate = self.fates[labels[LABEL_VERSION]]
            self.controllers.kubelet.fates[obj["metadata"]["name"]] = fate
        if resource == PODS and LABEL_REVISION not in labels:
            return  # somebody else's
        if resource == PODS and change == "ADDED":
            self.pods_made[labels[LABEL_REVISION]] += 1
            if coming := self.next_fates.get(version_of(labels[LABEL_REVISION])):
                self.controllers.kubelet.own[obj["metadata"]["name"]] = coming.pop(0)
        if resource == PODS and change == "DELETED":
            self.pods_gone[labels[LABEL_REVISION]] += 1
        if resource == SERVICES and change != "DELETED" and obj["metadata"]["name"] == NAME:
            revision = obj["spec"]["selector"].get(LABEL_REVISION, "")
            if not self.traffic or self.traffic[-1] != revision:
                self.traffic.append(revision)

    # What people type.

    def apply(self, **spec: object) -> None:
        """`kubectl apply`: make the ModelDeployment or change fields of its spec; None takes one away."""
        if self.api.find(MODEL_DEPLOYMENTS, NAMESPACE, NAME) is None:
            wanted = {"registryRef": {"name": "mlflow"}, "model": "iris"} | spec
            wanted = {k: v for k, v in wanted.items() if v is not None}
            self.api.create(MODEL_DEPLOYMENTS, NAMESPACE, {"metadata": {"name": NAME}, "spec": wanted})
        else:
            self.api.patch(MODEL_DEPLOYMENTS, NAMESPACE, NAME, {"spec": spec})

    def fate(self, version: str, fate: Fate) -> None:
        """Say how the pods of a version go, of revisions to come and of those that are there."""
        self.fates[version] = fate
        for record in self.api.objects(CONTROLLER_REVISIONS, labels=f"{LABEL_VERSION}={version}"):
            self.controllers.kubelet.fates[record["metadata"]["name"]] = fate

    def annotate(self, **annotations: str | None) -> None:
        body = {"metadata": {"annotations": {k.replace("__", "/"): v for k, v in annotations.items()}}}
        self.api.patch(MODEL_DEPLOYMENTS, NAMESPACE, NAME, body)

    def wipe_status(self) -> None:
        """Lose the whole status; the API server defaults it again."""
        body: list[Json] = [{"op": "replace", "path": "/status", "value": {"observedGeneration": -1}}]
        self.api.patch(MODEL_DEPLOYMENTS, NAMESPACE, NAME, body, patch_type="json", subresource="status")

    # How the world goes on.

    def operate(self) -> None:
        """Let every process work until nothing is queued."""
        for operator in self.operators:
            operator.operate()

    def run(self, seconds: float = 8.0, tick: float = 0.25) -> None:
        """Let everybody work for a while: time moves in ticks, controllers and operator in turns."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while self.clock.now() < end:
            self.operate()
            moved = self.controllers.step()
            self.operate()
            if moved:
                self.clock.advance(tick)
            else:
                due = [t for o in self.operators if not o.killed for t in o.due.values()]
                next_due = min([t for t in due if t > self.clock.now()], default=end)
                self.clock.advance((min(next_due, end) - self.clock.now()).total_seconds())

    # What people see.

    @property
    def body(self) -> Body:
        return self.api.get(MODEL_DEPLOYMENTS, NAMESPACE, NAME)

    @property
    def status(self) -> dict[str, Any]:
        return self.body.get("status") or {}

    def condition(self, name: str = "Ready") -> dict[str, Any]:
        return next((c for c in self.status.get("conditions", []) if c["type"] == name), {})

    @property
    def serving(self) -> str:
        """The version that the Service selects."""
        service = self.api.find(SERVICES, NAMESPACE, NAME)
        revision = service["spec"]["selector"].get(LABEL_REVISION, "") if service else ""
        return version_of(revision)

    def revision(self, version: str) -> str:
        """The name of the newest revision of a version."""
        records = self.api.objects(CONTROLLER_REVISIONS)
        found = [r for r in records if version_of(r["metadata"]["name"]) == version]
        return max(found, key=lambda r: r["revision"])["metadata"]["name"] if found else ""

    def replicas(self) -> dict[str, int]:
        """Wanted pods by version, where there are any."""
        counts: Counter[str] = Counter()
        for deployment in self.api.objects(DEPLOYMENTS):
            counts[version_of(deployment["metadata"]["name"])] += deployment["spec"]["replicas"]
        return {k: v for k, v in sorted(counts.items()) if v}

    def ready_pods(self, version: str) -> int:
        pods = [p for p in self.api.objects(PODS) if is_ready(p)]
        return sum(version_of(p["metadata"]["labels"].get(LABEL_REVISION, "")) == version for p in pods)

    def served(self) -> list[str]:
        """Versions in the order in which they had the selector."""
        return [version_of(r) for r in self.traffic]


RUNTIME = {"image": "runtime:1", "default": True, "defaultResources": {"requests": {"cpu": "100m"}}}


def version_of(revision: str) -> str:
    """`3` of `iris-v3-1a2b3c4d`, or ""."""
    return revision.removeprefix(f"{NAME}-v").split("-")[0] if revision else ""


def rolled(**spec: Any) -> World:  # noqa: ANN401 - any field of the spec
    """Version 2 serves, version 1 stands by."""
    world = World()
    world.apply(version=1, replicas=2, **spec)
    world.run()
    world.apply(version=2)
    world.run(20)
    assert (world.serving, world.condition()["status"]) == ("2", "True")
    return world
