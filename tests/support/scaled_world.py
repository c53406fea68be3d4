"""A world with an eye on how many ready pods there are behind the Service, at each change of anything."""

from typing import Any

from pintle.domain.resources import AUTOSCALERS, DEPLOYMENTS, PODS, SERVICES
from pintle.naming import LABEL_REVISION
from pintle.ports import Resource
from tests.support.canary_world import CanaryWorld
from tests.support.fake_api_server import Body, WatchType
from tests.support.fake_controllers import is_ready
from tests.support.world import NAME, NAMESPACE, version_of

SCALING = {"minReplicas": 2, "maxReplicas": 6}


class ScaledWorld(CanaryWorld):
    """`behind` is how many ready pods the Service selected, one number after the other."""

    def __init__(self, *versions: str) -> None:
        self.behind: list[int] = []
        super().__init__(*versions)
        self.api.listeners.append(self._count)

    def _count(self, _: WatchType, resource: Resource, __: Body) -> None:
        if resource not in (PODS, SERVICES):
            return
        service = self.api.find(SERVICES, NAMESPACE, NAME)
        labels = f"{LABEL_REVISION}={service['spec']['selector'][LABEL_REVISION]}" if service else "none"
        pods = [p for p in self.api.objects(PODS, labels=labels) if is_ready(p)]
        ready = sum(not p["metadata"].get("deletionTimestamp") for p in pods)
        if self.behind[-1:] != [ready]:
            self.behind.append(ready)

    @property
    def fewest(self) -> int:
        """The fewest ready pods behind the Service since `behind` was cleared."""
        return min(self.behind, default=self.ready_pods(self.serving))

    @property
    def autoscaler(self) -> Body | None:
        return self.api.find(AUTOSCALERS, NAMESPACE, NAME)

    @property
    def scaled(self) -> str:
        """The version that the autoscaler scales, or ""."""
        found = self.autoscaler
        return version_of(found["spec"]["scaleTargetRef"]["name"]) if found else ""

    @property
    def least(self) -> int:
        """The autoscaler's minReplicas."""
        least: int = self.api.get(AUTOSCALERS, NAMESPACE, NAME)["spec"]["minReplicas"]
        return least

    def load(self, pods: int, seconds: float = 20) -> None:
        """So much to do that so many pods are needed for it."""
        self.controllers.autoscaler.load = pods
        self.run(seconds)

    def scale_by_hand(self, version: str, replicas: int) -> None:
        """`kubectl scale deployment`."""
        body = {"spec": {"replicas": replicas}}
        self.api.patch(DEPLOYMENTS, NAMESPACE, self.revision(version), body, subresource="scale")

    def autoscaled(self, load: int = 5, **spec: Any) -> None:  # noqa: ANN401 - fields of any type
        """Version 1 serves, and has been scaled out."""
        self.apply(**{"version": 1, "autoscaling": SCALING} | spec)
        self.run(20)
        self.load(load)
        self.behind.clear()


def scaled(load: int = 5, **spec: Any) -> ScaledWorld:  # noqa: ANN401 - fields of any type
    """A world in which version 1 serves with as many pods as its load needs."""
    world = ScaledWorld()
    world.autoscaled(load, **spec)
    assert (world.serving, world.condition()["reason"]) == ("1", "Serving")
    return world
