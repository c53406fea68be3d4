"""Taking an instance, or what is left of one, off the machine."""

from pathlib import Path

from testbed import cgroups, components, network, processes
from testbed.components import Record
from testbed.errors import TestbedError
from testbed.processes import Process
from testbed.settings import Instance

# The node first: with its first process the kernel ends all others in it. The API server before etcd: without
# etcd it hangs on SIGTERM. What is thrown away need not be asked politely, but for the one order.
_ORDER = (
    "node",
    "kubelet",
    "proxy",
    "containerd",
    "coredns",
    "scheduler",
    "controller-manager",
    "apiserver",
    "etcd",
)


def remove(instance: Instance) -> None:
    """Ends every process of the instance and removes what it put on the machine, its folder aside.

    Raises:
        TestbedError: something resists; its name and the command that removes it are in the message.
    """
    for record in sorted(components.recorded(instance), key=_rank):
        processes.stop(record.process, grace=0)
    for process in strays(instance):
        processes.stop(process, grace=0)
    remains_of_node(instance)
    if instance.node_mark.exists():
        network.remove(instance)
    _check_nothing_mounted(instance)


def remains_of_node(instance: Instance) -> None:
    """Removes what a dead node leaves behind: the kernel keeps cgroups, and nothing else."""
    cgroups.remove(instance.cgroup)


def strays(instance: Instance) -> list[Process]:
    """Processes of the instance that no record names: the run that started them was killed before that."""
    return [
        found for found in processes.all_processes() if is_ours(processes.command_line(found.pid), instance)
    ]


def is_ours(command_line: list[str], instance: Instance) -> bool:
    """Whether this is a program of the test bed working in the instance's folder.

    `kubectl` is not: it is the user's, though the kubeconfig that it is given lies in that folder.
    """
    if not command_line or "kubectl" in command_line[:2]:
        return False
    program = Path(command_line[0]).name
    if program not in {"kube", "coredns", "pause", "containerd", "unshare"}:
        return False
    folder = str(instance.directory)
    return any(word == folder or f"{folder}/" in word for word in command_line[1:])


def mounts_below(directory: Path) -> list[str]:
    """Mount points of this mount namespace that lie in a folder."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [point for line in lines if (point := line.split()[4]).startswith(f"{directory}/")]


def _check_nothing_mounted(instance: Instance) -> None:
    """Keeps a removal of the folder from reaching through a mount into somebody else's files.

    Raises:
        TestbedError: something is mounted there. The test bed mounts only inside the node's own namespace.
    """
    if found := mounts_below(instance.directory):
        raise TestbedError(
            f"something is mounted below {instance.directory}: `umount {found[-1]}`, then try again"
        )


def _rank(record: Record) -> int:
    return _ORDER.index(record.component.name) if record.component.name in _ORDER else 0
