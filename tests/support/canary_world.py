"""A world with a gateway, and an eye on every share that its HTTPRoute gives."""

from typing import Any

from typing_extensions import override

from pintle.domain.resources import (
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    HTTP_ROUTES,
    MODEL_DEPLOYMENTS,
    PODS,
    SERVICES,
)
from pintle.naming import (
    ANNOTATION_CLEARED,
    ANNOTATION_PROMOTE,
    ANNOTATION_REJECTED,
    ANNOTATION_RELEASED,
    short_hash,
)
from pintle.ports import Resource
from tests.support.fake_api_server import Body, WatchType
from tests.support.watchman import Watchman
from tests.support.world import NAME, NAMESPACE, World, version_of

GATEWAY = {"parentRefs": [{"name": "public"}], "hostnames": ["iris.example.com"]}
STEPS = (
    {"weight": 10, "pauseSeconds": 60},
    {"weight": 50, "pauseSeconds": 120},
    {"weight": 100},
)


def canary(*steps: dict[str, Any]) -> dict[str, Any]:
    """The fields of a spec that roll out by steps."""
    return {"gateway": GATEWAY, "rollout": {"strategy": "Canary", "steps": list(steps or STEPS)}}


class CanaryWorld(World):
    """`shares` is what the candidates had of the route, one after the other, as (version, percent).

    `wrong` notes where a share went to what must not have it, or where it lost what it needs.
    """

    def __init__(self, *versions: str, served: bool = True) -> None:
        self.shares: list[tuple[str, int]] = []
        self.watchman: Watchman | None = None
        self.noted: list[str] = []
        self._replicas: dict[str, int] = {}
        super().__init__(*versions)
        if served:
            self.api.unserved.clear()
        self.watchman = Watchman(self)

    @property
    def wrong(self) -> list[str]:
        return [*(self.watchman.wrong if self.watchman else []), *self.noted]

    @property
    def route(self) -> Body | None:
        return self.api.find(HTTP_ROUTES, NAMESPACE, NAME)

    @property
    def sends(self) -> dict[str, int]:
        """What the route gives to each Service, where it gives any."""
        route = self.route
        backends = route["spec"]["rules"][0]["backendRefs"] if route else []
        return {b["name"]: b["weight"] for b in backends if b["weight"]}

    @property
    def entrances(self) -> list[str]:
        """The Services of revisions."""
        return [n for s in self.api.objects(SERVICES) if (n := s["metadata"]["name"]) != NAME]

    def promote(self, version: str) -> None:
        """`kubectl pintle promote`."""
        self.annotate(**{ANNOTATION_PROMOTE: short_hash(self.revision(version))})

    def start(self, **spec: Any) -> None:  # noqa: ANN401 - fields of any type
        """Version 1 serves, with a canary declared for what comes after it."""
        self.apply(version=1, replicas=2, **(canary() | spec))
        self.run(20)

    @override
    def _record(self, change: WatchType, resource: Resource, obj: Body) -> None:
        super()._record(change, resource, obj)
        if change == "DELETED" and resource == SERVICES and obj["metadata"]["name"] in self.sends:
            self.noted.append(f"Service {obj['metadata']['name']} went while the route sent to it")
        if resource == HTTP_ROUTES and change != "DELETED":
            self._look_at_route(obj)
        if resource == DEPLOYMENTS:
            self._look_at_pods(obj, 0 if change == "DELETED" else obj["spec"]["replicas"])
        rejected = ANNOTATION_REJECTED in (obj["metadata"].get("annotations") or {})
        if resource == CONTROLLER_REVISIONS and rejected and obj["metadata"]["name"] in self.sends:
            self.noted.append(f"{obj['metadata']['name']} was rejected while it had a share")

    def _look_at_route(self, route: Body) -> None:
        (rule,) = route["spec"]["rules"]
        weights = {b["name"]: b["weight"] for b in rule["backendRefs"]}
        if sum(weights.values()) != 100:
            self.noted.append(f"shares {weights} are no 100 %")
        others = {name: weight for name, weight in weights.items() if name != NAME and weight}
        now = [(version_of(name), weight) for name, weight in others.items()] or [("", 0)]
        if self.shares[-1:] != now:
            if not others and self.shares and self.shares[-1][0] == self.serving:
                self._look_at_endpoints()
            self.shares += now
            self.noted += [problem for name in others if (problem := self._unfit(name))]

    def _look_at_endpoints(self) -> None:
        """What was promoted has had all that it gets: the Service must lead to it alone by now."""
        found = self.api.find(ENDPOINT_SLICES, NAMESPACE, f"{NAME}-slice")
        pods = {
            e["targetRef"]["name"] for e in (found or {}).get("endpoints", ()) if e["conditions"]["ready"]
        }
        others = [p for p in pods if not p.startswith(f"{NAME}-v{self.serving}-")]
        if others:
            self.noted.append(f"the share was taken back while the Service led to {others}")

    def _unfit(self, name: str) -> str:
        record = self.api.find(CONTROLLER_REVISIONS, NAMESPACE, name)
        marks = (record["metadata"].get("annotations") or {}) if record else {}
        if ANNOTATION_CLEARED not in marks or ANNOTATION_REJECTED in marks:
            return f"a share went to {name}, which is not cleared"
        service = self.api.find(SERVICES, NAMESPACE, NAME)
        released = (service["metadata"]["annotations"].get(ANNOTATION_RELEASED, "")) if service else ""
        if short_hash(name) in released.split(","):
            return f"a share went to {name}, whose pods may be taken away"
        found = self.api.find(ENDPOINT_SLICES, NAMESPACE, f"{name}-slice")
        if not found or not any(e["conditions"]["ready"] for e in found["endpoints"]):
            return f"a share went to {name}, which has no ready endpoint"
        return ""

    def _look_at_pods(self, workload: Body, replicas: int) -> None:
        name = workload["metadata"]["name"]
        before, self._replicas[name] = self._replicas.get(name, 0), replicas
        owner = self.api.find(MODEL_DEPLOYMENTS, NAMESPACE, NAME)
        if owner and name in self.sends and replicas < min(before, owner["spec"]["replicas"]):
            self.noted.append(f"{name} had a share and was scaled from {before} to {replicas}")

    def lose_pods(self, version: str) -> None:
        """Evict all pods of a version at once."""
        for pod in self.api.objects(PODS, labels=f"pintle.dev/version={version}"):
            self.api.delete(PODS, NAMESPACE, pod["metadata"]["name"])
