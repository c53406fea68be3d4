"""metrics-server, for the tests that scale by CPU: from its Go module, and how the API server finds it.

Nothing of it is there unless somebody asks: it takes eight minutes to build, once on a machine.
"""

from pathlib import Path

from testbed import gomodule
from testbed.templates import fill

METRICS_SERVER = "sigs.k8s.io/metrics-server@v0.9.0"


def server() -> Path:
    """The program, built now if no earlier run did.

    Raises:
        TestbedError: the module cannot be had, or is not built.
    """
    return gomodule.program(METRICS_SERVER, "./cmd/metrics-server")


def manifest(address: str, port: int) -> str:
    """What makes a process at this address the cluster's source of metrics, as YAML."""
    return fill("metrics-server.yaml", address=address, port=port)
