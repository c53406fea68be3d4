"""Raising an instance of the embedded cluster: what is there is kept, what is missing is started.

One way leads up, whatever an earlier run left: each step sees that one thing is as it should be and does
nothing if it is. A killed run, or a machine that was switched off, is only a case with more to do.
"""

import datetime as dt
import os
from pathlib import Path

from testbed import (
    addons,
    apiclient,
    certificates,
    cgroups,
    cleanup,
    components,
    controlplane,
    dns,
    gobuild,
    kubeconfigs,
    network,
    node,
    packages,
    processes,
    progress,
)
from testbed.components import Component
from testbed.errors import TestbedError
from testbed.gobuild import Programs
from testbed.processes import Process
from testbed.settings import NODE_NAME, Instance, cache_dir

_TIMEOUT = 120.0


def server(instance: Instance) -> str:
    """The URL of the instance's API server."""
    return controlplane.server(instance, with_node=instance.node_mark.exists())


def programs_of(instance: Instance) -> Programs:
    """The programs that the instance was last raised with, which need not be those of today's sources.

    Raises:
        TestbedError: it was never raised.
    """
    link = _programs_link(instance)
    if not link.exists():
        raise TestbedError(
            f"cluster {instance.name} was not raised to the end: `python -m testbed up` carries on"
        )
    return Programs(link.resolve())


def kubectl(instance: Instance) -> list[str]:
    return [str(programs_of(instance).kube), "kubectl", f"--kubeconfig={instance.kubeconfig}"]


def first_process(instance: Instance) -> Process | None:
    """The node's first process, whose namespaces are the node's; None when it does not run."""
    record = components.read(instance, "node")
    return record.process if record and processes.alive(record.process) else None


def unhealthy(instance: Instance, programs: Programs) -> list[str]:
    """What keeps the instance from being up, in words; empty when it is up."""
    found = [
        f"{component.name} does not run"
        for component in _planned(instance, programs)
        if not components.is_running(instance, component)
    ]
    url = server(instance)
    if not found and not controlplane.is_ready(instance, url):
        found.append("the API server is not ready")
    if not found and instance.node_mark.exists():
        if not network.is_connected(instance):
            found.append("the host has no route to the node")
        if not dns.is_ready(instance):
            found.append("CoreDNS is not ready")
        if not _node_is_ready(instance, None):
            found.append("the node is not Ready")
    return found


def prepare(kubernetes: str, *, with_node: bool) -> Programs:
    """Sees that this machine has what a cluster of that version needs, and touches none.

    Raises:
        TestbedError: something is missing that cannot be installed or built here.
    """
    if with_node:
        _require_root()
        packages.ensure(packages.NODE)
    return gobuild.ensure(cache_dir(), kubernetes)


def up(instance: Instance, programs: Programs, *, with_node: bool, now: dt.datetime) -> None:
    """Raises the instance, or what is missing of it; the instance's lock is held.

    Raises:
        TestbedError: something does not start.
    """
    if with_node and not instance.node_mark.exists():
        instance.node_mark.touch()
    elif not unhealthy(instance, programs):
        return
    _remember(instance, programs)
    certificates.create(instance, now)
    kubeconfigs.write(instance, server(instance))
    if instance.node_mark.exists():
        _up_with_node(instance, programs, now)
    else:
        _up_control_plane(instance, programs)


def _up_control_plane(instance: Instance, programs: Programs) -> None:
    with progress.step("Starting etcd and the API server"):
        planned = controlplane.planned(instance, programs, with_node=False)
        controlplane.start(instance, planned, server(instance))


def _up_with_node(instance: Instance, programs: Programs, now: dt.datetime) -> None:
    with progress.step("Preparing the node's namespaces and network"):
        first = _raise_node(instance, programs)
    inside = node.planned(instance, programs, first.pid)
    containerd, kubelet, proxy = inside
    components.start(instance, containerd)
    with progress.step("Starting etcd and the API server"):
        planned = controlplane.planned(instance, programs, with_node=True)
        controlplane.start(instance, planned, server(instance))
    with progress.step("Starting the node"):
        node.await_containerd(instance, first)
        node.load_pause_image(programs, first)
        restarted = not components.is_running(instance, kubelet)
        for component in (kubelet, proxy, dns.planned(instance, programs)):
            components.start(instance, component)
        bundle = addons.ca_bundle().read_text()
        addons.apply(kubectl(instance), addons.manifest(instance), addons.ca_manifest(bundle))
        _await(instance, now if restarted else None)


def _raise_node(instance: Instance, programs: Programs) -> Process:
    node.write_configuration(instance, programs)
    dns.write_configuration(instance)
    network.guard(instance)
    network.forward(instance)
    holder = node.holder(instance, programs)
    if not components.is_running(instance, holder):
        components.stop(instance, holder.name)  # one of other programs than today's
        cleanup.remains_of_node(instance)
        cgroups.create(instance.cgroup)
    first = components.start(instance, holder)
    node.prepare(instance, first)
    if not network.is_connected(instance):
        network.connect(instance, first.pid, node.inside(first.pid))
    return first


def _await(instance: Instance, since: dt.datetime | None) -> None:
    waiting = {
        "the node is not Ready": lambda: _node_is_ready(instance, since),
        "CoreDNS is not ready": lambda: dns.is_ready(instance),
    }
    for problem, condition in waiting.items():
        if not processes.wait_until(condition, _TIMEOUT, 0.2):
            raise TestbedError(
                f"{problem} after {_TIMEOUT:.0f} s; read the logs with `python -m testbed logs kubelet` (or"
                " `containerd`, `coredns`), or start anew with `python -m testbed down`"
            )


def _node_is_ready(instance: Instance, since: dt.datetime | None) -> bool:
    """Whether the node is Ready, and said so after `since` where that is given."""
    found = apiclient.get_json(instance, server(instance), f"/api/v1/nodes/{NODE_NAME}")
    conditions = found["status"].get("conditions", []) if found else []
    for condition in conditions:
        if condition["type"] == "Ready" and condition["status"] == "True":
            said = dt.datetime.fromisoformat(condition["lastHeartbeatTime"])
            return since is None or said >= since.replace(microsecond=0)
    return False


def _planned(instance: Instance, programs: Programs) -> list[Component]:
    if not instance.node_mark.exists():
        return controlplane.planned(instance, programs, with_node=False)
    first = first_process(instance)
    return [
        node.holder(instance, programs),
        *controlplane.planned(instance, programs, with_node=True),
        dns.planned(instance, programs),
        *(node.planned(instance, programs, first.pid) if first else []),
    ]


def await_component(instance: Instance, component: Component) -> None:
    """Waits for what others need of a component that was just started: of the API server, that it serves."""
    if component.name == "apiserver":
        controlplane.await_apiserver(instance, server(instance))


def _programs_link(instance: Instance) -> Path:
    return instance.directory / "programs"


def _remember(instance: Instance, programs: Programs) -> None:
    unfinished = instance.directory / "programs.tmp"
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(programs.directory)
    unfinished.rename(_programs_link(instance))


def _require_root() -> None:
    if os.geteuid() != 0:
        raise TestbedError(
            "a node needs root (namespaces, network, cgroups): run as root, or raise an API server alone with"
            " `python -m testbed up --control-plane-only`"
        )
