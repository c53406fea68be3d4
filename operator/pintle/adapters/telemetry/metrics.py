"""`ports.Metrics` for Prometheus.

Totals are labelled by outcome, never by an object's name. What is told of each object is in
`deployment_metrics`. docs/reference/metrics.md lists all of it, and a test compares the two.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from pintle.adapters.telemetry.deployment_metrics import Deployments
from pintle.domain import Key
from pintle.ports import Json
from pintle.workqueue import WorkQueue

_PASS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# Shown as 0 from the start: of a counter that comes out of nothing Prometheus does not see the first step.
_PASSES = ("ok", "conflict", "retry", "error")
_TRANSITIONS = ("promoted", "rejected")


class PrometheusMetrics:
    """A `ports.Metrics`; `registry` is what /metrics shows."""

    def __init__(self, *, per_object: bool = True) -> None:
        self.registry = registry = CollectorRegistry()
        self._deployments = Deployments(per_object=per_object)
        registry.register(self._deployments)
        self._passes = Histogram(
            "pintle_reconcile_seconds",
            "Passes over one key, by outcome: ok, conflict, retry, error",
            ["outcome"],
            registry=registry,
            buckets=_PASS_SECONDS,
        )
        self._polls = Counter(
            "pintle_registry_polls",
            "Questions to model registries, by outcome: ok, or the reason of a condition",
            ["outcome"],
            registry=registry,
        )
        self._poll_age = Gauge(
            "pintle_registry_poll_age_seconds",
            "How long the registry that has been silent the longest has not answered; 0 where none is asked",
            registry=registry,
        )
        self._transitions = Counter(
            "pintle_transitions",
            "Revisions that took the traffic, and revisions that were refused it: promoted, rejected",
            ["outcome"],
            registry=registry,
        )
        self._requests = Counter(
            "pintle_api_requests",
            "Requests to the API server but watches, by verb and by status, or what went wrong instead",
            ["verb", "code"],
            registry=registry,
        )
        self._depth = Gauge("pintle_queue_depth", "Keys that wait", ["queue"], registry=registry)
        self._oldest = Gauge(
            "pintle_queue_oldest_seconds",
            "How long the oldest key waits or is worked on",
            ["queue"],
            registry=registry,
        )
        self._leads = Gauge(
            "pintle_leader", "1 where this operator works, 0 where it waits for its turn", registry=registry
        )
        for outcome in _PASSES:
            self._passes.labels(outcome)
        for outcome in _TRANSITIONS:
            self._transitions.labels(outcome)
        self._polls.labels("ok")

    def reconciled(self, outcome: str, seconds: float) -> None:
        """As the port says."""
        self._passes.labels(outcome).observe(seconds)

    def polled(self, outcome: str) -> None:
        """As the port says."""
        self._polls.labels(outcome).inc()

    def transition(self, outcome: str) -> None:
        """As the port says."""
        self._transitions.labels(outcome).inc()

    def requested(self, verb: str, code: str) -> None:
        """Count a request to the API server; `code` is its status, or the name of what went wrong."""
        self._requests.labels(verb, code).inc()

    def deployment(self, namespace: str, name: str, *, status: Json | None, model: str = "") -> None:
        """As the port says."""
        self._deployments.put(Key(namespace, name), status, model)

    def watch_queue(self, name: str, queue: WorkQueue[Any], now: Callable[[], float]) -> None:
        """Show a queue's depth and the age of its oldest key, as they are whenever /metrics is read."""
        self._depth.labels(name).set_function(queue.depth)
        self._oldest.labels(name).set_function(lambda: queue.oldest_age(now()))

    def watch_leadership(self, leads: Callable[[], bool]) -> None:
        """Show whether this process works, as it is whenever /metrics is read."""
        self._leads.set_function(leads)

    def watch_polls(self, age: Callable[[], float]) -> None:
        """Show for how many seconds a registry has been silent."""
        self._poll_age.set_function(age)

    def watch_watches(self, ages: Callable[[], Mapping[str, float]]) -> None:
        """Show for how many seconds the watch of each kind has been silent."""
        self.registry.register(_WatchAges(ages))


class _WatchAges(Collector):
    """The series of each watch, made when they are read: kinds come to be watched, and cease to be."""

    def __init__(self, ages: Callable[[], Mapping[str, float]]) -> None:
        self._ages = ages

    @override
    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "pintle_watch_age_seconds",
            "How long the watch of a kind has heard nothing, not even a bookmark",
            labels=["resource"],
        )
        for resource, seconds in sorted(self._ages().items()):
            family.add_metric([resource], seconds)
        yield family
