"""Each alert fires for what it is about, and not for what looks like it, says `promtool test rules`."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed import prometheus
from tests.support import monitoring

pytestmark = pytest.mark.slow

ALERTS = monitoring.alerts()
IRIS = {"namespace": "ml", "name": "iris"}
Series = Mapping[str, str]
"""A series, and its values as promtool has them: `1x60` is 1 for an hour, `0+5x60` five more each minute."""


def condition(type_: str, status: str, values: str = "1x90", *, instance: str = "a") -> Series:
    """A condition as the operator shows it: a series for each status."""
    labels = f'namespace="ml",name="iris",type="{type_}",instance="{instance}"'
    return {
        f'pintle_deployment_condition{{{labels},status="{each}"}}': values if each == status else "0x90"
        for each in ("true", "false", "unknown")
    }


def info(serving: str) -> Series:
    labels = f'namespace="ml",name="iris",model="iris",wanted="3",serving="{serving}",instance="a"'
    return {f"pintle_deployment_info{{{labels}}}": "1x90"}


def requests(**codes: int) -> Series:
    """Requests a minute, by status."""
    return {
        f'pintle_api_requests_total{{verb="get",code="{code.strip("_")}"}}': f"0+{count}x90"
        for code, count in codes.items()
    }


@dataclass(frozen=True)
class Case:
    """`labels` None: it does not fire. `value` is how its annotations print the value."""

    alert: str
    series: Series
    after: str
    labels: Mapping[str, str] | None = None
    value: str = ""


@dataclass(frozen=True)
class Fires(Case):
    labels: Mapping[str, str] = field(default_factory=dict)


AGE = "pintle_registry_poll_age_seconds"
FAILED = 'pintle_registry_polls_total{outcome="RegistryUnavailable"}'
PASSES = "pintle_reconcile_seconds_count"
OLDEST = 'pintle_queue_oldest_seconds{queue="deployments",instance="a"}'
AVAILABLE, READY = condition("Available", "true"), condition("Ready", "false")

CASES: dict[str, Case] = {
    "too few pods": Fires(
        "PintleDeploymentUnavailable", {**condition("Available", "false"), **info("3")}, "6m", IRIS
    ),
    "too few pods, as two replicas show it": Fires(
        "PintleDeploymentUnavailable",
        {**condition("Available", "false"), **condition("Available", "false", instance="b"), **info("3")},
        "6m",
        IRIS,
    ),
    "too few pods, as kube-state-metrics shows it": Fires(
        "PintleDeploymentUnavailable",
        {'pintle_deployment_condition{namespace="ml",name="iris",type="Available",status="False"}': "1x90"},
        "6m",
        IRIS,
    ),
    "too few pods for a moment": Case(
        "PintleDeploymentUnavailable",
        {**condition("Available", "false", "1 1 1 0x90"), **info("3")},
        "6m",
    ),
    "nothing serves yet": Case(
        "PintleDeploymentUnavailable", {**condition("Available", "false"), **info("")}, "30m"
    ),
    "all pods": Case("PintleDeploymentUnavailable", {**AVAILABLE, **info("3")}, "30m"),
    "stalled": Fires("PintleDeploymentStalled", condition("Stalled", "true"), "6m", IRIS),
    "not stalled": Case("PintleDeploymentStalled", condition("Stalled", "false"), "30m"),
    "a rollout without end": Fires("PintleDeploymentNotReady", condition("Reconciling", "true"), "31m", IRIS),
    "a rollout": Case("PintleDeploymentNotReady", condition("Reconciling", "true"), "20m"),
    "suspended": Fires("PintleDeploymentServesUndeclared", {**AVAILABLE, **READY}, "61m", IRIS),
    "stalled, which has an alert of its own": Case(
        "PintleDeploymentServesUndeclared",
        {**AVAILABLE, **READY, **condition("Stalled", "true")},
        "80m",
    ),
    "a rollout, which has an alert of its own": Case(
        "PintleDeploymentServesUndeclared",
        {**AVAILABLE, **READY, **condition("Reconciling", "true")},
        "80m",
    ),
    "what is declared serves": Case(
        "PintleDeploymentServesUndeclared", {**AVAILABLE, **condition("Ready", "true")}, "80m"
    ),
    "a registry that is silent": Fires(
        "PintleRegistryUnreachable", {AGE: "0+60x90", FAILED: "0+2x90"}, "12m", {}, "12m 0s"
    ),
    "a registry that is asked once in an hour": Case(
        "PintleRegistryUnreachable", {AGE: "0+60x90", FAILED: "0x90"}, "50m"
    ),
    "a registry that fails now and then": Case(
        "PintleRegistryUnreachable", {AGE: "30x90", FAILED: "0+2x90"}, "50m"
    ),
    "no operator": Fires("PintleOperatorDown", {"up": "0x90"}, "6m", {}),
    "an operator": Case("PintleOperatorDown", {'pintle_leader{instance="a"}': "0x90"}, "30m"),
    "no leader": Fires(
        "PintleNoLeader",
        {'pintle_leader{instance="a"}': "0x90", 'pintle_leader{instance="b"}': "0x90"},
        "6m",
        {},
    ),
    "a leader": Case(
        "PintleNoLeader",
        {'pintle_leader{instance="a"}': "0x90", 'pintle_leader{instance="b"}': "1x90"},
        "30m",
    ),
    "a hand-over": Case("PintleNoLeader", {'pintle_leader{instance="a"}': "1 0 0 1x90"}, "6m"),
    "a watch that is silent": Fires(
        "PintleWatchStale",
        {'pintle_watch_age_seconds{resource="pods",instance="a"}': "200x90"},
        "2m",
        {"resource": "pods", "instance": "a"},
        "3m 20s",
    ),
    "a watch at rest": Case(
        "PintleWatchStale", {'pintle_watch_age_seconds{resource="pods",instance="a"}': "75x90"}, "30m"
    ),
    "a queue that stands": Fires(
        "PintleQueueAging",
        {OLDEST: "90x90", 'pintle_leader{instance="a"}': "1x90"},
        "4m",
        {"queue": "deployments", "instance": "a"},
        "1m 30s",
    ),
    "the queue of a follower": Case(
        "PintleQueueAging", {OLDEST: "90x90", 'pintle_leader{instance="a"}': "0x90"}, "30m"
    ),
    "a fault of its own": Fires(
        "PintleReconcileErrors", {f'{PASSES}{{outcome="error"}}': "0+1x90"}, "8m", {}
    ),
    "one fault, long ago": Case("PintleReconcileErrors", {f'{PASSES}{{outcome="error"}}': "0 1x90"}, "30m"),
    "passes that wait for something": Case(
        "PintleReconcileErrors", {f'{PASSES}{{outcome="retry"}}': "0+9x90"}, "30m"
    ),
    "an API server in trouble": Fires("PintleAPIRequestsFail", requests(_503=3, _200=7), "16m", {}, "30%"),
    "no API server": Fires(
        "PintleAPIRequestsFail", requests(ClientConnectorError=3, _200=7), "16m", {}, "30%"
    ),
    "answers that are answers": Case(
        "PintleAPIRequestsFail", requests(_404=2, _409=2, _403=1, _200=5), "60m"
    ),
}


def test_every_alert_is_seen_to_fire_and_not_to_fire() -> None:
    assert {c.alert for c in CASES.values() if c.labels is not None} == ALERTS.keys()
    assert {c.alert for c in CASES.values() if c.labels is None} == ALERTS.keys()


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rules as a file for Prometheus itself, which knows nothing of PrometheusRules."""
    path = tmp_path_factory.mktemp("rules") / "alerts.yaml"
    path.write_text(yaml.safe_dump({"groups": monitoring.groups()}))
    return path


