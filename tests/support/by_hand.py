"""A model that serves already, by a Deployment and a Service that somebody made by hand."""

from collections.abc import Mapping
from typing import Any

from pintle.domain.resources import DEPLOYMENTS, ENDPOINT_SLICES, PODS, SERVICES
from pintle.naming import ANNOTATION_ADOPT_BY, LABEL_REVISION
from pintle.ports import Resource
from tests.support.fake_api_server import Body, WatchType
from tests.support.fake_controllers import is_ready
from tests.support.world import NAME, NAMESPACE, World, version_of

SELECTOR = {"app": "iris", "tier": "models"}
DEPLOYMENT = "by-hand"
CONSENT = {ANNOTATION_ADOPT_BY: NAME}
SPEC: Mapping[str, Any] = {
    "type": "LoadBalancer",
    "clusterIP": "10.96.0.7",
    "sessionAffinity": "ClientIP",
    "externalTrafficPolicy": "Local",
    "selector": SELECTOR,
    "ports": [{"name": "web", "port": 5000, "targetPort": 9000, "nodePort": 30500, "appProtocol": "http"}],
}


class ByHand:
    """Such a model in a world. `gaps` notes when its Service had no ready endpoint, once it had one."""

    def __init__(
        self,
        world: World,
        annotations: Mapping[str, str] = CONSENT,
        metadata: Mapping[str, Any] | None = None,
        **spec: Any,  # noqa: ANN401 - fields of any type
    ) -> None:
        self._api = world.api
        self.gaps: list[str] = []
        self._served = False
        template = {"metadata": {"labels": SELECTOR}, "spec": {"containers": [{"name": "m", "image": "m:1"}]}}
        body = {"replicas": 2, "selector": {"matchLabels": SELECTOR}, "template": template}
        self._api.create(DEPLOYMENTS, NAMESPACE, {"metadata": {"name": DEPLOYMENT}, "spec": body})
        self.made = self._api.create(
            SERVICES,
            NAMESPACE,
            {
                "metadata": {"name": NAME, "annotations": dict(annotations), **(metadata or {})},
                "spec": {k: v for k, v in {**SPEC, **spec}.items() if v is not None},
            },
        )
        world.run(10)
        self.workload = self._api.get(DEPLOYMENTS, NAMESPACE, DEPLOYMENT)
        self._api.listeners.append(self._look)

    @property
    def service(self) -> Body:
        return self._api.get(SERVICES, NAMESPACE, NAME)

    @property
    def behind(self) -> set[str]:
        """The versions of the pods behind the Service, as its endpoints say; "" is the one by hand."""
        found = self._api.get(ENDPOINT_SLICES, NAMESPACE, f"{NAME}-slice")
        names = {e["targetRef"]["name"] for e in found["endpoints"] if e["conditions"]["ready"]}
        pods = [p for p in self._api.objects(PODS) if p["metadata"]["name"] in names and is_ready(p)]
        return {version_of(p["metadata"]["labels"].get(LABEL_REVISION, "")) for p in pods}

    def untouched(self) -> bool:
        """Whether the Deployment is as it was, with its pods."""
        return self._api.get(DEPLOYMENTS, NAMESPACE, DEPLOYMENT) == self.workload

    def apply(self, *, server_side: bool) -> None:
        """What applies the Service from Git does so again, and leaves what it has not written.

        Server-side the selector is replaced, as it is atomic; a three-way merge adds to what there is.
        """
        ours = {} if not server_side else dict.fromkeys(self.service["spec"]["selector"])
        spec = {"selector": {**ours, **SELECTOR}, "ports": SPEC["ports"]}
        self._api.patch(SERVICES, NAMESPACE, NAME, {"spec": spec})

    def _look(self, change: WatchType, resource: Resource, obj: Body) -> None:
        if resource != ENDPOINT_SLICES or obj["metadata"]["name"] != f"{NAME}-slice":
            return
        ready = change != "DELETED" and any(e["conditions"]["ready"] for e in obj["endpoints"])
        if self._served and not ready:
            self.gaps.append(f"no ready endpoint at {obj['metadata']['resourceVersion']}")
        self._served = self._served or ready
