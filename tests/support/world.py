"""One ModelDeployment's world in memory: API server, controllers, registry and operator, stepped by a test.

A history is what somebody types, one edit after another; between edits the world runs until it
is quiet. The operator here is the real one from the reconciler down; only the ports are fakes.
"""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from pintle.api import parse_registry_connection
from pintle.cache import Cache, deployment_of
from pintle.domain import (
    Connection,
    Defaults,
    Failed,
    Key,
    Pending,
    Query,
    RegisteredVersion,
    Resolution,
    Resolved,
)
from pintle.domain.resources import (
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    MODEL_DEPLOYMENTS,
    MODEL_RUNTIMES,
    NAMESPACES,
    PODS,
    REGISTRY_CONNECTIONS,
    SERVICES,
)
from pintle.errors import ClusterError, PintleError, Waiting
from pintle.naming import LABEL_REVISION, LABEL_VERSION
from pintle.ports import Event, Json, Resource
from pintle.reconciler import Reconciler
from tests.support.fake_api_server import Body, FakeApiServer, WatchType
from tests.support.fake_clock import FakeClock
from tests.support.fake_cluster import FakeCluster
from tests.support.fake_controllers import FakeControllers, is_ready
from tests.support.fake_pods import Fate
from tests.support.fake_watch import FakeWatch

NAMESPACE = "ml"
NAME = "iris"
KEY = Key(NAMESPACE, NAME)


class Answers:
    """A resolver that answers at once with what a test says; `asked` counts the questions."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.versions: dict[str, RegisteredVersion] = {}
        self.failure: tuple[str, str] | None = None
        self.hangs = False
        self.asked: Counter[Query] = Counter()
        self.wanted: dict[Key, tuple[Query, datetime]] = {}

    def want(self, key: Key, query: Query) -> Resolution:
        now = self._clock.now()
        if self.wanted.get(key, (None, now))[0] != query:
            self.asked[query] += 1
            self.wanted[key] = (query, now)
        if self.hangs:
            return Pending(self.wanted[key][1])
        if self.failure:
            return Failed(*self.failure, now)
        found = self.versions.get(query.version or "")
        if found is None:
            newest = max(self.versions, key=int, default="none")
            text = f"{query.model} version {query.version} is not in {query.registry} (newest is {newest})"
            return Failed("VersionNotFound", text, now)
        return Resolved(found)

    def forget(self, key: Key) -> None:
        self.wanted.pop(key, None)

    def register(self, *versions: str, source: str = "models:/m-") -> None:
        for version in versions:
            self.versions[version] = RegisteredVersion(
                "iris", version, f"{source}{version}", 1_700_000_000_000 + int(version), f"run-{version}"
            )


class Views:
    """Connections as the cache has them, their Secrets found in order."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self.secret_problem = ""

    def view(self, namespace: str, name: str) -> Connection | None:
        body = self._cache.get(REGISTRY_CONNECTIONS, namespace, name)
        if body is None:
            return None
        spec = parse_registry_connection(body)
        secret = spec.spec.secret_ref.name if spec.spec.secret_ref else ""
        return Connection(spec, secret, self.secret_problem if secret else "", checked=True)


