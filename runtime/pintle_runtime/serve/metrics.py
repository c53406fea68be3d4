"""What /metrics says: only predictions are counted, not the probes."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

# Narrow enough to see a version take twice as long as another: no edge is more than half as much again as the
# one before, where most models are. The operator reads them (spec.rollout.analysis).
_DECADE = (1, 1.5, 2, 2.5, 3.5, 5, 7.5)
SECONDS = (*(edge * unit / 1000 for unit in (1, 10, 100, 1000) for edge in _DECADE), 10, 15, 30, 60)


class Metrics:
    """Counters of one server; a registry of its own, so that a model's use of the library does not mix in."""

    media_type = CONTENT_TYPE_LATEST

    def __init__(self, *, model: str, version: str, revision: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # has no types
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        info = Gauge(
            "pintle_model_info",
            "The model served.",
            ("model", "version", "revision"),
            registry=self._registry,
        )
        info.labels(model, version, revision).set(1)
        self._requests = Counter(
            "pintle_model_requests",
            "Predictions answered, by HTTP status.",
            ("code",),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "pintle_model_request_duration_seconds",
            "From the request's head to the end of the answer.",
            buckets=SECONDS,
            registry=self._registry,
        )
        self._in_flight = Gauge(
            "pintle_model_requests_in_flight", "Predictions being answered.", registry=self._registry
        )

    def began(self) -> None:
        self._in_flight.inc()

    def ended(self, code: int, seconds: float) -> None:
        self._in_flight.dec()
        self._requests.labels(str(code)).inc()
        self._seconds.observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self._registry)
