"""`ports.Metrics` for Prometheus.

Totals are labelled by outcome, never by an object's name. What is told of each object stands in two
families of its own, which an administrator can turn off.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from pintle.domain import Key
from pintle.ports import Json
from pintle.workqueue import WorkQueue

_STATUSES = ("True", "False", "Unknown")
_PASS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class PrometheusMetrics:
    """A `ports.Metrics`; `registry` is what /metrics shows."""

    def __init__(self, *, per_object: bool = True) -> None:
        self.registry = registry = CollectorRegistry()
        self._deployments = _Deployments() if per_object else None
        if self._deployments:
            registry.register(self._deployments)
        self._passes = Histogram(
            "pintle_reconcile_seconds",
            "Passes over one key, by outcome: ok, conflict, retry, error",
            ["outcome"],
            registry=registry,
            buckets=_PASS_SECONDS,
        )
        self._polls = Counter(
            "pintle_registry_polls", "Questions to model registries", ["outcome"], registry=registry
        )
        self._transitions = Counter(
            "pintle_transitions",
            "Revisions promoted, rejected, rolled back to",
            ["outcome"],
            registry=registry,
        )
        self._requests = Counter(
            "pintle_api_requests",
            "Requests to the API server but watches",
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
        if self._deployments:
            self._deployments.put(Key(namespace, name), status, model)

    def watch_queue(self, name: str, queue: WorkQueue[Any], now: Callable[[], float]) -> None:
        """Show a queue's depth and the age of its oldest key, as they are whenever /metrics is read."""
        self._depth.labels(name).set_function(queue.depth)
        self._oldest.labels(name).set_function(lambda: queue.oldest_age(now()))


class _Shown(NamedTuple):
    model: str
    wanted: str
    serving: str
    conditions: Mapping[str, str]


class _Deployments(Collector):
    """The series of each ModelDeployment, made when they are read: what is gone leaves none behind."""

    def __init__(self) -> None:
        self._shown: dict[Key, _Shown] = {}

    def put(self, key: Key, status: Json | None, model: str) -> None:
        """Note what an object's status says; None: the object is gone."""
        if status is None:
            self._shown.pop(key, None)
            return
        conditions = {c["type"]: c["status"] for c in status.get("conditions") or ()}
        serving = (status.get("serving") or {}).get("version", "")
        self._shown[key] = _Shown(model, str(status.get("wanted", "")), str(serving), conditions)

    @override
    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily(
            "pintle_deployment_info",
            "What a ModelDeployment wants and serves",
            labels=["namespace", "name", "model", "wanted", "serving"],
        )
        condition = GaugeMetricFamily(
            "pintle_deployment_condition",
            "1 for the status that a condition has, 0 for the others",
            labels=["namespace", "name", "type", "status"],
        )
        for key, shown in self._shown.items():
            info.add_metric([*key, shown.model, shown.wanted, shown.serving], 1)
            for kind, status in shown.conditions.items():
                for each in _STATUSES:
                    condition.add_metric([*key, kind, each.lower()], float(status == each))
        yield info
        yield condition
