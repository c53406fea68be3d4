"""A real gateway in front of a real cluster: Traefik on this machine, with the Gateway API's kinds."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from demo.traffic import Request, Target
from demo.traffic.generator import config
from demo.traffic.log import Log
from pintle.domain import Resource
from pintle.domain.resources import HTTP_ROUTES
from testbed import gateway
from tests.support.kube import Kube
from tests.support.ports import free_port
from tests.support.schemas import REPOSITORY
from tests.support.waiting import until

CLASSES = Resource("gateway.networking.k8s.io", "v1", "gatewayclasses", "GatewayClass", namespaced=False)
GATEWAYS = Resource("gateway.networking.k8s.io", "v1", "gateways", "Gateway")
NAME = "public"
_KIND = re.compile(r"^  name: ([a-z]+\.gateway\.networking\.k8s\.io)$", re.MULTILINE)


@dataclass(frozen=True)
class Gateway:
    """Gateway `public` of a namespace, which takes routes of all namespaces."""

    namespace: str
    port: int
    log: Path

    @property
    def parent(self) -> dict[str, str]:
        """What `spec.gateway.parentRefs` calls it."""
        return {"name": NAME, "namespace": self.namespace}


@contextmanager
def definitions(kubectl: Callable[..., str]) -> Iterator[None]:
    """Install the kinds of the Gateway API for as long as the block lasts. `kubectl` takes `stdin`."""
    kinds = gateway.kinds()
    kubectl("apply", "--server-side", "-f", "-", stdin=kinds)
    try:
        kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", "-", stdin=kinds)
        # An established kind is served a moment later.
        until(lambda: _is_served(kubectl), within=60, what="HTTPRoutes are served")
        yield
    finally:
        kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=kinds)
        names = [f"crd/{name}" for name in _KIND.findall(kinds)]
        # The API server tries again later and later where something of theirs is in its way.
        until(lambda: _are_gone(kubectl, names), within=300, what="the kinds of the Gateway API are gone")


def _are_gone(kubectl: Callable[..., str], names: Sequence[str]) -> bool:
    try:
        kubectl("wait", "--for=delete", "--timeout=60s", *names)
    except AssertionError:
        return False
    return True


def _is_served(kubectl: Callable[..., str]) -> bool:
    try:
        kubectl("get", "--raw", f"/apis/{HTTP_ROUTES.api_version}/{HTTP_ROUTES.plural}")
    except AssertionError:
        return False
    return True


@contextmanager
def raised(kube: Kube, namespace: str, folder: Path) -> Iterator[Gateway]:
    """Install the kinds and run a gateway until the end of the block. Its log is a file in `folder`."""
    made = Gateway(namespace, free_port(), folder / "traefik.log")
    with definitions(kube.kubectl), _running(kube, made):
        spec = {"controllerName": "traefik.io/gateway-controller"}
        kube.create(CLASSES, "", {"metadata": {"name": "traefik"}, "spec": spec})
        listener = {
            "name": "web",
            "protocol": "HTTP",
            "port": made.port,
            "allowedRoutes": {"namespaces": {"from": "All"}},
        }
        body = {"metadata": {"name": NAME}, "spec": {"gatewayClassName": "traefik", "listeners": [listener]}}
        kube.create(GATEWAYS, namespace, body)
        until(lambda: _is_programmed(kube, namespace), within=60, what="the Gateway is programmed")
        yield made


@contextmanager
def _running(kube: Kube, made: Gateway) -> Iterator[None]:
    """Traefik, outside the cluster: it dials pods by their addresses, which this machine has a route to."""
    command = [
        str(gateway.traefik()),
        "--providers.kubernetesgateway=true",
        f"--entrypoints.web.address=127.0.0.1:{made.port}",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--log.level=INFO",
    ]
    environ = {**os.environ, "KUBECONFIG": str(kube.cluster.kubeconfig)}
    with (
        made.log.open("wb") as log,
        subprocess.Popen(command, env=environ, stdout=log, stderr=log) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def _is_programmed(kube: Kube, namespace: str) -> bool:
    status = kube.get(GATEWAYS, namespace, NAME).get("status") or {}
    conditions = status.get("conditions") or ()
    return any(c["type"] == "Programmed" and c["status"] == "True" for c in conditions)


class Requests:
    """The demo's generator on this machine, which is where the gateway listens."""

    def __init__(self, targets: Sequence[Target], folder: Path) -> None:
        path = folder / "targets.json"
        path.write_text(config.dump(list(targets)))
        command = [sys.executable, "-u", "-m", "demo.traffic.generator", str(path)]
        self._log = Log()
        self._process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        until(lambda: self._log.live, within=60, what="a first answer comes through the gateway")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(30)
        self._reader.join(30)
        if self._process.stdout:
            self._process.stdout.close()

    def latest(self, count: int) -> set[str]:
        """The versions that answered last."""
        return {request.version for request in self._log.requests[-count:]}

    def so_far(self) -> list[Request]:
        """What has been answered, or has failed, by now."""
        return list(self._log.requests)

    def stop(self) -> list[Request]:
        """Let what is under way end, and give all requests."""
        self._process.terminate()
        until(lambda: self._log.ended, within=60, what="the last answers are there")
        assert self._process.wait(30) == 0
        self._reader.join(30)
        assert len(self._log.requests) == sum(self._log.sent.values()), "none is missing from the record"
        return self._log.requests

    def _read(self) -> None:
        for line in self._process.stdout or ():
            assert self._log.feed(line), f"not the next line of the record: {json.dumps(line)}"
