"""Prometheus and promtool, for the tests of alerts and of the dashboard.

Without the service discovery of clouds, which nobody here needs and which is most of what there is to build.
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
