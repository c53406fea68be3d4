"""What the page of supported versions says is what is pinned, and other pages and the chart say the same."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from testbed.gateway import GATEWAY_API, TRAEFIK
from testbed.helm import HELM
from testbed.metrics import METRICS_SERVER
from testbed.prometheus import KUBE_STATE_METRICS, PROMETHEUS
from testbed.settings import KUBERNETES_VERSION, OLDEST_KUBERNETES_VERSION
from testbed.stores import VERSITYGW
from tests.support.schemas import REPOSITORY

PAGE = (REPOSITORY / "docs/reference/supported-versions.md").read_text()
ROW = re.compile(r"^\| ([^|]+?) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
ROWS = {name: (supported, tried) for name, supported, tried in ROW.findall(PAGE) if tried != "tried"}


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / name).read_text())


def _locked(package: str) -> str:
    (found,) = (p for p in _toml("uv.lock")["package"] if p["name"] == package)
    return str(found["version"])


def _python(project: str) -> str:
    return str(_toml(project)["project"]["requires-python"]).removeprefix(">=")


def _of(module: str) -> str:
    return module.partition("@v")[2]


def _minor(version: str) -> str:
    return version.removeprefix("v").rpartition(".")[0]


CHART = yaml.safe_load((REPOSITORY / "charts/pintle/Chart.yaml").read_text())
VALUES = yaml.safe_load((REPOSITORY / "charts/pintle/values.yaml").read_text())
USUAL, OLDEST = KUBERNETES_VERSION.removeprefix("v"), OLDEST_KUBERNETES_VERSION.removeprefix("v")
MLFLOW = _locked("mlflow")
RUNTIME_PYTHON = VALUES["runtimes"]["default"]["python"]
# Each row's numbers, in their order: of what is supported, and of what was tried.
PINNED = {
    "Kubernetes": ([_minor(OLDEST)], [USUAL, OLDEST]),
    "MLflow's tracking server": ([MLFLOW], [MLFLOW]),
    "MLflow that models are logged with": (["2"], [_locked("mlflow-skinny")]),
    "artifacts in S3": ([], [_of(VERSITYGW)]),
    "Python of the default runtime": ([RUNTIME_PYTHON], [RUNTIME_PYTHON]),
    "Gateway API, for canaries by HTTPRoute": ([_of(GATEWAY_API)], [_of(GATEWAY_API), _of(TRAEFIK)]),
    "metrics-server, for autoscaling": ([], [_of(METRICS_SERVER)]),
    # The Go module of Prometheus 3.13.0 is v0.313.0.
    "Prometheus, for alerts and the dashboard": (
        ["3"],
        [re.sub(r"^0\.(\d)0?(\d+)\.", r"\1.\2.", _of(PROMETHEUS))],
    ),
    "kube-state-metrics, where the operator's own metrics by object are off": (
        ["2"],
        [_of(KUBE_STATE_METRICS)],
    ),
    "Helm": (["4"], [_of(HELM)]),
    "kubectl, for `-k` too": ([_minor(OLDEST)], [USUAL, OLDEST]),
    "Python, for `kubectl pintle` and to work on Pintle": (
        [_python("plugin/pyproject.toml")],
        [_python("pyproject.toml"), RUNTIME_PYTHON],
    ),
}


def test_every_row_is_compared() -> None:
    assert set(ROWS) == set(PINNED)


@pytest.mark.parametrize("name", PINNED)
def test_what_the_page_says_is_what_is_pinned(name: str) -> None:
    numbers = tuple(re.findall(r"\b\d+(?:\.\d+)*\b", cell) for cell in ROWS[name])
    assert numbers == PINNED[name]


def test_the_chart_refuses_what_is_older_than_the_oldest() -> None:
    """Vendors write 1.32.4-gke.1: without the -0, Helm takes such a release for older than it is."""
    assert CHART["kubeVersion"] == f">={_minor(OLDEST)}.0-0"


def test_the_oldest_is_what_make_raises() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    assert re.findall(r"^OLDEST_KUBERNETES := (\S+)$", makefile, re.MULTILINE) == [OLDEST_KUBERNETES_VERSION]


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("README.md", {"Kubernetes": _minor(OLDEST), "MLflow": MLFLOW}),
        ("docs/how-to/install.md", {"Kubernetes": _minor(OLDEST)}),
    ],
)
def test_other_pages_say_the_same(page: str, said: dict[str, str]) -> None:
    text = (REPOSITORY / page).read_text()
    assert dict(re.findall(r"(Kubernetes|MLflow) ([\d.]+) or later", text)) == said


def test_the_manifests_runtime_is_the_charts() -> None:
    runtime = yaml.safe_load((REPOSITORY / "manifests/base/default-runtime.yaml").read_text())
    assert runtime["spec"]["python"] == RUNTIME_PYTHON
