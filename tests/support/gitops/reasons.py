"""An object for each reason of `Ready`, its conditions built by the operator's own functions."""

from typing import Any

from pintle.conditions import RECONCILING, STALLED, Condition, Reason, Type, kstatus, render
from tests.support.fake_clock import FakeClock

HELD = frozenset({Reason.SUSPENDED, Reason.AWAITING_PROMOTION, Reason.SCALED_TO_ZERO})
OF_READY = sorted({Reason.SERVING, *RECONCILING, *STALLED, *HELD})


def with_reason(reason: Reason) -> dict[str, Any]:
    """An object whose `Ready` has this reason."""
    ready = Condition(Type.READY, reason is Reason.SERVING, reason, "the message")
    found = (ready, *(() if ready.status else kstatus(reason, ready.message)))
    conditions = render(found, (), generation=3, now=FakeClock().now())
    status = {"observedGeneration": 3, "conditions": conditions}
    return {
        "apiVersion": "pintle.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "iris", "namespace": "ml", "generation": 3},
        "status": status,
    }