def _promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([prometheus.promtool(), *arguments], capture_output=True, text=True, check=False)


def test_prometheus_takes_them(rules: Path) -> None:
    done = _promtool("check", "rules", "--lint=all", "--lint-fatal", str(rules))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", CASES)
def test_an_alert(rules: Path, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    test = tmp_path / "test.yaml"
    test.write_text(yaml.safe_dump(_test(rules, case)))
    done = _promtool("test", "rules", str(test))
    assert done.returncode == 0, done.stdout + done.stderr


def _test(rules: Path, case: Case) -> dict[str, Any]:
    checked = {"eval_time": case.after, "alertname": case.alert, "exp_alerts": _expected(case)}
    series = [{"series": name, "values": values} for name, values in case.series.items()]
    test = {"interval": "1m", "input_series": series, "alert_rule_test": [checked]}
    return {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [test]}


def _expected(case: Case) -> list[dict[str, Any]]:
    """The alert with its annotations, filled in: promtool compares every word."""
    if case.labels is None:
        return []
    alert = ALERTS[case.alert]
    notes = {name: _filled(text, case) for name, text in alert["annotations"].items()}
    return [{"exp_labels": {**case.labels, **alert["labels"]}, "exp_annotations": notes}]


def _filled(text: str, case: Case) -> str:
    labels = case.labels or {}
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda m: labels[m[1]], text)
    return re.sub(r"\{\{ \$value \| \w+ \}\}", case.value, text)
