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
    found = {}
    for family in shown().registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels}
        found[name] = Exposed(family.type, frozenset(labels - {_BUCKET}))
    return found


def shown() -> PrometheusMetrics:
    """One of each."""
    made = PrometheusMetrics()
    made.reconciled("ok", 1)
    made.polled("ok")
    made.transition("promoted")
    made.requested("get", "200")
    made.watch_queue("deployments", WorkQueue[str](), lambda: 0)
    made.watch_leadership(lambda: True)
    made.watch_polls(lambda: 0)
    made.watch_watches(lambda: {"pods": 0})
    condition = {"type": "Ready", "status": "True", "reason": "Serving"}
    made.deployment("ml", "iris", status={"conditions": [condition]}, model="iris")
    return made
