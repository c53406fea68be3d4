"""A cluster made by kind, where there is a Docker engine."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from testbed import addons, progress
from testbed.commands import run, succeeds
from testbed.errors import TestbedError
from testbed.images import containerd, project
from testbed.images.project import ProjectImage
from testbed.providers.base import Access, require_version
from testbed.settings import REPOSITORY
from testbed.templates import AUDIT_POLICY

_POLICY = Path("/etc/kubernetes/testbed/audit-policy.yaml")
_LOGS = Path("/var/log/kubernetes")


def node_image(version: str) -> str:
    return f"kindest/node:{version}"


def configuration(audit_policy: Path, logs: Path) -> dict[str, Any]:
    """The cluster configuration: one node, whose API server writes its audit log to `logs` on the host."""
    api_server = {
        "extraArgs": {"audit-policy-file": str(_POLICY), "audit-log-path": str(_LOGS / "audit.log")},
        "extraVolumes": [
            {"name": "policy", "hostPath": str(_POLICY), "mountPath": str(_POLICY), "readOnly": True},
            {
                "name": "logs",
                "hostPath": str(_LOGS),
                "mountPath": str(_LOGS),
                "pathType": "DirectoryOrCreate",
            },
        ],
    }
    node = {
        "role": "control-plane",
        "kubeadmConfigPatches": [yaml.safe_dump({"kind": "ClusterConfiguration", "apiServer": api_server})],
        "extraMounts": [
            {"hostPath": str(audit_policy), "containerPath": str(_POLICY), "readOnly": True},
            {"hostPath": str(logs), "containerPath": str(_LOGS)},
        ],
    }
    return {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": [node]}


def create_command(name: str, version: str, config: Path, kubeconfig: Path) -> list[str]:
    """`--wait` returns once the node is Ready."""
    return [
        *("kind", "create", "cluster", f"--name={name}", f"--image={node_image(version)}"),
        *(f"--config={config}", f"--kubeconfig={kubeconfig}", "--wait=180s"),
    ]


def delete_command(name: str, kubeconfig: Path) -> list[str]:
    return ["kind", "delete", "cluster", f"--name={name}", f"--kubeconfig={kubeconfig}"]


def build_command(image: ProjectImage, ca_bundle: Path, repository: Path) -> list[str]:
    return [
        *("docker", "build", f"--target={image.target}", f"--tag={image.reference}"),
        *(f"--secret=id=ca,src={ca_bundle}", str(repository)),
    ]


def load_command(name: str, reference: str) -> list[str]:
    return ["kind", "load", "docker-image", f"--name={name}", reference]


def node_command(name: str) -> list[str]:
    """The command prefix that runs a program in the cluster's one node."""
    return ["docker", "exec", f"{name}-control-plane"]


def load_archive_command(name: str, archive: Path) -> list[str]:
    return ["kind", "load", "image-archive", f"--name={name}", str(archive)]


class KindProvider:
    """A kind cluster by name; its kubeconfig and logs lie in the folder of the instances."""

    def __init__(self, state: Path, name: str, kubernetes: str) -> None:
        self._name = name
        self._kubernetes = kubernetes
        self._directory = state / f"kind-{name}"
        self._kubeconfig = self._directory / "admin.kubeconfig"
        self._logs = self._directory / "logs"

    def up(self, *, control_plane_only: bool) -> Access:
        """A control plane alone is no less work for kind, so there is always a node."""
        del control_plane_only
        if not self._exists():
            self._logs.mkdir(parents=True, exist_ok=True)
            config = self._directory / "kind.yaml"
            config.write_text(yaml.safe_dump(configuration(AUDIT_POLICY, self._logs)))
            with progress.step(f"Creating the kind cluster {self._name}"):
                run(create_command(self._name, self._kubernetes, config, self._kubeconfig))
        require_version(self.kubectl(), self._kubernetes)
        addons.apply(self.kubectl(), addons.ca_manifest(addons.ca_bundle().read_text()))
        return self._access()

    def down(self) -> None:
        if self._exists():
            run(delete_command(self._name, self._kubeconfig))
        if self._directory.exists():
            shutil.rmtree(self._directory)

    def find(self) -> Access:
        if not self._exists():
            raise TestbedError(
                f"kind cluster {self._name} does not exist: raise it with `python -m testbed up`"
            )
        return self._access()

    def status(self) -> tuple[bool, str]:
        access = self.find()
        ready = succeeds([*self.kubectl(), "get", "--raw", "/readyz"])
        state = "up" if ready else "the API server is not ready"
        return ready, f"cluster     kind {self._name}\nkubeconfig  {access.kubeconfig}\nstate       {state}"

    def load(self, archives: Sequence[Path]) -> None:
        for archive in archives:
            run(load_archive_command(self._name, archive))

    def build_images(self, targets: Sequence[str]) -> None:
        """Docker's own cache tells what has not changed, and kind what the node has."""
        for image in project.images(REPOSITORY, targets):
            with progress.step(f"Building and loading {image.reference}"):
                subprocess.run(build_command(image, addons.ca_bundle(), REPOSITORY), check=True)
                run(load_command(self._name, image.reference))

    def kubectl(self) -> list[str]:
        return ["kubectl", f"--kubeconfig={self._kubeconfig}"]

    def save_logs(self, destination: Path) -> None:
        run(["kind", "export", "logs", f"--name={self._name}", str(destination)])

    def stop_component(self, name: str, *, grace: float | None = None) -> None:
        del grace
        raise TestbedError(
            f"kind runs {name} itself: components are stopped in an embedded cluster (TESTBED=embedded)"
        )

    def start_component(self, name: str) -> None:
        self.stop_component(name)

    def kill_container(self, container_id: str) -> None:
        run(containerd.kill_command(node_command(self._name), container_id))

    def _exists(self) -> bool:
        return self._name in run(["kind", "get", "clusters"]).split()

    def _access(self) -> Access:
        return Access(self._name, self._kubeconfig, self._logs, self._logs / "audit.log")
