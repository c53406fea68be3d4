"""What the operator shows on /metrics: one of each metric, with its type and its labels."""

from typing import NamedTuple

from pintle.adapters.telemetry.metrics import PrometheusMetrics
from pintle.workqueue import WorkQueue

# Of a histogram, beside its own labels.
_BUCKET = "le"


class Exposed(NamedTuple):
    """A metric as queries name it: of a counter, with `_total`."""

    type: str
    labels: frozenset[str]


def metrics() -> dict[str, Exposed]:
    """All that there can be, by name."""
    shown = PrometheusMetrics()
    shown.reconciled("ok", 1)
    shown.polled("ok")
    shown.transition("promoted")
    shown.requested("get", "200")
    shown.watch_queue("deployments", WorkQueue[str](), lambda: 0)
    shown.watch_leadership(lambda: True)
    shown.watch_polls(lambda: 0)
    shown.watch_watches(lambda: {"pods": 0})
    condition = {"type": "Ready", "status": "True", "reason": "Serving"}
    shown.deployment("ml", "iris", status={"conditions": [condition]}, model="iris")
    found = {}
    for family in shown.registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels}
        found[name] = Exposed(family.type, frozenset(labels - {_BUCKET}))
    return found