class Recorder:
    """Events and metrics, kept."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def post(self, event: Event) -> None:
        self.events.append(event)

    def reconciled(self, outcome: str, seconds: float) -> None: ...

    def polled(self, outcome: str) -> None: ...

    def transition(self, outcome: str) -> None: ...

    def deployment(self, namespace: str, name: str, *, status: Json | None, model: str = "") -> None: ...


class World:
    """See the module. `pods_made` and `pods_gone` count by revision; `traffic` is who had the selector."""

    def __init__(self, *versions: str) -> None:
        self.clock = FakeClock()
        self.api = FakeApiServer(self.clock)
        self.cluster = FakeCluster(self.api)
        self.controllers = FakeControllers(self.api)
        self.answers = Answers(self.clock)
        self.answers.register(*(versions or ("1", "2", "3")))
        self.recorder = Recorder()
        self.due: dict[Key, datetime] = {}
        self.pods_made: Counter[str] = Counter()
        self.pods_gone: Counter[str] = Counter()
        self.traffic: list[str] = []
        self.fates: dict[str, Fate] = {}
        self.watch: FakeWatch | None = None
        self.api.listeners.append(self._record)
        self.start_operator()
        self.api.create(MODEL_RUNTIMES, "", {"metadata": {"name": "default"}, "spec": RUNTIME})
        self.api.create(
            REGISTRY_CONNECTIONS,
            NAMESPACE,
            {"metadata": {"name": "mlflow"}, "spec": {"uri": "http://mlflow:5000"}},
        )

    def start_operator(self) -> None:
        """A fresh process: empty memory, the caches filled from what the cluster holds."""
        self.cache = Cache()
        self.views = Views(self.cache)
        for resource in (NAMESPACES, MODEL_DEPLOYMENTS, REGISTRY_CONNECTIONS, MODEL_RUNTIMES):
            for body in self.api.objects(resource):
                self.cache.upsert(resource, body)
        for resource in self.api.kinds():
            for body in self.api.objects(resource, labels="app.kubernetes.io/managed-by=pintle"):
                self.cache.upsert(resource, body)
        if self.watch is not None:
            self.api.listeners.remove(self.watch._changed)
        self.watch = FakeWatch(self.api, self._deliver)
        self.dirty: set[Key] = {KEY}
        self.reconciler = Reconciler(
            cluster=self.cluster,
            cache=self.cache,
            resolver=self.answers,
            connections=self.views,
            events=self.recorder,
            metrics=self.recorder,
            clock=self.clock,
            defaults=Defaults(),
        )

    def _deliver(self, change: WatchType, resource: Resource, obj: Body) -> None:
        changed = (
            self.cache.remove(resource, obj) if change == "DELETED" else self.cache.upsert(resource, obj)
        )
        if changed:
            self.dirty.add(deployment_of(resource, obj) or KEY)

    def _record(self, change: WatchType, resource: Resource, obj: Body) -> None:
        """Watch as the tests' own eye, whatever the operator's watch sees."""
        labels = obj["metadata"].get("labels") or {}
        if resource == CONTROLLER_REVISIONS and labels[LABEL_VERSION] in self.fates:
            fate = self.fates[labels[LABEL_VERSION]]
            self.controllers.kubelet.fates[obj["metadata"]["name"]] = fate
        if resource == PODS and change == "ADDED":
            self.pods_made[labels[LABEL_REVISION]] += 1
        if resource == PODS and change == "DELETED":
            self.pods_gone[labels[LABEL_REVISION]] += 1
        if resource == SERVICES and change != "DELETED":
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

    def operate(self, limit: int = 50) -> None:
        """Let the operator work until nothing is queued. Errors re-queue, as the real queue does."""
        for _ in range(limit):
            now = self.clock.now()
            self.dirty |= {k for k, t in self.due.items() if t <= now}
            if not self.dirty:
                return
            self._pass(self.dirty.pop())
        raise AssertionError(f"the operator does not come to rest within {limit} passes")

    def _pass(self, key: Key) -> None:
        self.due.pop(key, None)
        now = self.clock.now()
        try:
            after = asyncio.run(self.reconciler.reconcile(key))
        except Waiting as error:
            after = error.after
        except (ClusterError, PintleError):
            after = 0.25
        if after is not None:
            self.due[key] = now + timedelta(seconds=after) if after > 0.02 else now

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
                next_due = min([t for t in self.due.values() if t > self.clock.now()], default=end)
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
        return sum(version_of(p["metadata"]["labels"][LABEL_REVISION]) == version for p in pods)

    def served(self) -> list[str]:
        """Versions in the order in which they had the selector."""
        return [version_of(r) for r in self.traffic]


RUNTIME = {"image": "runtime:1", "default": True, "defaultResources": {"requests": {"cpu": "100m"}}}


def version_of(revision: str) -> str:
    """`3` of `iris-v3-1a2b3c4d`, or ""."""
    return revision.removeprefix(f"{NAME}-v").split("-")[0] if revision else ""
