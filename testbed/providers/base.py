"""What every way of getting a cluster can do."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from testbed.commands import run
from testbed.errors import TestbedError


@dataclass(frozen=True)
class Access:
    """Where a cluster's files are. What a provider does not have is None."""

    name: str
    kubeconfig: Path
    log_dir: Path | None = None
    audit_log: Path | None = None


class Provider(Protocol):
    """One kind of cluster. All errors that a person can act on are `TestbedError`."""

    def up(self, *, control_plane_only: bool) -> Access:
        """Sees that the cluster is up; a cluster that is up already is left as it is."""

    def down(self) -> None:
        """Removes the cluster and all that it put on the machine. No cluster is no error."""

    def find(self) -> Access:
        """The cluster, be it healthy or not."""

    def status(self) -> tuple[bool, str]:
        """Whether the cluster is up, and one line for each thing worth knowing."""

    def load(self, archives: Sequence[Path]) -> None:
        """Makes the images of some `docker save` archives available to pods."""

    def build_images(self, targets: Sequence[str]) -> None:
        """Builds targets of the Dockerfile (all if none is named) and makes them available to pods."""

    def kubectl(self) -> list[str]:
        """The kubectl command for this cluster, without arguments of its own."""

    def save_logs(self, destination: Path) -> None:
        """Copies the logs of all components, and the audit log, to a folder."""

    def stop_component(self, name: str, *, grace: float | None = None) -> None:
        """Ends a component of the cluster and waits until it is gone; `grace` 0 is a SIGKILL."""

    def start_component(self, name: str) -> None:
        """Starts a stopped component again, as it was started before."""

    def kill_container(self, container_id: str) -> None:
        """Ends a container of a pod by SIGKILL, and waits for nothing. The kubelet starts it again."""


def require_version(kubectl: Sequence[str], version: str) -> None:
    """Sees that a cluster that the test bed did not raise just now is of the Kubernetes that is asked for.

    Raises:
        TestbedError: it is of another one.
    """
    found = json.loads(run([*kubectl, "get", "--raw", "/version"]))["gitVersion"]
    if found != version:
        raise TestbedError(
            f"the cluster is of Kubernetes {found}, and {version} is asked for (TESTBED_KUBERNETES): take"
            " another cluster, or ask for that version"
        )
