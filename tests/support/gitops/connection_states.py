"""The states that a tool may meet a RegistryConnection in, with the statuses that the operator builds."""

from dataclasses import dataclass

from pintle.api import parse_registry_connection
from pintle.conditions import Reason
from pintle.connection_plan import Problem, status
from pintle.domain.resources import REGISTRY_CONNECTIONS
from tests.support.fake_api_server import Body, FakeApiServer
from tests.support.fake_clock import FakeClock
from tests.support.patches import merge

NAMESPACE, NAME = "ml", "mlflow"
_UNSEEN = "Waiting for Pintle to see this change"


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """A state: what the operator found out, if it looked, and what tools are to make of it.

    `edited`: the address was changed since. `argo_message`: what Argo CD says, where it is not the message
    of Ready.
    """

    outcome: str | Problem | None
    argo: str
    kstatus: str
    edited: bool = False
    argo_message: str = ""

    def body(self) -> Body:
        """The object, in that state."""
        clock = FakeClock()
        api = FakeApiServer(clock)
        spec = {"uri": "https://mlflow.example.com", "secretRef": {"name": "mlflow-credentials"}}
        made = api.create(REGISTRY_CONNECTIONS, NAMESPACE, {"metadata": {"name": NAME}, "spec": spec})
        if self.outcome is not None:
            patch = status(parse_registry_connection(made), self.outcome, clock.advance(1))
            assert patch is not None
            api.set_status(REGISTRY_CONNECTIONS, NAMESPACE, NAME, merge(made["status"], patch["status"]))
        if self.edited:
            api.patch(REGISTRY_CONNECTIONS, NAMESPACE, NAME, {"spec": {"uri": "https://other.example.com"}})
        return api.get(REGISTRY_CONNECTIONS, NAMESPACE, NAME)


CONNECTION_STATES = {
    "created": ConnectionState(None, "Progressing", "InProgress", argo_message=_UNSEEN),
    "connected": ConnectionState("3.17.2", "Healthy", "Current"),
    "changed": ConnectionState("3.17.2", "Progressing", "InProgress", edited=True, argo_message=_UNSEEN),
    "unavailable": ConnectionState(
        Problem(Reason.REGISTRY_UNAVAILABLE, "registry mlflow does not answer: connection refused"),
        "Progressing",
        "InProgress",
    ),
    "forbidden": ConnectionState(
        Problem(Reason.REGISTRY_FORBIDDEN, "registry mlflow refuses the credentials"), "Degraded", "Failed"
    ),
}
