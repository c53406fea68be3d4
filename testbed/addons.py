"""Objects that the test bed itself puts into a cluster: DNS, and the CA bundle of this machine."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.commands import run
from testbed.errors import TestbedError
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
        raise TestbedError(
            f"there is no CA bundle at {bundle}: install ca-certificates, or set SSL_CERT_FILE"
        )
    return bundle


def manifest(instance: Instance) -> str:
    """What makes the process CoreDNS the cluster's DNS, as YAML."""
    return fill(
        "coredns.yaml",
        dns_address=instance.dns_service_address,
        dns_port=instance.ports.dns,
        host_address=instance.host_address,
    )


def ca_manifest(bundle: str) -> str:
    """The ConfigMap `testbed-ca` holding the text of a CA bundle, as YAML."""
    return fill("ca.yaml", ca_bundle=json.dumps(bundle))  # a JSON string is a YAML string


def apply(kubectl: Sequence[str], *manifests: str) -> None:
    """Creates the objects, or brings them back to what they should be."""
    # Server-side, because the CA bundle is larger than the annotation in which `kubectl apply` keeps a copy.
    arguments = ["apply", "--server-side", "--force-conflicts", "--field-manager=testbed", "--filename=-"]
    run([*kubectl, *arguments], stdin="---\n".join(manifests))
