"""The test bed for Python: what tests and the demo call.

    from testbed import api
    cluster = api.ensure()
    cluster.kubeconfig
"""

from pathlib import Path

from testbed.addons import ca_bundle
from testbed.cluster import Cluster
from testbed.providers import choose

__all__ = ["Cluster", "ca_bundle", "ensure"]


def ensure(*, control_plane_only: bool = False) -> Cluster:
    """The cluster that TESTBED and TESTBED_NAME mean, raised if it is not up.

    Raises:
        TestbedError: it cannot be raised on this machine.
    """
    return choose().up(control_plane_only=control_plane_only)


def load(*archives: Path) -> None:
    """Makes the images of some `docker save` archives available to the cluster's pods."""
    choose().load(archives)


def build_images(*targets: str) -> None:
    """Builds these targets of the Dockerfile, or all, and makes them available to the cluster's pods."""
    choose().build_images(targets)
