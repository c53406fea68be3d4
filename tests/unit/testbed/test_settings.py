"""Names, folders and address ranges of instances."""

from dataclasses import astuple
from itertools import combinations
from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.settings import (
    KUBERNETES_VERSION,
    SLOTS,
    Instance,
    cache_dir,
    instance_name,
    kubernetes_version,
    state_dir,
)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/root"}, "/root/.cache/pintle"),
        ({"HOME": "/root", "XDG_CACHE_HOME": "/big"}, "/big/pintle"),
        ({"HOME": "/root", "XDG_CACHE_HOME": "/big", "PINTLE_CACHE": "/mine"}, "/mine"),
    ],
)
def test_cache_folder(environ: dict[str, str], expected: str) -> None:
    assert cache_dir(environ) == Path(expected)


def test_state_folder() -> None:
    assert state_dir({"HOME": "/root"}) == Path("/root/.local/state/pintle")
    assert state_dir({"HOME": "/root", "PINTLE_STATE": "/mine"}) == Path("/mine")


@pytest.mark.parametrize("folder", ["/var/lib/jenkins/pintle", "/run/pintle"])
def test_state_folder_may_not_lie_where_the_node_mounts(folder: str) -> None:
    with pytest.raises(TestbedError, match="PINTLE_STATE"):
        state_dir({"PINTLE_STATE": folder})


def test_instance_name() -> None:
    assert instance_name({}) == "pintle"
    assert instance_name({"TESTBED_NAME": "ci-2"}) == "ci-2"


@pytest.mark.parametrize("name", ["Upper", "2nd", "a/b", "a" * 21, "..", "with space"])
def test_instance_name_refused(name: str) -> None:
    with pytest.raises(TestbedError, match="TESTBED_NAME"):
        instance_name({"TESTBED_NAME": name})


def test_kubernetes() -> None:
    assert kubernetes_version({}) == kubernetes_version({"TESTBED_KUBERNETES": ""}) == KUBERNETES_VERSION
    assert kubernetes_version({"TESTBED_KUBERNETES": "v1.32.13"}) == "v1.32.13"


def test_instances_share_no_port_no_address_and_no_name() -> None:
    instances = [Instance(f"n{slot}", slot, Path(f"/state/n{slot}")) for slot in SLOTS]
    ports = [port for instance in instances for port in astuple(instance.ports)]
    assert len(set(ports)) == len(ports)
    assert max(ports) < 32768  # where the ephemeral ports begin
    ranges = [
        network
        for instance in instances
        for network in (instance.service_range, instance.pod_range, instance.link_range)
    ]
    assert not any(one.overlaps(other) for one, other in combinations(ranges, 2))
    assert len({instance.link for instance in instances}) == len(SLOTS)
    assert max(len(instance.link) for instance in instances) <= 15  # the kernel's limit


def test_addresses() -> None:
    instance = Instance("ci", 3, Path("/state/ci"))
    assert str(instance.dns_service_address) == "10.99.0.10"
    assert str(instance.api_service_address) == "10.99.0.1"
    assert str(instance.bridge_address) == "10.131.0.1"
    assert (str(instance.host_address), str(instance.node_address)) == ("10.163.0.1", "10.163.0.2")
