"""A gateway in memory: it accepts routes, or says why not, as Gateway API implementations do."""

from typing import Any

from pintle.domain.resources import HTTP_ROUTES
from tests.support.fake_api_server import FakeApiServer

CONTROLLER = "example.com/gateway"


class FakeGateway:
    """Answers for every route. `refuses` are its words where it accepts none; `silent` says nothing."""

    def __init__(self, api: FakeApiServer) -> None:
        self._api = api
        self.refuses = ""
        self.silent = False

    def step(self) -> None:
        """Look at each route once."""
        if self.silent or HTTP_ROUTES in self._api.unserved:
            return
        for route in self._api.objects(HTTP_ROUTES):
            metadata = route["metadata"]
            status = {"parents": [self._answer(ref, metadata) for ref in route["spec"]["parentRefs"]]}
            if status != route.get("status"):
                self._api.set_status(HTTP_ROUTES, metadata["namespace"], metadata["name"], status)

    def _answer(self, ref: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
        accepted = {
            "type": "Accepted",
            "status": "False" if self.refuses else "True",
            "reason": "NotAllowedByListeners" if self.refuses else "Accepted",
            "message": self.refuses,
            "observedGeneration": metadata["generation"],
        }
        resolved = accepted | {"type": "ResolvedRefs", "status": "True", "reason": "ResolvedRefs"}
        return {"parentRef": ref, "controllerName": CONTROLLER, "conditions": [accepted, resolved]}
