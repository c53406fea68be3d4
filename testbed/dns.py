"""CoreDNS, as a process of the host.

It needs no image, it is there before the first pod, and it forwards to whatever resolver the host uses, one
on the host's loopback included. Pods reach it through the Service `kube-dns`, whose EndpointSlice
(templates/coredns.yaml) names the host's end of the cable.
"""

from http import HTTPStatus

from testbed import apiclient, certificates, kubeconfigs
from testbed.components import Component
from testbed.gobuild import Programs
from testbed.settings import Instance
from testbed.templates import fill


def planned(instance: Instance, programs: Programs) -> Component:
    return Component("coredns", (str(programs.coredns), "-conf", f"{instance.config}/Corefile"))


def write_configuration(instance: Instance) -> None:
    ports = instance.ports
    corefile = fill(
        "Corefile",
        address=instance.host_address,
        port=ports.dns,
        health_port=ports.dns_health,
        ready_port=ports.dns_ready,
        kubeconfig=kubeconfigs.path_of(instance, certificates.COREDNS),
    )
    (instance.config / "Corefile").write_text(corefile)


def is_ready(instance: Instance) -> bool:
    """Whether CoreDNS has read the cluster's Services and answers."""
    address = str(instance.host_address)
    return apiclient.plain_get(address, instance.ports.dns_ready, "/ready") == HTTPStatus.OK
