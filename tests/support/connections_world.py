"""One namespace's RegistryConnections in memory: API server, registries and operator, in virtual time.

The operator here is the real one from the queue down; only the ports are fakes.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import Signature
from typing import Any

from typing_extensions import override

from pintle.cache import Cache
from pintle.conditions import Reason
from pintle.connections import Connections
from pintle.controller import Controller
from pintle.domain import Key
from pintle.domain.resources import (
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    NAMESPACES,
    OWN,
    REGISTRY_CONNECTIONS,
    SECRETS,
)
from pintle.errors import Forbidden, Retryable
from pintle.intake import Intake
from pintle.naming import CREDENTIALS_TYPE
from pintle.ports import REGISTRY, Event, Json, Resource
from pintle.resolver import Resolver
from pintle.workqueue import WorkQueue
from pintle.write_back import WriteBack
from tests.support.fake_api_server import Body, FakeApiServer, WatchType
from tests.support.fake_cluster import FakeCluster, Request
from tests.support.fake_controllers import FakeControllers
from tests.support.fake_registry import FakeRegistry, FakeServer
from tests.support.fake_watch import FakeWatch
from tests.support.loop_clock import LoopClock
from tests.support.virtual_time import run_virtually

NAMESPACE, NAME = "ml", "mlflow"
KEY = Key(NAMESPACE, NAME)
URI = "http://mlflow.ml.svc:5000"
CONFIG = f"pintle-registry-{NAME}"
SOON, HOUR = 0.5, 3600.0
CONNECTED = ("True", "Connected")
OUTAGE = Retryable(Reason.REGISTRY_UNAVAILABLE, f"{REGISTRY} at {URI} is down")
STATUS = ("patch", "registryconnections/status")
PATCH, CREATE = ("patch", "configmaps"), ("create", "configmaps")
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


class Guarded(FakeCluster):
    """The API server as the operator meets it: a Secret is read only where a Role allows it."""

    def __init__(self, api: FakeApiServer) -> None:
        super().__init__(api)
        self.readable: set[str] = set()

    @override
    async def get(self, resource: Resource, namespace: str, name: str) -> Json:
        if resource == SECRETS and name not in self.readable:
            self.requests.append(Request("get", "secrets", namespace, name, 403))
            raise Forbidden(f'secrets "{name}" is forbidden: User "pintle-operator"', status=403)
        return await super().get(resource, namespace, name)


class ConnectionsWorld:
    """See the module. Make one inside a running loop, and `stop` it there."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.api = FakeApiServer(self.clock, namespaces=(NAMESPACE, "shop"))
        self.cluster = Guarded(self.api)
        self.controllers = FakeControllers(self.api)
        self.registry = FakeRegistry()
        self.changed: list[Key] = []
        self.events: list[Event] = []
        self.deployments: list[Key] = []
        self.server  # noqa: B018 - somebody answers at URI
        self.start()

    @property
    def server(self) -> FakeServer:
        return self.registry.server(URI)

    def start(self) -> None:
        """A fresh process: empty memory, the caches filled from what the cluster holds."""
        self.cluster.revive()
        self.cache = Cache()
        self.queue = WorkQueue[Key](jitter=lambda: 0.0)
        self.connections = Connections(
            self.cluster,
            self.registry,
            self.cache,
            self.clock,
            changed=self._changed,
            requeue=self.queue.add,
            jitter=lambda: 0.0,
        )
        self.resolver = Resolver(
            self.registry,
            self.clock,
            self,
            self.connections.endpoint,
            self.deployments.append,
            heard=self.connections.heard,
            jitter=lambda: 0.0,
        )
        self.tag_queue = WorkQueue[Key](jitter=lambda: 0.0)
        self.write_back = WriteBack(
            self.cluster,
            self.registry,
            self.cache,
            self.clock,
            self,
            endpoint=self.connections.endpoint,
            look=self.queue.add,
            requeue=self.tag_queue.add,
            cluster_name="prod",
        )
        self.intake = Intake(self.cache, WorkQueue[Key](), self.queue, self, tags=self.tag_queue)
        for resource in (NAMESPACES, *OWN, CONFIG_MAPS, CONTROLLER_REVISIONS):
            labels = (
                "" if resource in OWN or resource == NAMESPACES else "app.kubernetes.io/managed-by=pintle"
            )
            for body in self.api.objects(resource, labels=labels):
                self.intake.take("LISTED", resource, body)
        self.watch = FakeWatch(self.api, self._deliver)
        controllers = (
            Controller("RegistryConnection", self.queue, self.connections.reconcile, self),
            Controller("tags", self.tag_queue, self.write_back.reconcile, self),
        )
        self.tasks = [asyncio.create_task(controller.run(workers=2)) for controller in controllers]

    async def stop(self) -> None:
        """The process ends; the cluster stays."""
        if self.watch._changed in self.api.listeners:
            self.api.listeners.remove(self.watch._changed)
        self.queue.shut_down()
        self.tag_queue.shut_down()
        await asyncio.gather(*self.tasks)
        await self.write_back.stop()
        await self.resolver.stop()
        await self.connections.stop()

    async def end(self) -> None:
        """End what is left of a process that was killed."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.write_back.stop()
        await self.connections.stop()

    def _deliver(self, change: WatchType, resource: Resource, obj: Body) -> None:
        self.intake.take(change, resource, obj)

    def _changed(self, key: Key) -> None:
        self.changed.append(key)
        self.tag_queue.add(Key(key.namespace, ""))
        self.resolver.connection_changed(*key)

    # What people do.

    def connect(self, name: str = NAME, *, namespace: str = NAMESPACE, **spec: Any) -> Body:  # noqa: ANN401 - fields of the spec
        wanted = {"uri": URI} | spec
        return self.api.create(REGISTRY_CONNECTIONS, namespace, {"metadata": {"name": name}, "spec": wanted})

    def edit(self, name: str = NAME, **spec: Any) -> None:  # noqa: ANN401 - as above
        self.api.patch(REGISTRY_CONNECTIONS, NAMESPACE, name, {"spec": spec})

    def secret(
        self,
        name: str = "credentials",
        *,
        kind: str = CREDENTIALS_TYPE,
        namespace: str = NAMESPACE,
        **data: str,
    ) -> None:
        """Make or replace a Secret, and let the operator read it."""
        if self.api.find(SECRETS, namespace, name):
            self.api.remove(SECRETS, namespace, name)
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        self.api.create(SECRETS, namespace, {"metadata": {"name": name}, "type": kind, "data": encoded})
        self.cluster.readable.add(name)

    # What people see.

    def body(self, name: str = NAME, namespace: str = NAMESPACE) -> Body:
        return self.api.get(REGISTRY_CONNECTIONS, namespace, name)

    def status(self, name: str = NAME) -> dict[str, Any]:
        return self.body(name).get("status") or {}

    def ready(self, name: str = NAME) -> tuple[str, str]:
        """Status and reason of Ready; a condition that is not of this generation fails the test."""
        body = self.body(name)
        for condition in body["status"].get("conditions", []):
            assert condition["observedGeneration"] == body["metadata"]["generation"]
            if condition["type"] == "Ready":
                return condition["status"], condition["reason"]
        return "", ""

    def message(self, name: str = NAME) -> str:
        found = [c["message"] for c in self.status(name).get("conditions", []) if c["type"] == "Ready"]
        return found[0] if found else ""

    @property
    def config(self) -> Body:
        return self.api.get(CONFIG_MAPS, NAMESPACE, CONFIG)

    def reads(self) -> list[str]:
        return [f"{r.resource}/{r.name}" for r in self.cluster.requests if r.verb == "get"]

    def writes(self) -> dict[tuple[str, str], int]:
        return dict(self.cluster.writes())

    # As `ports.Events`.

    def post(self, event: Event) -> None:
        self.events.append(event)

    # As `ports.Metrics`.

    def reconciled(self, outcome: str, seconds: float) -> None:
        assert (outcome, seconds >= 0) != ("error", True), "a pass failed by a fault of our own"

    def polled(self, outcome: str) -> None: ...

    def transition(self, outcome: str) -> None: ...

    def deployment(self, namespace: str, name: str, *, status: Json | None, model: str = "") -> None: ...


def history(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test in virtual time with a world of its own."""

    @wraps(test)
    def run(**arguments: object) -> None:
        async def body() -> None:
            world = ConnectionsWorld()
            try:
                await test(world, **arguments)
            finally:
                await world.stop()
            assert asyncio.all_tasks() == {asyncio.current_task()}

        run_virtually(body())

    run.__signature__ = _without_world(test)  # type: ignore[attr-defined] # pytest reads the arguments there
    return run


def _without_world(test: Callable[..., Awaitable[None]]) -> Signature:
    signature = Signature.from_callable(test)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def changes(world: ConnectionsWorld) -> tuple[dict[tuple[str, str], int], list[str]]:
    """Writes and reads since the last call."""
    done = world.writes(), world.reads()
    world.cluster.requests.clear()
    return done
