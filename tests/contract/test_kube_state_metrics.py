"""A real kube-state-metrics with our configuration shows of an object what the operator would show of it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
import requests
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pintle.adapters.telemetry.metrics import PrometheusMetrics
from pintle.domain.resources import MODEL_DEPLOYMENTS
from testbed import prometheus
from testbed.api import Cluster
from tests.support import monitoring
from tests.support.ports import free_port
from tests.support.rest import Rest
from tests.support.waiting import until

Series: TypeAlias = dict[tuple[str, frozenset[tuple[str, str]]], float]

STATUS = {
    "observedGeneration": 1,
    "wanted": "3",
    "serving": {"version": "2", "revision": "iris-v2-abc", "readyReplicas": 2},
    "conditions": [
        {
            "type": type_,
            "status": status,
            "reason": "Proving",
            "message": "iris version 3: on its way",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-11-24T14:05:00Z",
        }
        for type_, status in (("Ready", "False"), ("Available", "True"), ("Resolved", "Unknown"))
    ],
}


@pytest.mark.slow
@pytest.mark.usefixtures("crds")
def test_the_same_is_shown(api_server: Cluster, rest: Rest, namespace: str, tmp_path: Path) -> None:
    path = f"/apis/pintle.dev/v1alpha1/namespaces/{namespace}/modeldeployments"
    spec = {"model": "iris", "version": "3", "replicas": 2}
    head = {"apiVersion": MODEL_DEPLOYMENTS.api_version, "kind": MODEL_DEPLOYMENTS.kind}
    rest.ok("POST", path, {**head, "metadata": {"name": "iris"}, "spec": spec})
    rest.merge(f"{path}/iris/status", {"status": STATUS})
    ours = PrometheusMetrics()
    ours.deployment(namespace, "iris", status=STATUS, model="iris")
    wanted = _series(generate_latest(ours.registry).decode(), namespace)
    assert len(wanted) == 1 + 3 * 3
    with _running(api_server, tmp_path) as url:
        shown = until(
            lambda: _series(requests.get(url, timeout=10).text, namespace),
            within=60,
            what="kube-state-metrics shows the object",
            now=(tmp_path / "log").read_text,
        )
    alike = {key: value for key, value in shown.items() if not key[0].endswith("_replicas")}
    assert alike == wanted
    of_numbers = {name: value for (name, _), value in shown.items() if name.endswith("_replicas")}
    assert of_numbers == {
        "pintle_deployment_spec_replicas": 2,
        "pintle_deployment_serving_ready_replicas": 2,
    }


def _series(text: str, namespace: str) -> Series:
    """The series about a namespace, without what kube-state-metrics adds; statuses in small letters."""
    return {
        (sample.name, _labels(sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("namespace") == namespace
    }


def _labels(labels: dict[str, str]) -> frozenset[tuple[str, str]]:
    kept = {name: value for name, value in labels.items() if not name.startswith("customresource_")}
    return frozenset((name, value.lower() if name == "status" else value) for name, value in kept.items())


@contextmanager
def _running(cluster: Cluster, folder: Path) -> Iterator[str]:
    port = free_port()
    command = [
        str(prometheus.kube_state_metrics()),
        f"--kubeconfig={cluster.kubeconfig}",
        "--custom-resource-state-only",
        f"--custom-resource-state-config-file={monitoring.FOLDER / 'kube-state-metrics.yaml'}",
        "--host=127.0.0.1",
        f"--port={port}",
        "--telemetry-host=127.0.0.1",
        f"--telemetry-port={free_port()}",
    ]
    log = folder / "log"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            until(lambda: _answers(port), within=60, what="it answers", now=log.read_text)
            yield f"http://127.0.0.1:{port}/metrics"
        finally:
            process.terminate()
            process.wait(30)


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok
    except requests.RequestException:
        return False
