"""Helm, for the tests of the chart."""

from pathlib import Path

from testbed import gomodule

HELM = "helm.sh/helm/v4@v4.3.1"


def helm() -> Path:
    """The program, built now if no earlier run did; that takes three minutes.

    Raises:
        TestbedError: the module cannot be had, or is not built.
    """
    return gomodule.program(HELM, "./cmd/helm")
