"""What the operator says of itself: log lines, metrics, probes."""

import io
import json
import logging
import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import aiohttp
import orjson
import pytest
from prometheus_client import generate_latest

from pintle.adapters.telemetry.deployment_metrics import STATES
from pintle.adapters.telemetry.metrics import PrometheusMetrics
from pintle.adapters.telemetry.probes import ProbeServer, Verdict
from pintle.workqueue import WorkQueue
from tests.support import exposed
from tests.support.log_stream import stream
from tests.support.ports import free_port
from tests.support.schemas import REPOSITORY

__all__ = ["stream"]


def lines(stream: io.StringIO) -> list[dict[str, str]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_a_log_line_is_an_object_with_the_fields_that_were_given(stream: io.StringIO) -> None:
    extra = {"key": "ml/iris", "revision": "iris-v3-abc", "generation": 4, "object": None}
    logging.getLogger("pintle.test").info("scaled to %d", 2, extra=extra)
    (line,) = lines(stream)
    assert datetime.fromisoformat(line.pop("time")).tzinfo
    assert line == {
        "level": "INFO",
        "logger": "pintle.test",
        "message": "scaled to 2",
        "key": "ml/iris",
        "revision": "iris-v3-abc",
        "generation": 4,
    }


def test_an_error_stays_on_its_line(stream: io.StringIO) -> None:
    try:
        int("bad\nvalue")
    except ValueError:
        logging.getLogger("pintle.test").exception("it failed")
    (line,) = lines(stream)
    assert line["message"] == "it failed"
    assert "ValueError: invalid literal" in line["error"]


def test_what_cannot_be_written_as_json_is_written_as_text(stream: io.StringIO) -> None:
    (handler,) = (h for h in logging.getLogger().handlers if getattr(h, "stream", None) is stream)
    logger = logging.getLogger("pintle.test")
    # To our handler alone: pytest would send what it captures to another process, which fails with such text.
    handler.handle(
        logger.makeRecord(
            logger.name, logging.INFO, "", 0, "half a pair: \ud800", (), None, extra={"key": {"a"}}
        )
    )
    (line,) = (json.loads(text) for text in stream.getvalue().splitlines())
    assert line["message"] == "half a pair: \ud800"
    assert line["key"] == "{'a'}"


def test_kopf_speaks_of_objects_only_in_warnings(stream: io.StringIO) -> None:
    logging.getLogger("kopf.objects").info("handled")
    logging.getLogger("kopf._core.reactor.running").warning("OS signals are ignored")
    logging.getLogger("kopf.objects").warning("failed")
    assert [line["message"] for line in lines(stream)] == ["failed"]


STATUS = {
    "wanted": "champion->7",
    "serving": {"version": "3", "revision": "iris-v3-a"},
    "conditions": [
        {"type": "Ready", "status": "False", "reason": "ProofFailed"},
        {"type": "Stalled", "status": "True", "reason": "ProofFailed"},
    ],
}


def test_totals_are_by_outcome() -> None:
    metrics = PrometheusMetrics()
    metrics.reconciled("ok", 0.02)
    metrics.reconciled("conflict", 0.2)
    metrics.polled("ok")
    metrics.transition("promoted")
    metrics.requested("patch", "409")
    value = metrics.registry.get_sample_value
    assert value("pintle_reconcile_seconds_count", {"outcome": "ok"}) == 1
    assert value("pintle_reconcile_seconds_bucket", {"outcome": "conflict", "le": "0.1"}) == 0
    assert value("pintle_registry_polls_total", {"outcome": "ok"}) == 1
    assert value("pintle_transitions_total", {"outcome": "promoted"}) == 1
    assert value("pintle_api_requests_total", {"verb": "patch", "code": "409"}) == 1


def test_each_object_is_told_of_until_it_is_gone() -> None:
    metrics = PrometheusMetrics()
    metrics.deployment("ml", "iris", status=STATUS, model="iris")
    value = metrics.registry.get_sample_value
    object_ = {"namespace": "ml", "name": "iris"}
    info = {"model": "iris", "wanted": "champion->7", "serving": "3"}
    assert value("pintle_deployment_info", object_ | info) == 1
    ready = object_ | {"type": "Ready"}
    name = "pintle_deployment_condition"
    assert [value(name, ready | {"status": s}) for s in ("true", "false", "unknown")] == [0, 1, 0]
    assert value(name, object_ | {"type": "Stalled", "status": "true"}) == 1
    metrics.deployment("ml", "iris", status={"wanted": "7", "conditions": []}, model="iris")
    assert value("pintle_deployment_info", object_ | info) is None
    assert value(name, ready | {"status": "false"}) is None
    metrics.deployment("ml", "iris", status=None)
    assert b"iris" not in generate_latest(metrics.registry)


def test_nothing_is_told_of_objects_where_that_is_turned_off() -> None:
    for per_object in (True, False):
        metrics = PrometheusMetrics(per_object=per_object)
        metrics.deployment("ml", "iris", status=STATUS, model="iris")
        assert (b"iris" in generate_latest(metrics.registry)) is per_object
        assert metrics.registry.get_sample_value("pintle_deployments", PROOF_FAILED) == 1


PROOF_FAILED = {"state": "Stalled", "reason": "ProofFailed"}


def test_deployments_are_counted_by_state() -> None:
    metrics = PrometheusMetrics()
    value = metrics.registry.get_sample_value

    def counted() -> dict[tuple[str, str], float]:
        (family,) = (f for f in metrics.registry.collect() if f.name == "pintle_deployments")
        return {(s.labels["state"], s.labels["reason"]): s.value for s in family.samples if s.value}

    assert value("pintle_deployments", PROOF_FAILED) == 0, "shown before there is one"
    for name in ("a", "b"):
        metrics.deployment("ml", name, status=STATUS, model="iris")
    metrics.deployment("ml", "new", status={"observedGeneration": -1})
    metrics.deployment("ml", "odd", status={"conditions": [{"type": "Ready", "status": "?", "reason": "?"}]})
    assert counted() == {("Stalled", "ProofFailed"): 2, ("Unknown", "Unknown"): 2}
    metrics.deployment("ml", "a", status=ready("Serving"))
    metrics.deployment("ml", "b", status=None)
    metrics.deployment("ml", "odd", status=ready("Suspended"))
    assert counted() == {("Ready", "Serving"): 1, ("Waiting", "Suspended"): 1, ("Unknown", "Unknown"): 1}


def ready(reason: str) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": "?", "reason": reason}]}


def test_every_reason_of_ready_is_one_of_a_state() -> None:
    """As the reference has them: a reason that is new has to be sorted."""
    page = (REPOSITORY / "docs/reference/conditions.md").read_text()
    told = page[page.index("Reasons of Ready") :]
    told = told[: told.index("\n### ")]
    reasons = set(re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE))
    assert reasons
    assert reasons == STATES.keys() - {"Unknown"}


