"""Where things lie, and which addresses and ports an instance has. Pure, but for reading the environment.

Every instance owns a *slot*, a small number from which its ports and address ranges follow, so that instances
run side by side without asking each other.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from testbed.errors import TestbedError

KUBERNETES_VERSION = "v1.34.4"
OLDEST_KUBERNETES_VERSION = "v1.32.13"  # the oldest that is supported; `make test-oldest` raises it
NODE_NAME = "node1"
SLOTS = range(32)
REPOSITORY = Path(__file__).resolve().parent.parent

_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
_FIRST_PORT = 16440  # below the ephemeral range, so that no outgoing connection holds one of ours
_PORTS_PER_SLOT = 10


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of everything that is built once per machine."""
    if chosen := environ.get("PINTLE_CACHE"):
        return Path(chosen).absolute()
    home = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "/root"), ".cache")
    return Path(home, "pintle")


def state_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of the instances, each in a folder of its own that `down` removes.

    Raises:
        TestbedError: the folder lies where the node mounts folders of its own.
    """
    home = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME", "/root"), ".local/state")
    chosen = Path(environ.get("PINTLE_STATE") or Path(home, "pintle")).absolute()
    if chosen.parts[1:2] in (("var",), ("run",)):
        raise TestbedError(
            f"the test bed's state folder {chosen} lies under /{chosen.parts[1]}, which the node replaces by"
            " one of its own: set PINTLE_STATE to a folder elsewhere"
        )
    return chosen


def instance_name(environ: Mapping[str, str] = os.environ) -> str:
    """The instance that commands without a name mean.

    Raises:
        TestbedError: the name cannot be part of a cgroup's or a folder's name.
    """
    name = environ.get("TESTBED_NAME") or "pintle"
    if not _NAME.fullmatch(name):
        raise TestbedError(
            f"TESTBED_NAME is {name!r}: use at most 20 lower-case letters, digits and dashes, a letter first"
        )
    return name


def kubernetes_version(environ: Mapping[str, str] = os.environ) -> str:
    """The Kubernetes that a cluster is to be of: `v1.34.4`."""
    return environ.get("TESTBED_KUBERNETES") or KUBERNETES_VERSION


@dataclass(frozen=True)
class Ports:
    """TCP ports on the host (`dns` is UDP too)."""

    apiserver: int
    etcd: int
    etcd_peer: int
    controller_manager: int
    scheduler: int
    dns: int
    dns_health: int
    dns_ready: int

    @classmethod
    def of_slot(cls, slot: int) -> "Ports":
        first = _FIRST_PORT + slot * _PORTS_PER_SLOT
        return cls(*range(first, first + 8))


@dataclass(frozen=True)
class Instance:
    """One cluster: its name, its slot, its folder, and its Kubernetes, which is the same all its life."""

    name: str
    slot: int
    directory: Path
    kubernetes: str = KUBERNETES_VERSION

    @property
    def ports(self) -> Ports:
        return Ports.of_slot(self.slot)

    @property
    def service_range(self) -> IPv4Network:
        return IPv4Network(f"10.{96 + self.slot}.0.0/16")

    @property
    def pod_range(self) -> IPv4Network:
        """All of it lies on the node's bridge, so that no pod address is ever routed elsewhere."""
        return IPv4Network(f"10.{128 + self.slot}.0.0/24")

    @property
    def link_range(self) -> IPv4Network:
        """The two ends of the cable between the host and the node."""
        return IPv4Network(f"10.{160 + self.slot}.0.0/30")

    @property
    def host_address(self) -> IPv4Address:
        """The host's end: where pods find the API server and CoreDNS."""
        return self.link_range[1]

    @property
    def node_address(self) -> IPv4Address:
        return self.link_range[2]

    @property
    def bridge_address(self) -> IPv4Address:
        return self.pod_range[1]

    @property
    def api_service_address(self) -> IPv4Address:
        return self.service_range[1]

    @property
    def dns_service_address(self) -> IPv4Address:
        return self.service_range[10]

    @property
    def link(self) -> str:
        """The host's network interface (at most 15 characters)."""
        return f"pintle{self.slot}"

    @property
    def nft_table(self) -> str:
        return f"pintle-testbed-{self.slot}"

    @property
    def cgroup(self) -> str:
        """Relative to the root of each cgroup hierarchy."""
        return f"pintle-{self.name}"

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "admin.kubeconfig"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def audit_log(self) -> Path:
        return self.logs / "audit.log"

    @property
    def node_mark(self) -> Path:
        """The file that says that this instance has a node, not only a control plane."""
        return self.directory / "with-node"

    @property
    def pki(self) -> Path:
        return self.directory / "pki"

    @property
    def config(self) -> Path:
        return self.directory / "config"

    @property
    def records(self) -> Path:
        """One file for each process that was started."""
        return self.directory / "processes"
