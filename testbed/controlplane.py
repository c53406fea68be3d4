"""The control plane: etcd, API server, controller manager and scheduler, as processes of the host.

They need neither root nor the node, so that an API server alone is up in seconds.
"""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from testbed import apiclient, components, kubeconfigs, processes, templates
from testbed.certificates import ADMIN, CONTROLLER_MANAGER, SCHEDULER
from testbed.components import Component
from testbed.errors import TestbedError
from testbed.gobuild import Programs
from testbed.settings import Instance

_READY_TIMEOUT = 120.0


def server(instance: Instance, *, with_node: bool) -> str:
    """The API server's URL: for a node it listens where pods reach it, alone it stays on the loopback."""
    host = instance.host_address if with_node else "127.0.0.1"
    return f"https://{host}:{instance.ports.apiserver}"


def planned(instance: Instance, programs: Programs, *, with_node: bool) -> list[Component]:
    """The components in the order of their start. Stopped in reverse: without etcd the API server hangs."""
    kube, url = str(programs.kube), server(instance, with_node=with_node)
    planned = [
        # Both would wait for their clients to leave, up to a minute, and they do not.
        Component("etcd", (kube, "etcd", *_etcd(instance)), grace=3),
        Component("apiserver", (kube, "apiserver", *_apiserver(instance, with_node=with_node)), grace=3),
        Component(
            "controller-manager",
            (kube, "controller-manager", *_controller_manager(instance, url)),
        ),
    ]
    if with_node:
        planned.append(Component("scheduler", (kube, "scheduler", *_scheduler(instance, url))))
    return planned


def start(instance: Instance, planned: list[Component], url: str) -> None:
    """Starts what does not run as planned, and waits until the API server serves.

    Raises:
        TestbedError: the API server did not become ready.
    """
    for component in reversed(planned):
        record = components.read(instance, component.name)
        if record and record.component != component:
            components.stop(instance, component.name)
    for component in planned:
        components.start(instance, component)
        if component.name == "apiserver":
            await_apiserver(instance, url)


def is_ready(instance: Instance, url: str) -> bool:
    return apiclient.get(instance, url, "/readyz")[0] == HTTPStatus.OK


def await_apiserver(instance: Instance, url: str) -> None:
    """Waits until the API server serves.

    Raises:
        TestbedError: it ended, or takes too long.
    """
    record = components.read(instance, "apiserver")
    dead = False

    def settled() -> bool:
        nonlocal dead
        dead = record is None or not processes.alive(record.process)
        return dead or is_ready(instance, url)

    if processes.wait_until(settled, _READY_TIMEOUT, 0.1) and not dead:
        return
    log = components.log_of(instance, "apiserver")
    raise TestbedError(
        f"the API server {'ended' if dead else f'was not ready within {_READY_TIMEOUT:.0f} s'};"
        f" its log {log} ends with:\n{components.tail(log)}"
    )


def _flags(pairs: dict[str, object]) -> Iterator[str]:
    return (f"--{name}={value}" for name, value in pairs.items())


def _etcd(instance: Instance) -> Iterator[str]:
    ports = instance.ports
    client, peer = f"http://127.0.0.1:{ports.etcd}", f"http://127.0.0.1:{ports.etcd_peer}"
    return _flags(
        {
            "name": "etcd",
            "data-dir": instance.directory / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"etcd={peer}",
            # A test bed need not survive a power cut, and without fsync writes take a tenth of the time.
            "unsafe-no-fsync": "true",
        }
    )


def _apiserver(instance: Instance, *, with_node: bool) -> Iterator[str]:
    pki = instance.pki
    address = instance.host_address if with_node else "127.0.0.1"
    return _flags(
        {
            "etcd-servers": f"http://127.0.0.1:{instance.ports.etcd}",
            "bind-address": address,
            "advertise-address": instance.host_address,
            "secure-port": instance.ports.apiserver,
            "tls-cert-file": pki / "apiserver.crt",
            "tls-private-key-file": pki / "apiserver.key",
            "client-ca-file": pki / "ca.crt",
            "service-account-key-file": pki / "service-accounts.pub",
            "service-account-signing-key-file": pki / "service-accounts.key",
            "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
            "service-cluster-ip-range": instance.service_range,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            # What aggregated API servers are called with. The administrator may act for anybody as it is.
            "requestheader-client-ca-file": pki / "ca.crt",
            "requestheader-allowed-names": ADMIN.user,
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "proxy-client-cert-file": pki / f"{ADMIN.name}.crt",
            "proxy-client-key-file": pki / f"{ADMIN.name}.key",
            "allow-privileged": "true",
            "kubelet-client-certificate": pki / f"{ADMIN.name}.crt",
            "kubelet-client-key": pki / f"{ADMIN.name}.key",
            # Without it, `logs` and `exec` look the node's name up in DNS.
            "kubelet-preferred-address-types": "InternalIP",
            "audit-policy-file": templates.AUDIT_POLICY,
            "audit-log-path": instance.audit_log,
            "audit-log-maxsize": 4096,  # MB; a test that counts requests must find them all in one file
        }
    )


def _controller_manager(instance: Instance, url: str) -> Iterator[str]:
    kubeconfig = kubeconfigs.path_of(instance, CONTROLLER_MANAGER)
    return _flags(
        {
            **_client(kubeconfig, url, instance.ports.controller_manager),
            "use-service-account-credentials": "true",
            "service-account-private-key-file": instance.pki / "service-accounts.key",
            "root-ca-file": instance.pki / "ca.crt",
            "allocate-node-cidrs": "true",
            "cluster-cidr": instance.pod_range,
            "node-cidr-mask-size": instance.pod_range.prefixlen,
            # An autoscaler takes pods away after so long without need of them, by default 5 minutes.
            "horizontal-pod-autoscaler-downscale-stabilization": "1m",
            # It makes this folder, by default in /usr.
            "flex-volume-plugin-dir": instance.directory / "volume-plugins",
        }
    )


def _scheduler(instance: Instance, url: str) -> Iterator[str]:
    return _flags(_client(kubeconfigs.path_of(instance, SCHEDULER), url, instance.ports.scheduler))


def _client(kubeconfig: Path, url: str, port: int) -> dict[str, object]:
    return {
        "kubeconfig": kubeconfig,
        "master": url,  # also in the kubeconfig; here, so that a change of it is a change of the command line
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "secure-port": port,
        "leader-elect": "false",
        "kube-api-qps": 200,
        "kube-api-burst": 400,
    }
