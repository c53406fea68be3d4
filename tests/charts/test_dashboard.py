"""Every panel shows something, and every alert can be told: by a Prometheus that reads one of each metric."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from pintle.adapters.telemetry.probes import ProbeServer
from tests.support import exposed, monitoring
from tests.support.ports import free_port
from tests.support.prometheus import Prometheus, reading
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that reads one of each metric."""
    port, ended = free_port(), threading.Event()

    async def serve() -> None:
        server = ProbeServer(health=[], readiness=[], metrics=exposed.shown().registry)
        await server.start(port, host="127.0.0.1")
        await asyncio.to_thread(ended.wait)
        await server.stop()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    try:
        with reading(tmp_path_factory.mktemp("prometheus"), f"127.0.0.1:{port}") as prometheus:
            yield prometheus
    finally:
        ended.set()
        thread.join(20)


@pytest.mark.parametrize("query", monitoring.queries(), ids=lambda q: q.panel)
def test_a_panel_shows_something(shown: Prometheus, query: monitoring.Query) -> None:
    until(lambda: shown.query(query.at("1m")), within=30, what=f"{query.text} has data")


def test_alerts_can_be_told(shown: Prometheus) -> None:
    until(
        lambda: {rule["health"] for rule in shown.alerts().values()} == {"ok"},
        within=30,
        what="every alert is evaluated",
        now=shown.alerts,
    )
    assert shown.alerts().keys() == monitoring.alerts().keys()


def test_what_is_not_shown_has_no_data(shown: Prometheus) -> None:
    """The control: a query of a metric that there is not is as good as any other, and empty."""
    assert shown.query("max(pintle_leader)")
    assert shown.query("max(pintle_leaders)") == []
