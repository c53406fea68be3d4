"""The node: containerd, kubelet and kube-proxy in namespaces of their own.

The node is to the host what a container is: a process (`pause`, PID 1 of the node's PID namespace) holds a
PID, mount, network, IPC and host name namespace; the others enter them. When it ends, the kernel ends every
process below it and takes mounts, interfaces and rules away, so neither a crash nor `down` leaves any of them
behind. And two nodes side by side share no port, no path and no nftables table: kube-proxy has one table of a
fixed name in its network namespace, and two of them in one would delete each other's rules.
"""

from pathlib import Path

from testbed import certificates, components, kubeconfigs, network, processes, resolver
from testbed.commands import run
from testbed.components import Component
from testbed.errors import TestbedError
from testbed.gobuild import Programs
from testbed.images import archive, containerd
from testbed.processes import Process
from testbed.settings import NODE_NAME, Instance
from testbed.templates import DIRECTORY, fill

_UNSHARE = ("/usr/bin/unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--mount-proc", "--")


def holder(instance: Instance, programs: Programs) -> Component:
    """The process that keeps the namespaces. Its argument says to a person, and to `down`, whose it is."""
    return Component("node", (str(programs.pause), str(instance.directory)), _UNSHARE, grace=0)


def inside(pid: int) -> list[str]:
    """The command prefix that runs a program in the node whose first process is `pid`."""
    return ["/usr/bin/nsenter", f"--target={pid}", "--mount", "--net", "--pid", "--uts", "--ipc", "--"]


def planned(instance: Instance, programs: Programs, pid: int) -> list[Component]:
    """The node's components, in the order of their start."""
    kube, config, wrapper = str(programs.kube), instance.config, tuple(inside(pid))
    kubelet = (
        f"--config={config}/kubelet.yaml",
        f"--kubeconfig={kubeconfigs.path_of(instance, certificates.KUBELET)}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={instance.node_address}",
    )
    proxy = (f"--config={config}/kube-proxy.yaml", f"--hostname-override={NODE_NAME}")
    return [
        Component("containerd", ("/usr/bin/containerd", "--config", f"{config}/containerd.toml"), wrapper),
        Component("kubelet", (kube, "kubelet", *kubelet), wrapper),
        Component("proxy", (kube, "proxy", *proxy), wrapper),
    ]


def write_configuration(instance: Instance, programs: Programs) -> None:
    """Writes the configuration files that `planned` names."""
    config = instance.config
    (config / "cni").mkdir(parents=True, exist_ok=True)
    for folder in ("var/lib", "var/log", "var/tmp", "var/cache"):
        (instance.directory / folder).mkdir(parents=True, exist_ok=True)
    mtu = network.uplink_mtu()
    files = {
        "containerd.toml": fill(
            "containerd.toml", pause_image=_pause_image(programs), cni_config=config / "cni"
        ),
        "cni/pods.conflist": fill(
            "cni.conflist", bridge=network.BRIDGE, mtu=mtu, pod_range=instance.pod_range
        ),
        "kubelet.yaml": fill(
            "kubelet.yaml",
            cgroup=instance.cgroup,
            ca=instance.pki / "ca.crt",
            dns_address=instance.dns_service_address,
            node_address=instance.node_address,
        ),
        "kube-proxy.yaml": fill(
            "kube-proxy.yaml",
            kubeconfig=kubeconfigs.path_of(instance, certificates.PROXY),
            pod_range=instance.pod_range,
            node_address=instance.node_address,
        ),
        "resolv.conf": resolver.for_node(instance.dns_service_address),
    }
    for name, content in files.items():
        (config / name).write_text(content)


def prepare(instance: Instance, first: Process) -> None:
    """Mounts what the node needs inside its namespaces, unless that was done.

    Raises:
        TestbedError: a mount failed.
    """
    if prepared(first):
        return
    target = str(Path("/etc/resolv.conf").resolve())
    script = str(DIRECTORY / "prepare-node.sh")
    arguments = [f"{instance.directory}/var", f"{instance.config}/resolv.conf", target, NODE_NAME]
    run([*inside(first.pid), "/bin/sh", script, *arguments])


def prepared(first: Process) -> bool:
    return Path(f"/proc/{first.pid}/root/run/prepared").exists()


def await_containerd(instance: Instance, first: Process, timeout: float = 60.0) -> None:
    """Waits until containerd answers.

    Raises:
        TestbedError: it does not.
    """
    socket = Path(f"/proc/{first.pid}/root/run/containerd/containerd.sock")
    if not processes.wait_until(socket.is_socket, timeout):
        log = components.log_of(instance, "containerd")
        raise TestbedError(f"containerd does not answer; its log {log} ends with:\n{components.tail(log)}")


def load_pause_image(programs: Programs, first: Process) -> None:
    """Gives containerd the image that every pod's sandbox runs, unless it has it."""
    name, enter = _pause_image(programs), inside(first.pid)
    if name not in containerd.names(enter):
        containerd.load(enter, archive.of_program(name, programs.pause))


def _pause_image(programs: Programs) -> str:
    return f"localhost/pause:{programs.directory.name}"
