"""Which processes `down` takes for the instance's own."""

from pathlib import Path

import pytest

from testbed.cleanup import is_ours
from testbed.settings import Instance

INSTANCE = Instance("one", 0, Path("/state/one"))


@pytest.mark.parametrize(
    "command_line",
    [
        ["/cache/kube", "etcd", "--data-dir=/state/one/etcd"],
        ["/cache/coredns", "-conf", "/state/one/config/Corefile"],
        ["/cache/pause", "/state/one"],
        ["/usr/bin/unshare", "--pid", "--", "/cache/pause", "/state/one"],
        ["/usr/bin/containerd", "--config", "/state/one/config/containerd.toml"],
    ],
)
def test_ours(command_line: list[str]) -> None:
    assert is_ours(command_line, INSTANCE)


@pytest.mark.parametrize(
    "command_line",
    [
        [],
        ["/cache/kube", "etcd", "--data-dir=/state/one-more/etcd"],  # another instance
        ["/cache/kube", "kubectl", "--kubeconfig=/state/one/admin.kubeconfig", "port-forward"],  # the user's
        ["kubectl", "--kubeconfig=/state/one/admin.kubeconfig", "get", "pods"],
        ["tail", "-f", "/state/one/logs/etcd.log"],
        ["/usr/bin/containerd"],  # the machine's
        ["/pause"],
    ],
)
def test_not_ours(command_line: list[str]) -> None:
    assert not is_ours(command_line, INSTANCE)
