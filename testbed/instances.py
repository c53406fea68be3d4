"""The instances on this machine: finding one, and giving a new one a slot."""

import json
import shutil
import socket
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import astuple
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from testbed import network
from testbed.errors import TestbedError
from testbed.locks import locked
from testbed.settings import KUBERNETES_VERSION, SLOTS, Instance, Ports

_RECORD = "instance.json"
_SLOTS_LOCK = ".slots.lock"


def find(state: Path, name: str) -> Instance | None:
    """The instance of that name; None when there is none."""
    directory = state / name
    try:
        record = json.loads((directory / _RECORD).read_text())
    except FileNotFoundError:
        return None
    return Instance(name, record["slot"], directory, record.get("kubernetes", KUBERNETES_VERSION))


def find_of_version(state: Path, name: str, kubernetes: str) -> Instance | None:
    """The instance of that name, which is to be of that Kubernetes; None when there is none.

    What one version stored, another may not read, an older one least of all: none takes over another's.

    Raises:
        TestbedError: it is of another one.
    """
    found = find(state, name)
    if found and found.kubernetes != kubernetes:
        raise TestbedError(
            f"cluster {name} is of Kubernetes {found.kubernetes}, and {kubernetes} is asked for: set"
            f" TESTBED_KUBERNETES={found.kubernetes} to use it, TESTBED_NAME to have another beside it, or"
            " take it down first with `python -m testbed down`"
        )
    return found


def find_or_create(state: Path, name: str, kubernetes: str) -> Instance:
    """The instance of that name, made with a free slot if there is none.

    Raises:
        TestbedError: no slot is free, or it is of another Kubernetes.
    """
    with locked(state / _SLOTS_LOCK):
        if existing := find_of_version(state, name, kubernetes):
            return existing
        taken = {instance.slot for instance in every(state)}
        slot = choose_slot(taken, _used_networks())
        instance = Instance(name, slot, state / name, kubernetes)
        instance.directory.mkdir(parents=True, exist_ok=True)
        unfinished = instance.directory / f"{_RECORD}.tmp"
        unfinished.write_text(json.dumps({"slot": slot, "kubernetes": kubernetes}))
        unfinished.rename(instance.directory / _RECORD)
        return instance


def every(state: Path) -> list[Instance]:
    names = sorted(path.parent.name for path in state.glob(f"*/{_RECORD}"))
    return [instance for name in names if (instance := find(state, name))]


def forget(state: Path, instance: Instance) -> None:
    """Removes the instance's folder, and with the last one all that instances share. Frees its slot.

    The record goes last: until then the slot is the instance's, and a later run can carry on. The many files
    of images are removed before the lock is taken, which every new instance needs.
    """
    for entry in instance.directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != _RECORD:
            entry.unlink()
    with locked(state / _SLOTS_LOCK):
        shutil.rmtree(instance.directory)
        left = every(state)
        if not any(other.node_mark.exists() for other in left):
            network.stop_forwarding(state)
        if not left:
            (state / _SLOTS_LOCK).unlink()


def choose_slot(taken: Collection[int], used: Collection[IPv4Network]) -> int:
    """The lowest slot whose ranges overlap no network of the machine and whose ports are free.

    Raises:
        TestbedError: there is none.
    """
    for slot in SLOTS:
        instance = Instance("any", slot, Path())
        ranges = (instance.service_range, instance.pod_range, instance.link_range)
        overlaps = any(mine.overlaps(other) for mine in ranges for other in used)
        if slot not in taken and not overlaps and _ports_free(instance.ports):
            return slot
    raise TestbedError(
        f"none of the {len(SLOTS)} slots for instances is free: their address ranges are routed on this"
        " machine or their ports are taken; end an instance with `TESTBED_NAME=... python -m testbed down`"
    )


def _used_networks() -> list[IPv4Network]:
    """What this machine routes, and its resolvers: a range of ours over one of them would cut it off."""
    return [*_routes(), *_resolvers()]


def _routes() -> Iterator[IPv4Network]:
    if not shutil.which("ip"):
        return
    listing = subprocess.run(["ip", "-json", "route", "show"], capture_output=True, text=True, check=True)
    for route in json.loads(listing.stdout or "[]"):
        if route["dst"] != "default":
            yield IPv4Network(route["dst"], strict=False)


def _resolvers() -> Iterator[IPv4Network]:
    for line in Path("/etc/resolv.conf").read_text().splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver" and ":" not in words[1]:
            yield IPv4Network(IPv4Address(words[1]))


def _ports_free(ports: Ports) -> bool:
    for port in astuple(ports):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True
