"""Which provider is taken, and what kind is told."""

import json
import os
import stat
from pathlib import Path

import pytest
import yaml

from testbed import cli, instances
from testbed.errors import TestbedError
from testbed.images import containerd
from testbed.images.project import ProjectImage
from testbed.providers import choose, kind
from testbed.providers.current import CurrentProvider, kubeconfig_path
from testbed.providers.embedded import EmbeddedProvider
from testbed.providers.kind import KindProvider
from testbed.settings import OLDEST_KUBERNETES_VERSION


@pytest.mark.parametrize(("status", "provider"), [(0, KindProvider), (1, EmbeddedProvider)])
def test_auto_takes_kind_where_a_docker_engine_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, provider: type
) -> None:
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\nexit {status}\n")
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert isinstance(choose({"HOME": "/root"}), provider)


@pytest.mark.parametrize(
    ("name", "provider"),
    [("embedded", EmbeddedProvider), ("kind", KindProvider), ("current", CurrentProvider)],
)
def test_named(name: str, provider: type) -> None:
    assert isinstance(choose({"HOME": "/root", "TESTBED": name}), provider)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(TestbedError, match="auto, embedded, kind or current"):
        choose({"TESTBED": "minikube"})


def test_kind_configuration_writes_the_audit_log_to_the_host() -> None:
    configuration = kind.configuration(Path("/repo/policy.yaml"), Path("/state/logs"))
    (node,) = configuration["nodes"]
    mounts = {mount["hostPath"]: mount["containerPath"] for mount in node["extraMounts"]}
    patch = yaml.safe_load(node["kubeadmConfigPatches"][0])
    api_server = patch["apiServer"]
    assert patch["kind"] == "ClusterConfiguration"
    assert api_server["extraArgs"]["audit-policy-file"] == mounts["/repo/policy.yaml"]
    assert api_server["extraArgs"]["audit-log-path"] == f"{mounts['/state/logs']}/audit.log"
    for volume in api_server["extraVolumes"]:
        assert volume["hostPath"] in mounts.values()


def test_kind_commands() -> None:
    kubeconfig = Path("/state/kind-one/admin.kubeconfig")
    create = kind.create_command("one", "v1.32.13", Path("/state/kind-one/kind.yaml"), kubeconfig)
    assert create[:3] == ["kind", "create", "cluster"]
    assert {"--name=one", "--config=/state/kind-one/kind.yaml", f"--kubeconfig={kubeconfig}"} <= set(create)
    assert f"--image={kind.node_image('v1.32.13')}" in create
    assert kind.delete_command("one", kubeconfig) == [
        *("kind", "delete", "cluster", "--name=one", f"--kubeconfig={kubeconfig}")
    ]
    image = ProjectImage("runtime", "docker.io/pintle/runtime:0.1.0", "key")
    assert kind.build_command(image, Path("/ca.crt"), Path("/repo")) == [
        *("docker", "build", "--target=runtime", "--tag=docker.io/pintle/runtime:0.1.0"),
        *("--secret=id=ca,src=/ca.crt", "/repo"),
    ]
    assert kind.load_command("one", image.reference) == [
        *("kind", "load", "docker-image", "--name=one", "docker.io/pintle/runtime:0.1.0")
    ]
    assert kind.load_archive_command("one", Path("/a.tar")) == [
        *("kind", "load", "image-archive", "--name=one", "/a.tar")
    ]
    assert containerd.kill_command(kind.node_command("one"), "0123") == [
        *("docker", "exec", "one-control-plane", "ctr", "--namespace=k8s.io"),
        *("tasks", "kill", "--signal=SIGKILL", "--all", "0123"),
    ]


def test_the_current_context_is_never_deleted() -> None:
    with pytest.raises(TestbedError, match="leaves it"):
        CurrentProvider({}).down()


def _kubectl(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """A kubectl whose cluster is of that Kubernetes."""
    answer = json.dumps({"gitVersion": version})
    program = folder / "kubectl"
    program.write_text(f"#!/bin/sh\ncase \"$*\" in *version) echo '{answer}' ;; esac\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_a_cluster_of_somebody_is_of_the_kubernetes_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is asked for unless TESTBED_KUBERNETES is set."""
    _kubectl(tmp_path, monkeypatch, "v1.33.6")
    for asked in ({}, {"TESTBED_KUBERNETES": "v1.33.6"}):
        assert CurrentProvider(asked).up(control_plane_only=False).kubeconfig == Path("/root/.kube/config")
    with pytest.raises(TestbedError, match=r"v1\.33\.6, and v1\.32\.13 is asked for"):
        CurrentProvider({"TESTBED_KUBERNETES": "v1.32.13"}).up(control_plane_only=False)


def test_an_instance_of_another_kubernetes_is_refused_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same one it gets on, here to a build without Go."""
    monkeypatch.setenv("PATH", "")
    environ = {"TESTBED": "embedded", "PINTLE_STATE": str(tmp_path), "TESTBED_NAME": "one"}
    instances.find_or_create(tmp_path, "one", OLDEST_KUBERNETES_VERSION)
    with pytest.raises(TestbedError, match=f"one is of Kubernetes {OLDEST_KUBERNETES_VERSION}"):
        choose(environ).up(control_plane_only=True)
    with pytest.raises(TestbedError, match="Go is not installed"):
        choose({**environ, "TESTBED_KUBERNETES": OLDEST_KUBERNETES_VERSION}).up(control_plane_only=True)


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"HOME": "/root"}, "/root/.kube/config"),
        ({"HOME": "/root", "KUBECONFIG": "/a:/b"}, "/a"),
        ({"HOME": "/root", "KUBECONFIG": ""}, "/root/.kube/config"),
    ],
)
def test_kubeconfig_of_the_current_context(environ: dict[str, str], path: str) -> None:
    assert kubeconfig_path(environ) == Path(path)


def test_what_follows_kubectl_is_kubectls() -> None:
    assert cli.parse(["kubectl", "-n", "ml", "get", "--help"]).arguments == ["-n", "ml", "get", "--help"]