async def test_what_passes_by_itself_is_asked_for_when_it_is_read() -> None:
    metrics = PrometheusMetrics()
    leads, silent, ages = False, 0.0, {"pods": 3.0}
    metrics.watch_leadership(lambda: leads)
    metrics.watch_polls(lambda: silent)
    metrics.watch_watches(lambda: ages)
    value = metrics.registry.get_sample_value
    names = ("pintle_leader", "pintle_registry_poll_age_seconds")
    assert [value(name) for name in names] == [0, 0]
    assert value("pintle_watch_age_seconds", {"resource": "pods"}) == 3
    leads, silent, ages = True, 12.5, {"services": 61.0}
    assert [value(name) for name in names] == [1, 12.5]
    assert value("pintle_watch_age_seconds", {"resource": "services"}) == 61
    assert value("pintle_watch_age_seconds", {"resource": "pods"}) is None


def test_what_is_known_beforehand_is_there_as_zero() -> None:
    """Of a counter that comes out of nothing Prometheus does not see the first step."""
    value = PrometheusMetrics().registry.get_sample_value
    for outcome in ("ok", "conflict", "retry", "error"):
        assert value("pintle_reconcile_seconds_count", {"outcome": outcome}) == 0
    assert value("pintle_transitions_total", {"outcome": "rejected"}) == 0
    assert value("pintle_registry_polls_total", {"outcome": "ok"}) == 0


async def test_queues_are_measured_when_they_are_read() -> None:
    metrics, queue = PrometheusMetrics(), WorkQueue[str]()
    now = 0.0
    metrics.watch_queue("deployments", queue, lambda: now)
    queue.add("a")
    now = queue._since["a"] + 5
    value = metrics.registry.get_sample_value
    assert value("pintle_queue_depth", {"queue": "deployments"}) == 1
    assert value("pintle_queue_oldest_seconds", {"queue": "deployments"}) == pytest.approx(5)


def test_the_reference_has_every_metric_with_its_type_and_its_labels() -> None:
    page = (REPOSITORY / "docs/reference/metrics.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|([^|]*)\| ", page, re.MULTILINE)
    told = {
        name: exposed.Exposed(type_, frozenset(re.findall(r"`(\w+)`", labels)))
        for name, type_, labels in rows
    }
    assert told == exposed.metrics()


def test_the_reference_has_every_state() -> None:
    page = (REPOSITORY / "docs/reference/metrics.md").read_text()
    (row,) = (line for line in page.splitlines() if line.startswith("| `pintle_deployments`"))
    assert {state for state in STATES.values() if f"`{state}`" not in row} == set()


class Probed:
    """A probe server, and the verdicts that it will find."""

    def __init__(self, url: str, verdicts: dict[str, Verdict]) -> None:
        self.url = url
        self.verdicts = verdicts

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.url + path, headers=headers) as answer,
        ):
            return answer.status, answer.headers["Content-Type"], await answer.text()


@pytest.fixture
async def probed() -> AsyncIterator[Probed]:
    metrics, port = PrometheusMetrics(), free_port()
    verdicts = {
        "a": Verdict(True, "a: well"),
        "b": Verdict(True, "b: well"),
        "ready": Verdict(False, "not yet"),
    }
    server = ProbeServer(
        health=[lambda: verdicts["a"], lambda: verdicts["b"]],
        readiness=[lambda: verdicts["ready"]],
        metrics=metrics.registry,
    )
    await server.start(port, host="127.0.0.1")
    metrics.polled("ok")
    yield Probed(f"http://127.0.0.1:{port}", verdicts)
    await server.stop()


async def test_health_is_that_of_all_parts_and_says_which_is_ill(probed: Probed) -> None:
    assert await probed.get("/healthz") == (200, "text/plain; charset=utf-8", "[+] a: well\n[+] b: well\n")
    probed.verdicts["b"] = Verdict(False, "b: ill")
    status, _, text = await probed.get("/healthz")
    assert (status, text) == (503, "[+] a: well\n[-] b: ill\n")


async def test_readiness_is_another_thing(probed: Probed) -> None:
    assert (await probed.get("/readyz"))[0] == 503
    probed.verdicts["ready"] = Verdict(True, "synced")
    assert (await probed.get("/readyz"))[0] == 200


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
async def test_metrics_are_given_in_the_format_asked_for(probed: Probed, accept: str) -> None:
    status, content_type, text = await probed.get("/metrics", Accept=accept)
    assert status == 200
    assert content_type.partition(";")[0] == accept.partition(";")[0]
    assert 'pintle_registry_polls_total{outcome="ok"} 1.0' in text
