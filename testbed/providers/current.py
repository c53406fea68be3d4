"""The cluster that kubectl points to: used, never made or deleted."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.commands import run, succeeds
from testbed.errors import TestbedError
from testbed.providers.base import Access, require_version


class CurrentProvider:
    """The current context of the user's kubeconfig."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._kubeconfig = kubeconfig_path(environ)
        self._asked = environ.get("TESTBED_KUBERNETES")

    def up(self, *, control_plane_only: bool) -> Access:
        del control_plane_only
        if not succeeds(["kubectl", "get", "--raw", "/readyz"]):
            raise TestbedError(
                f"the cluster of kubectl's current context ({self._kubeconfig}) does not answer: try"
                " `kubectl version`, or raise a cluster of your own with TESTBED=embedded"
            )
        if self._asked:
            require_version(self.kubectl(), self._asked)
        return self.find()

    def down(self) -> None:
        raise TestbedError(
            "TESTBED=current is somebody's own cluster: the test bed did not make it and leaves it"
        )

    def find(self) -> Access:
        return Access(run(["kubectl", "config", "current-context"]).strip(), self._kubeconfig)

    def status(self) -> tuple[bool, str]:
        access = self.up(control_plane_only=False)
        name = f"cluster     {access.name} (kubectl's current context)"
        return True, f"{name}\nkubeconfig  {access.kubeconfig}\nstate       up"

    def load(self, archives: Sequence[Path]) -> None:
        raise _no_images(", ".join(map(str, archives)))

    def build_images(self, targets: Sequence[str]) -> None:
        raise _no_images(", ".join(targets) or "all")

    def kubectl(self) -> list[str]:
        return ["kubectl"]

    def save_logs(self, destination: Path) -> None:
        raise TestbedError(f"the logs of TESTBED=current cannot be copied to {destination}")

    def stop_component(self, name: str, *, grace: float | None = None) -> None:
        del grace
        raise TestbedError(f"{name} of TESTBED=current is not the test bed's to stop: use TESTBED=embedded")

    def start_component(self, name: str) -> None:
        self.stop_component(name)

    def kill_container(self, container_id: str) -> None:
        raise TestbedError(
            f"container {container_id} of TESTBED=current is not the test bed's to kill: use TESTBED=embedded"
        )


def _no_images(which: str) -> TestbedError:
    return TestbedError(
        f"images ({which}) cannot be loaded into a cluster that is not the test bed's: push them to a"
        " registry that it pulls from"
    )


def kubeconfig_path(environ: Mapping[str, str]) -> Path:
    """The first file of KUBECONFIG, else kubectl's default."""
    named = [part for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return Path(named[0]) if named else Path(environ.get("HOME", "/root"), ".kube/config")
