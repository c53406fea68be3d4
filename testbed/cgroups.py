"""The cgroups below which an instance's pods run, on cgroup v1 and v2."""

import time
from collections.abc import Iterator
from pathlib import Path

from testbed.errors import TestbedError

ROOT = Path("/sys/fs/cgroup")


def create(name: str, root: Path = ROOT) -> None:
    """Makes the cgroup in every hierarchy, with every controller that the machine has."""
    if (root / "cgroup.controllers").exists():  # v2: one hierarchy
        controllers = (root / "cgroup.controllers").read_text().split()
        enable = " ".join(f"+{controller}" for controller in controllers)
        (root / "cgroup.subtree_control").write_text(enable)
        (root / name).mkdir(exist_ok=True)
        (root / name / "cgroup.subtree_control").write_text(enable)
        return
    for hierarchy in _hierarchies(root):
        (hierarchy / name).mkdir(exist_ok=True)
        # A new cpuset has no CPU and no memory node, and takes no process until it has.
        for resource in ("cpuset.cpus", "cpuset.mems"):
            if (hierarchy / resource).exists():
                (hierarchy / name / resource).write_text((hierarchy / resource).read_text())


def remove(name: str, root: Path = ROOT, timeout: float = 10.0) -> None:
    """Removes the cgroup and all below it. Its processes are dead, but the kernel may still be counting.

    Raises:
        TestbedError: something still runs in it.
    """
    deadline = time.monotonic() + timeout
    for top in [root / name, *(hierarchy / name for hierarchy in _hierarchies(root))]:
        while top.exists() and not _remove_tree(top):
            if time.monotonic() > deadline:
                raise TestbedError(f"cgroup {top} cannot be removed: a process in it is still alive")
            time.sleep(0.05)


def _hierarchies(root: Path) -> Iterator[Path]:
    return (path for path in root.iterdir() if path.is_dir() and (path / "cgroup.procs").exists())


def _remove_tree(top: Path) -> bool:
    for folder in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
        try:
            folder.rmdir()
        except OSError:
            return False
    try:
        top.rmdir()
    except OSError:
        return False
    return True
