"""Prometheus, promtool and kube-state-metrics, for the tests of alerts and of the dashboard.

Prometheus goes without the service discovery of clouds, which is most of what there would be to build.
"""

from pathlib import Path

from testbed import gomodule

PROMETHEUS = "github.com/prometheus/prometheus@v0.313.0"
_TAGS = ("remove_all_sd",)


def prometheus() -> Path:
    """The server, built now if no earlier run did; that takes minutes.

    Raises:
        TestbedError: the module cannot be had, or is not built.
    """
    return gomodule.program(PROMETHEUS, "./cmd/prometheus", tags=_TAGS)


def promtool() -> Path:
    """What checks and tests rules; as above."""
    return gomodule.program(PROMETHEUS, "./cmd/promtool", tags=_TAGS)


# Later ones are not on every proxy of Go modules.
KUBE_STATE_METRICS = "k8s.io/kube-state-metrics/v2@v2.18.0"


def kube_state_metrics() -> Path:
    """What shows objects of a cluster as metrics; as above."""
    return gomodule.program(KUBE_STATE_METRICS, ".")
