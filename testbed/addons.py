"""Objects that the test bed itself puts into a cluster: DNS, and the CA bundle of this machine."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from testbed.commands import run
from testbed.errors import TestbedError
from testbed.gobuild import Programs
from testbed.settings import Instance
from testbed.templates import fill

_DEBIAN_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def ca_bundle(environ: Mapping[str, str] = os.environ) -> Path:
    """The file of CA certificates that this machine trusts: SSL_CERT_FILE, else Debian's.

    Raises:
        TestbedError: there is none.
    """
    bundle = Path(environ.get("SSL_CERT_FILE") or _DEBIAN_BUNDLE)
    if not bundle.is_file():
        raise TestbedError(f"there is no CA bundle at {bundle}: install ca-certificates, or set SSL_CERT_FILE")
    return bundle


def manifest(instance: Instance, bundle: str) -> str:
    """The objects as YAML; `bundle` is the text of the CA bundle."""
    return fill(
        "addons.yaml",
        dns_address=instance.dns_service_address,
        dns_port=instance.ports.dns,
        host_address=instance.host_address,
        ca_bundle=json.dumps(bundle),  # a JSON string is a YAML string
    )


def apply(instance: Instance, programs: Programs) -> None:
    """Creates the objects, or brings them back to what they should be."""
    # Server-side, because the CA bundle is larger than the annotation in which `kubectl apply` keeps a copy.
    arguments = ["apply", "--server-side", "--force-conflicts", "--field-manager=testbed", "--filename=-"]
    kubectl = [str(programs.kube), "kubectl", f"--kubeconfig={instance.kubeconfig}"]
    run([*kubectl, *arguments], stdin=manifest(instance, ca_bundle().read_text()))
