"""What every way of getting a cluster can do."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from testbed.cluster import Cluster


class Provider(Protocol):
    """One kind of cluster. All errors that a person can act on are `TestbedError`."""

    def up(self, *, control_plane_only: bool) -> Cluster:
        """Sees that the cluster is up; a cluster that is up already is left as it is."""

    def down(self) -> None:
        """Removes the cluster and all that it put on the machine. No cluster is no error."""

    def find(self) -> Cluster | None:
        """The cluster, if there is one, be it healthy or not."""

    def status(self) -> str:
        """One line for each thing worth knowing."""

    def load(self, archives: Sequence[Path]) -> None:
        """Makes the images of some `docker save` archives available to pods."""

    def build_images(self, targets: Sequence[str]) -> None:
        """Builds images of the project's Dockerfile and makes them available to pods, unless they are."""

    def kubectl(self) -> list[str]:
        """The kubectl command for this cluster, without arguments of its own."""
