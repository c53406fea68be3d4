"""The HorizontalPodAutoscaler controller in memory, as rash as one may be: it scales down at once.

The real one waits for minutes before it does, which hides what would go wrong without.
"""

import math
from typing import Any

from pintle.domain.resources import AUTOSCALERS, DEPLOYMENTS, HTTP_ROUTES, MODEL_DEPLOYMENTS, SERVICES
from pintle.naming import ANNOTATION_CANARY, LABEL_REVISION
from pintle.ports import Resource
from pintle.views import json_annotation
from tests.support.fake_api_server import Body, FakeApiServer

_TARGETS = {r.kind: r for r in (DEPLOYMENTS, MODEL_DEPLOYMENTS)}


class FakeAutoscaler:
    """Scales each target to as many pods as its part of `load` needs; `blind` has it no metrics.

    A Deployment has the part that the Service, and a canary's route, send to its revision; what is scaled by
    its own `/scale` has all of it. `wrote` are (target, from, to), in order.
    """

    def __init__(self, api: FakeApiServer) -> None:
        self._api = api
        self.load = 0
        self.blind = ""
        self.wrote: list[tuple[str, int, int]] = []

    def step(self) -> None:
        """Look at each autoscaler once."""
        for autoscaler in self._api.objects(AUTOSCALERS):
            spec, namespace = autoscaler["spec"], autoscaler["metadata"]["namespace"]
            kind, name = _TARGETS[spec["scaleTargetRef"]["kind"]], spec["scaleTargetRef"]["name"]
            if target := self._api.find(kind, namespace, name):
                status = self._scale(autoscaler, kind, target)
                if status != autoscaler.get("status"):
                    self._api.set_status(AUTOSCALERS, namespace, autoscaler["metadata"]["name"], status)

    def _scale(self, autoscaler: Body, kind: Resource, target: Body) -> dict[str, Any]:
        spec, metadata = autoscaler["spec"], target["metadata"]
        current: int = target["spec"]["replicas"]
        if current == 0:  # switched off, as long as somebody keeps it there
            return _status(0, "False", "ScalingDisabled", "scaling is disabled since the replica count is 0")
        needs = current if self.blind else self._needs(kind, metadata["namespace"], metadata["name"])
        desired = min(max(needs, spec["minReplicas"]), spec["maxReplicas"])
        if desired != current:
            self.wrote.append((metadata["name"], current, desired))
            self._api.patch(
                kind, metadata["namespace"], metadata["name"], _replicas(desired), subresource="scale"
            )
        if self.blind:
            return _status(desired, "False", "FailedGetContainerResourceMetric", self.blind)
        return _status(desired, "True", "ValidMetricFound", "the HPA was able to calculate a replica count")

    def _needs(self, kind: Resource, namespace: str, name: str) -> int:
        return self.load if kind == MODEL_DEPLOYMENTS else math.ceil(self.load * self._part(namespace, name))

    def _part(self, namespace: str, revision: str) -> float:
        services = self._api.objects(SERVICES, namespace=namespace)
        serving = next(
            (s for s in services if "pintle.dev/since" in (s["metadata"].get("annotations") or {})), None
        )
        serves = serving is not None and serving["spec"]["selector"].get(LABEL_REVISION) == revision
        routes = [] if HTTP_ROUTES in self._api.unserved else self._api.objects(HTTP_ROUTES)
        for mark in filter(None, (json_annotation(route, ANNOTATION_CANARY) for route in routes)):
            share = mark["weight"] / 100
            of_its_own = share if mark["revision"] == revision else 0
            # What the route does not send to the canary comes by the Service, be that promoted or not.
            return of_its_own + (1 - share if serves else 0)
        return 1 if serves else 0


def _replicas(count: int) -> dict[str, Any]:
    return {"spec": {"replicas": count}}


def _status(desired: int, active: str, reason: str, message: str) -> dict[str, Any]:
    condition = {"type": "ScalingActive", "status": active, "reason": reason, "message": message}
    return {"desiredReplicas": desired, "currentReplicas": desired, "conditions": [condition]}
