"""What programs of Go modules are called: a name for each version, and no two alike."""

import pytest

from testbed import gomodule


@pytest.mark.parametrize(
    ("module", "package", "name"),
    [
        ("helm.sh/helm/v4@v4.3.1", "./cmd/helm", "helm-v4.3.1"),
        ("github.com/prometheus/prometheus@v0.313.0", "./cmd/promtool", "promtool-v0.313.0"),
        ("k8s.io/kube-state-metrics/v2@v2.18.0", ".", "kube-state-metrics-v2.18.0"),
        ("example.com/tool@v1.0.0", ".", "tool-v1.0.0"),
    ],
)
def test_a_program_is_called_by_what_it_is_and_its_version(module: str, package: str, name: str) -> None:
    assert gomodule.called(module, package) == name
