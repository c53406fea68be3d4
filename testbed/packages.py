"""The Debian packages that a node and the building of images need."""

import os
import shutil
import subprocess

from testbed import progress
from testbed.commands import run
from testbed.errors import TestbedError

NODE = {
    "containerd": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "iptables": "iptables",
    "ip": "iproute2",
    "sysctl": "procps",
    "nsenter": "util-linux",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "mount": "mount",
}
IMAGES = {"buildah": "buildah", "debootstrap": "debootstrap"}
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def ensure(wanted: dict[str, str]) -> None:
    """Installs the packages of the programs that are missing; `wanted` maps programs to packages.

    Raises:
        TestbedError: this needs root, or apt-get failed.
    """
    packages = missing(wanted)
    if not packages:
        return
    command = f"apt-get install --no-install-recommends {' '.join(packages)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise TestbedError(f"programs that the test bed runs are missing; install them: {command}")
    with progress.step(f"Installing {', '.join(packages)}"):
        _install(packages)


def missing(wanted: dict[str, str]) -> list[str]:
    """The packages, sorted, of programs that are not installed."""
    path = f"{os.environ.get('PATH', '')}:{_SBIN}"
    return sorted({package for program, package in wanted.items() if not shutil.which(program, path=path)})


def _install(packages: list[str]) -> None:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "--quiet"], environ=environ)
    # containerd's package starts a service; the test bed runs a containerd of its own instead.
    masked = "containerd" in packages and _mask_service()
    try:
        run(["apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *packages], environ=environ)
    finally:
        if masked:
            subprocess.run(
                ["systemctl", "unmask", "--runtime", "containerd"], capture_output=True, check=False
            )


def _mask_service() -> bool:
    if not os.path.isdir("/run/systemd/system"):  # noqa: PTH112 - the documented test for a running systemd
        return False
    run(["systemctl", "mask", "--runtime", "containerd"])
    return True
