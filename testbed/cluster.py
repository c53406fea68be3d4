"""A cluster that is up, as tests and the demo see it."""

from dataclasses import dataclass, field
from pathlib import Path

from testbed.providers import Provider


@dataclass(frozen=True)
class ClusterComponent:
    """One program of a cluster.

    Of the embedded one: etcd, apiserver, controller-manager, scheduler, coredns, containerd, kubelet, proxy.
    """

    name: str
    _provider: Provider = field(repr=False)

    def stop(self, *, grace: float | None = None) -> None:
        """Ends it and waits until it is gone: SIGTERM, then SIGKILL after `grace` seconds (at once if 0)."""
        self._provider.stop_component(self.name, grace=grace)

    def start(self) -> None:
        """Starts it again as it was; of the API server, waits until it is ready."""
        self._provider.start_component(self.name)


@dataclass(frozen=True)
class Cluster:
    """A cluster that is up. What kind of cluster has no audit log or log folder of ours has None."""

    name: str
    kubeconfig: Path
    audit_log: Path | None
    log_dir: Path | None
    _provider: Provider = field(repr=False)

    def images(self, *targets: str) -> None:
        """Builds these targets of the Dockerfile (all if none is named) and makes them available to pods.

        Raises:
            TestbedError: a build failed, or the cluster takes no images.
        """
        self._provider.build_images(targets)

    def load(self, *archives: Path) -> None:
        """Makes the images of some `docker save` archives available to pods."""
        self._provider.load(archives)

    def kubectl(self, *arguments: str) -> list[str]:
        """A kubectl command on this cluster, for `subprocess.run`."""
        return [*self._provider.kubectl(), *arguments]

    def component(self, name: str) -> ClusterComponent:
        """A component to stop and start again, for tests of faults."""
        return ClusterComponent(name, self._provider)

    def kill_container(self, container_id: str) -> None:
        """Ends a container by SIGKILL; `container_id` is as in a pod's status: `containerd://0123...`."""
        self._provider.kill_container(container_id.rpartition("/")[2])

    def save_logs(self, destination: Path) -> None:
        """Copies every component's log, and the audit log, to a folder: for the report of a failed test."""
        self._provider.save_logs(destination)
