"""Rules and commands that lay the cable between host and node."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from testbed import network, resolver
from testbed.settings import Instance

INSTANCE = Instance("one", 1, Path("/state/one"))


def test_pods_leave_under_the_hosts_address() -> None:
    rules = network.host_rules(INSTANCE)
    assert 'ip saddr { 10.129.0.0/24, 10.161.0.0/30 } oifname != { "pintle1", "lo" } masquerade' in rules


def test_rules_are_replaced_in_one_transaction() -> None:
    lines = [line for line in network.host_rules(INSTANCE).splitlines() if "table ip" in line]
    assert [line.split()[0] for line in lines] == ["add", "delete", "table"]


def test_an_address_of_no_service_ends_on_the_bridge() -> None:
    commands = network.node_commands(INSTANCE, "1400")
    bridge = commands.index(["ip", "link", "add", "pods0", "mtu", "1400", "type", "bridge"])
    route = commands.index(["ip", "route", "add", "10.97.0.0/16", "dev", "pods0"])
    default = commands.index(["ip", "route", "add", "default", "via", "10.161.0.1"])
    assert bridge < route < default


@pytest.mark.parametrize(
    ("host", "node"),
    [
        ("nameserver 192.0.2.53\nsearch example.org\n", "nameserver 192.0.2.53\nsearch example.org\n"),
        ("nameserver 127.0.0.53\noptions edns0\n", "options edns0\nnameserver 10.97.0.10\n"),
        ("nameserver ::1\nnameserver 192.0.2.53\n", "nameserver 192.0.2.53\n"),
        ("", "nameserver 10.97.0.10\n"),
    ],
)
def test_a_resolver_on_the_hosts_loopback_is_reached_through_coredns(host: str, node: str) -> None:
    assert resolver.for_node(IPv4Address("10.97.0.10"), host) == node
