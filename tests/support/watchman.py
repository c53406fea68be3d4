"""Looks at every change of a world as it is stored, and holds it to the promises."""

from pintle.domain.resources import CONTROLLER_REVISIONS, DEPLOYMENTS, MODEL_DEPLOYMENTS, SERVICES
from pintle.naming import ANNOTATION_CLEARED, LABEL_REVISION
from pintle.ports import Resource
from pintle.views import owner_uid
from tests.support.fake_api_server import Body, WatchType
from tests.support.faults.oracles import untold
from tests.support.world import NAME, NAMESPACE, World


class Watchman:
    """Notes in `wrong` where traffic goes to what is not cleared, where what serves loses pods, and where
    the history does not tell of what serves.

    It raises nothing: that would end the operator's request, and not the test. `blind` is for an operator
    that knows a newer history than Service: what serves is not told rightly until it has seen that.
    """

    def __init__(self, world: World, *, blind: bool = False) -> None:
        self._world = world
        self._blind = blind
        self.wrong: list[str] = []
        self._replicas = {
            d["metadata"]["name"]: d["spec"]["replicas"] for d in world.api.objects(DEPLOYMENTS)
        }
        world.api.listeners.append(self._look)

    def _look(self, change: WatchType, resource: Resource, obj: Body) -> None:
        name = obj["metadata"]["name"]
        if resource == SERVICES and name == NAME and change != "DELETED" and selected(obj):
            record = self._world.api.find(CONTROLLER_REVISIONS, NAMESPACE, selected(obj))
            if record is None or ANNOTATION_CLEARED not in (record["metadata"].get("annotations") or {}):
                self.wrong.append(f"traffic went to {selected(obj)}, which is not cleared")
        if resource == MODEL_DEPLOYMENTS and not self._blind:
            self.wrong.extend(untold(obj.get("status") or {}))
        owner = self._world.api.find(MODEL_DEPLOYMENTS, NAMESPACE, NAME)
        if resource == DEPLOYMENTS and owner and owner_uid(obj) == owner["metadata"]["uid"]:
            before, now = self._replicas.get(name, 0), obj["spec"]["replicas"] if change != "DELETED" else 0
            self._replicas[name] = now
            service = self._world.api.find(SERVICES, NAMESPACE, NAME)
            declared = owner["spec"]["replicas"]
            if service and selected(service) == name and now < min(before, declared):
                self.wrong.append(f"{name} serves and was scaled from {before} to {now} of {declared}")


def selected(service: Body) -> str:
    """The revision that a Service names, or ""."""
    return str((service["spec"].get("selector") or {}).get(LABEL_REVISION, ""))
