"""A real Prometheus that reads a real operator: every panel shows something, and an alert is on its way."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.conftest import Figure
from tests.support import exposed, install, monitoring
from tests.support.deployed import Deployed
from tests.support.ports import free_port
from tests.support.prometheus import Prometheus, reading
from tests.support.rig import BOOSTED, LINEAR, NAN, Rig
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def prometheus(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It reads the operator's pod by way of the API server, as this machine need not reach pods."""
    folder = tmp_path_factory.mktemp("prometheus")
    with _proxy(rig) as port, reading(folder, f"127.0.0.1:{port}", _path(rig)) as found:
        yield found


@contextmanager
def _proxy(rig: Rig) -> Iterator[int]:
    port = free_port()
    command = rig.kube.cluster.kubectl("proxy", f"--port={port}")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _path(rig: Rig) -> str:
    (pod,) = install.operator_pods(rig.kube)
    return (
        f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}:8081/proxy/metrics"
    )


def test_every_panel_shows_something(
    rig: Rig, namespace: str, prometheus: Prometheus, figure: Figure
) -> None:
    Deployed(rig.kube, namespace).serve(LINEAR, BOOSTED)
    for query in monitoring.queries():
        # In the loop's own time: the operator is at work, and is read every second.
        until(
            lambda query=query: prometheus.query(query.at("5m")),  # type: ignore[misc] # mypy cannot infer it
            within=90,
            what=f"{query.panel} has data",
        )

    def served() -> list[tuple[str, str, str]]:
        found = [series["metric"] for series in prometheus.query("pintle_deployment_info")]
        return [(m["name"], m["wanted"], m["serving"]) for m in found if m["namespace"] == namespace]

    until(
        lambda: served() == [("iris", BOOSTED, BOOSTED)], within=30, what="it tells what serves", now=served
    )
    figure(f"{len(monitoring.queries())} queries of {len(monitoring.dashboard()['panels'])} panels have data")


def test_alerts_are_told_and_the_right_one_is_on_its_way(
    rig: Rig, namespace: str, prometheus: Prometheus, figure: Figure
) -> None:
    broken = Deployed(rig.kube, namespace, "broken")
    broken.create(version=int(NAN))

    def about_it() -> dict[str, str]:
        return {
            name: alert["state"]
            for name, rule in prometheus.alerts().items()
            for alert in rule["alerts"]
            if alert["labels"].get("name") == "broken"
        }

    until(
        lambda: about_it().get("PintleDeploymentStalled") == "pending",
        within=180,
        what="that it is stalled will be told",
        now=about_it,
    )
    assert about_it() == {"PintleDeploymentStalled": "pending"}, "nothing served: nobody is concerned"
    rules = prometheus.alerts()
    assert rules.keys() == monitoring.alerts().keys()
    assert {name: rule["lastError"] for name, rule in rules.items() if rule["health"] != "ok"} == {}
    quiet = {name for name, rule in rules.items() if rule["state"] == "inactive"}
    assert {"PintleOperatorDown", "PintleNoLeader", "PintleWatchStale", "PintleReconcileErrors"} <= quiet
    figure(f"{len(rules)} alerts are evaluated, {len(quiet)} of them inactive")


def test_a_real_operator_shows_what_the_reference_lists(rig: Rig, figure: Figure) -> None:
    text = rig.kube.kubectl("get", "--raw", _path(rig))
    families = list(text_string_to_metric_families(text))
    shown = {f"{f.name}_total" if f.type == "counter" else f.name: f.type for f in families}
    known = {name: metric.type for name, metric in exposed.metrics().items()}
    # Counters have a series of their own that says when each began.
    assert {name: type_ for name, type_ in shown.items() if not name.endswith("_created")} == known
    figure(f"{len(known)} metrics, {sum(len(f.samples) for f in families)} series")
