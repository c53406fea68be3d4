"""Making and removing cgroups, on trees of plain folders."""

from pathlib import Path

import pytest

from testbed import cgroups


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    for hierarchy in ("cpu", "memory", "cpuset"):
        (tmp_path / hierarchy).mkdir()
        (tmp_path / hierarchy / "cgroup.procs").touch()
    (tmp_path / "cpuset/cpuset.cpus").write_text("0-1\n")
    (tmp_path / "cpuset/cpuset.mems").write_text("0\n")
    return tmp_path


def test_v1_has_one_in_every_hierarchy(v1: Path) -> None:
    cgroups.create("one", v1)
    assert all((v1 / hierarchy / "one").is_dir() for hierarchy in ("cpu", "memory", "cpuset"))
    assert (v1 / "cpuset/one/cpuset.cpus").read_text() == "0-1\n"
    assert (v1 / "cpuset/one/cpuset.mems").read_text() == "0\n"


def test_v2_hands_every_controller_down(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    cgroups.create("one", tmp_path)
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert (tmp_path / "one/cgroup.subtree_control").read_text() == "+cpu +memory +pids"


def test_removal_takes_the_whole_tree_and_no_other(v1: Path) -> None:
    for name in ("one", "two"):
        (v1 / "memory" / name / "kubepods/burstable/pod1").mkdir(parents=True)
    cgroups.remove("one", v1)
    assert not (v1 / "memory/one").exists()
    assert (v1 / "memory/two/kubepods/burstable/pod1").exists()
    cgroups.remove("one", v1)  # nothing there is nothing to do
