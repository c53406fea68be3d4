"""Kubeconfig files of the cluster's own clients."""

import base64
from pathlib import Path
from typing import Any

import yaml

from testbed.certificates import ADMIN, IDENTITIES, Identity
from testbed.settings import Instance


def path_of(instance: Instance, identity: Identity) -> Path:
    return instance.kubeconfig if identity == ADMIN else instance.config / f"{identity.name}.kubeconfig"


def write(instance: Instance, server: str) -> None:
    """Writes one kubeconfig for each identity; the certificates exist already."""
    for identity in IDENTITIES:
        path = path_of(instance, identity)
        content = yaml.safe_dump(_kubeconfig(instance, identity, server))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        if path.read_text() != content:
            path.write_text(content)


def _kubeconfig(instance: Instance, identity: Identity, server: str) -> dict[str, Any]:
    name = instance.name
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": identity.name}}],
        "clusters": [
            {
                "name": name,
                "cluster": {"server": server, "certificate-authority-data": _data(instance.pki / "ca.crt")},
            }
        ],
        "users": [
            {
                "name": identity.name,
                "user": {
                    "client-certificate-data": _data(instance.pki / f"{identity.name}.crt"),
                    "client-key-data": _data(instance.pki / f"{identity.name}.key"),
                },
            }
        ],
    }


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
