"""The test bed for Python: what tests and the demo call.

from testbed import api

cluster = api.ensure()
cluster.images("operator", "runtime")
load_kubeconfig(cluster.kubeconfig)
cluster.component("apiserver").stop(grace=0)
"""

from testbed.addons import ca_bundle
from testbed.cluster import Cluster, ClusterComponent
from testbed.errors import TestbedError
from testbed.providers import Provider, choose

__all__ = ["Cluster", "ClusterComponent", "TestbedError", "ca_bundle", "ensure"]


def ensure(*, control_plane_only: bool = False, provider: Provider | None = None) -> Cluster:
    """The cluster that TESTBED and TESTBED_NAME mean (or `provider` gives), raised if it is not up.

    Raises:
        TestbedError: it cannot be raised on this machine.
    """
    chosen = provider or choose()
    access = chosen.up(control_plane_only=control_plane_only)
    return Cluster(access.name, access.kubeconfig, access.audit_log, access.log_dir, chosen)
