"""Real metrics of real pods: metrics-server on this machine, as the cluster's `metrics.k8s.io`."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import yaml

from testbed import metrics
from tests.support.kube import Kube
from tests.support.ports import free_port
from tests.support.rest import Json
from tests.support.waiting import until

# The shortest that it takes. A pod's use is known after two of them.
RESOLUTION = 10


@contextmanager
def raised(kube: Kube, folder: Path) -> Iterator[None]:
    """Run it until the end of the block, from when it answers on. Its log is a file in `folder`."""
    host = _host(kube.cluster.kubeconfig)
    port = free_port()
    manifest = metrics.manifest(host, port)
    with _running(kube, folder, host, port):
        kube.kubectl("apply", "--server-side", "-f", "-", stdin=manifest)
        try:
            until(
                lambda: _answers(kube),
                within=90,
                what="the cluster has metrics",
                now=lambda: _log(folder).read_text()[-2000:],
            )
            yield
        finally:
            kube.kubectl("delete", "--ignore-not-found", "--timeout=60s", "-f", "-", stdin=manifest)


def _host(kubeconfig: Path) -> str:
    """The machine's address as the API server and the node have it."""
    (cluster,) = yaml.safe_load(kubeconfig.read_text())["clusters"]
    return str(urlsplit(cluster["cluster"]["server"]).hostname)


def of_pods(kube: Kube, namespace: str) -> list[Json]:
    """What is known of the pods of a namespace: `timestamp`, `window`, and the usage of each container."""
    return _items(kube, f"namespaces/{namespace}/pods")


def _log(folder: Path) -> Path:
    return folder / "metrics-server.log"


def _answers(kube: Kube) -> bool:
    return bool(_items(kube, "nodes"))


def _items(kube: Kube, place: str) -> list[Json]:
    """By kubectl, who takes an answer that is no JSON, as while the aggregated API server does not answer."""
    try:
        answer = kube.kubectl("get", "--raw", f"/apis/metrics.k8s.io/v1beta1/{place}")
    except AssertionError:
        return []
    return list(orjson.loads(answer)["items"])


@contextmanager
def _running(kube: Kube, folder: Path, host: str, port: int) -> Iterator[None]:
    """Outside the cluster: it asks the kubelet by the node's address, which this machine has a route to."""
    kubeconfig = kube.cluster.kubeconfig
    command = [
        str(metrics.server()),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={host}",
        f"--secure-port={port}",
        f"--cert-dir={folder}",
        "--kubelet-insecure-tls",
        "--kubelet-preferred-address-types=InternalIP",
        "--kubelet-use-node-status-port",
        f"--metric-resolution={RESOLUTION}s",
        f"--kubelet-request-timeout={RESOLUTION // 2}s",
    ]
    with _log(folder).open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)
