"""The cable between the host and the node, and what the host needs to route over it.

The node has a network namespace of its own (node.py says why); the host reaches pods and Services through one
pair of connected interfaces:

    host  pintle0 10.160.0.1  ----  10.160.0.2 uplink  node  bridge pods0 10.128.0.1  ----  pods
"""

import json
from pathlib import Path

from testbed.commands import run, succeeds
from testbed.errors import TestbedError
from testbed.processes import wait_until
from testbed.settings import Instance

BRIDGE = "pods0"
UPLINK = "uplink"
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_FORWARDING_WAS = "ip-forward-was"  # a file beside the instances: they share the setting
_GUARD_METRIC = "9999"  # of the routes that hold when the cable's are not there


def guard(instance: Instance) -> None:
    """Sees that no packet for a pod or a Service ever takes the default route out of this machine.

    Comes first and goes last: these routes hold before the cable is there and after the node died.
    """
    for destination in (instance.service_range, instance.pod_range, instance.link_range):
        run(["ip", "route", "replace", "unreachable", str(destination), "metric", _GUARD_METRIC])


def forward(instance: Instance) -> None:
    """Lets pods reach what the host reaches, under the host's address."""
    before = _FORWARDING.read_text().strip()
    if before != "1":
        (instance.directory.parent / _FORWARDING_WAS).write_text(before)
        _FORWARDING.write_text("1")
    run(["nft", "-f", "-"], stdin=host_rules(instance))


def host_rules(instance: Instance) -> str:
    """The host's nftables rules, in one transaction that replaces those of an earlier run."""
    ranges = f"{{ {instance.pod_range}, {instance.link_range} }}"
    return f"""
add table ip {instance.nft_table}
delete table ip {instance.nft_table}
table ip {instance.nft_table} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {ranges} oifname != {{ "{instance.link}", "lo" }} masquerade
  }}
}}
"""


def connect(instance: Instance, node_pid: int, inside: list[str]) -> None:
    """Lays the cable to the network namespace of `node_pid`, which the command prefix `inside` enters."""
    if succeeds(["ip", "link", "show", instance.link]):
        run(["ip", "link", "delete", instance.link])
    mtu = str(uplink_mtu())
    peer = ["peer", "name", UPLINK, "mtu", mtu, "netns", str(node_pid)]
    run(["ip", "link", "add", instance.link, "mtu", mtu, "type", "veth", *peer])
    length = instance.link_range.prefixlen
    run(["ip", "address", "add", f"{instance.host_address}/{length}", "dev", instance.link])
    run(["ip", "link", "set", instance.link, "up"])
    for command in node_commands(instance, mtu):
        run([*inside, *command])
    for destination in (instance.service_range, instance.pod_range):
        gateway = str(instance.node_address)
        run(["ip", "route", "replace", str(destination), "via", gateway, "dev", instance.link])


def node_commands(instance: Instance, mtu: str) -> list[list[str]]:
    """Commands that set up the node's end: uplink, the pods' bridge, routes.

    The bridge is made here, not by the first pod, because the route for Services lies on it: kube-proxy
    rewrites an address that a Service has, and a packet for any other ends on the bridge instead of going
    back to the host.
    """
    bridge = f"{instance.bridge_address}/{instance.pod_range.prefixlen}"
    uplink = f"{instance.node_address}/{instance.link_range.prefixlen}"
    return [
        ["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"],
        ["ip", "link", "set", "lo", "up"],
        ["ip", "link", "add", BRIDGE, "mtu", mtu, "type", "bridge"],
        ["ip", "address", "add", bridge, "dev", BRIDGE],
        ["ip", "link", "set", BRIDGE, "up"],
        ["ip", "route", "add", str(instance.service_range), "dev", BRIDGE],
        ["ip", "address", "add", uplink, "dev", UPLINK],
        ["ip", "link", "set", UPLINK, "up"],
        ["ip", "route", "add", "default", "via", str(instance.host_address)],
    ]


def is_connected(instance: Instance) -> bool:
    """Whether the host's end is up and the routes over it are there."""
    if not succeeds(["ip", "link", "show", instance.link, "up"]):
        return False
    routes = json.loads(run(["ip", "-json", "route", "show", "dev", instance.link]) or "[]")
    destinations = {route["dst"] for route in routes}
    return {str(instance.service_range), str(instance.pod_range)} <= destinations


def stop_forwarding(state: Path) -> None:
    """Sets the host's forwarding back to what it was before the first instance, whose last has gone."""
    was = state / _FORWARDING_WAS
    if was.exists():
        _FORWARDING.write_text(was.read_text())
        was.unlink()


def remove(instance: Instance) -> None:
    """Takes the instance's interface, rules and routes off the host again."""
    # The cable goes with the node's namespace, whose end the kernel takes its time over.
    if succeeds(["ip", "link", "show", instance.link]):
        succeeds(["ip", "link", "delete", instance.link])
    if not wait_until(lambda: not succeeds(["ip", "link", "show", instance.link]), 10):
        raise TestbedError(
            f"network interface {instance.link} cannot be removed: `ip link delete {instance.link}`"
        )
    if succeeds(["nft", "list", "table", "ip", instance.nft_table]):
        run(["nft", "delete", "table", "ip", instance.nft_table])
    there = json.loads(run(["ip", "-json", "route", "show", "type", "unreachable"]) or "[]")
    for destination in (instance.service_range, instance.pod_range, instance.link_range):
        if any(route["dst"] == str(destination) for route in there):
            run(["ip", "route", "delete", "unreachable", str(destination), "metric", _GUARD_METRIC])


def uplink_mtu() -> int:
    """The MTU of the interface that the default route takes; packets of another size would be cut or lost."""
    routes = json.loads(run(["ip", "-json", "route", "show", "default"]) or "[]")
    if not routes:
        return 1500
    link = json.loads(run(["ip", "-json", "link", "show", routes[0]["dev"]]))
    return int(link[0]["mtu"])
