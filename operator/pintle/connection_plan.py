"""What follows from a RegistryConnection and what its Secret, its CA and its registry say. Pure.

No confused deputy: who may make a RegistryConnection need not be allowed to read Secrets. A Secret is
used only if its type says that it is meant for this, and of a ConfigMap only certificates are copied.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pintle.api import CLUSTER_KIND, GROUP, VERSION, RegistryConnection
from pintle.conditions import Condition, Reason, Type, kstatus, render
from pintle.errors import ClusterError, Forbidden
from pintle.naming import (
    CREDENTIALS_TYPE,
    LABEL_CLUSTER_REGISTRY,
    LABEL_MANAGED_BY,
    LABEL_REGISTRY,
    MANAGER,
    registry_config_name,
)
from pintle.ports import Credentials, Endpoint, Json

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a connection cannot be used: a reason of `Ready`, and its message."""

    reason: Reason
    message: str


def endpoint(
    connection: RegistryConnection, credentials: Credentials | Problem, ca: str | Problem
) -> Endpoint | Problem:
    """How the registry is reached, or what stands in the way."""
    if not connection.allowed:
        return Problem(
            Reason.REGISTRY_FORBIDDEN,
            f"ClusterRegistryConnection {connection.cluster} does not allow namespace "
            f"{connection.namespace}: have the namespace's labels meet spec.allowedNamespaces there, "
            f"or name another connection in spec.registryRef",
        )
    for each in (credentials, ca):
        if isinstance(each, Problem):
            return each
    assert isinstance(credentials, Credentials) and isinstance(ca, str)  # noqa: S101, PT018 - for mypy
    spec = connection.spec
    return Endpoint(spec.uri.rstrip("/"), ca, credentials, poll_seconds=spec.poll_seconds)


def credentials(
    connection: RegistryConnection, secret: Json | ClusterError | None, *, account: str
) -> Credentials | Problem:
    """Take the credentials out of a Secret as it was read, or say why they cannot be used.

    Args:
        connection: whose they are.
        secret: the Secret, or why it cannot be read; None where none is named.
        account: the operator's ServiceAccount, as `namespace:name`.
    """
    if secret is None:
        return Credentials()
    where = f"Secret {_secret_name(connection)} in namespace {connection.namespace}"
    if isinstance(secret, ClusterError):
        return Problem(Reason.CREDENTIALS_FORBIDDEN, _unreadable(connection, secret, where, account))
    if secret.get("type") != CREDENTIALS_TYPE:
        return Problem(
            Reason.CREDENTIALS_FORBIDDEN,
            f"{where} has the type {secret.get('type')} and is used only if that is {CREDENTIALS_TYPE}: "
            f"delete it and create it with this type (a type cannot be changed)",
        )
    try:
        username, password, token = (_value(secret, key) for key in ("username", "password", "token"))
    except ValueError:
        return Problem(
            Reason.CREDENTIALS_FORBIDDEN, f"{where} holds a username, password or token that is no text"
        )
    if username is not None and password is not None:
        return Credentials(username, password)
    if token is None and (username, password) != (None, None):
        lacking = "password" if password is None else "username"
        return Problem(Reason.CREDENTIALS_FORBIDDEN, f"{where} has no key {lacking}: add it, or use a token")
    return Credentials(token=token or "")


def authorities(connection: RegistryConnection, config: Json | ClusterError | None) -> str | Problem:
    """Take the certificates out of what `spec.caBundle` names or holds; "" where there is none."""
    if connection.certificates:
        found = _CERTIFICATE.findall(connection.certificates)
        if not found:
            return Problem(Reason.INVALID_SPEC, "spec.caBundle holds no certificate in PEM form")
        return "\n".join(found) + "\n"
    if connection.spec.ca_bundle is None:
        return ""
    ref = connection.spec.ca_bundle.config_map_ref
    where = f"ConfigMap {ref.name} in namespace {connection.namespace}"
    if config is None or isinstance(config, ClusterError):
        cause = f": {config.message}" if config else ""
        return Problem(Reason.INVALID_SPEC, f"{where}, which spec.caBundle names, cannot be read{cause}")
    text = (config.get("data") or {}).get(ref.key)
    if text is None:
        return Problem(Reason.INVALID_SPEC, f"{where} has no key {ref.key}, which spec.caBundle names")
    found = _CERTIFICATE.findall(text)
    if not found:
        return Problem(Reason.INVALID_SPEC, f"key {ref.key} of {where} holds no certificate in PEM form")
    return "\n".join(found) + "\n"


def config_map(connection: RegistryConnection, ca: str) -> dict[str, Any]:
    """Build what pods mount to reach the registry today. Never a secret: everybody may read it."""
    data = {"uri": connection.spec.uri} | ({"ca.crt": ca} if ca else {})
    label = {LABEL_CLUSTER_REGISTRY: connection.cluster} if connection.cluster else {}
    kind = CLUSTER_KIND if connection.cluster else "RegistryConnection"
    return {
        "metadata": {
            "name": registry_config_name(connection.name),
            "namespace": connection.namespace,
            "labels": {LABEL_MANAGED_BY: MANAGER} | (label or {LABEL_REGISTRY: connection.name}),
            "ownerReferences": [
                {
                    "apiVersion": f"{GROUP}/{VERSION}",
                    "kind": kind,
                    "name": connection.cluster or connection.name,
                    "uid": connection.uid,
                    "controller": True,
                }
            ],
        },
        "data": data,
    }


def repair(held: Json, wanted: Json) -> dict[str, Any] | None:
    """Give the merge patch that makes a ConfigMap what it should be, or None. What others added stays."""
    labels = _difference(held["metadata"].get("labels") or {}, wanted["metadata"]["labels"])
    unset = {"ca.crt": None} if "ca.crt" not in wanted["data"] else {}
    data = _difference(held.get("data") or {}, wanted["data"] | unset)
    if not labels and not data:
        return None
    metadata = {key: held["metadata"][key] for key in ("uid", "resourceVersion")}
    return {
        "metadata": metadata | ({"labels": labels} if labels else {}),
        **({"data": data} if data else {}),
    }


def status(connection: RegistryConnection, outcome: str | Problem, now: datetime) -> dict[str, Any] | None:
    """Give the merge patch of the status, or None where it says that already.

    `outcome` is the registry's version ("" if it does not say), or why it cannot be used.
    """
    version = "" if isinstance(outcome, Problem) else outcome
    if isinstance(outcome, Problem):
        ready = Condition(Type.READY, False, outcome.reason, outcome.message)
        others = kstatus(outcome.reason, outcome.message)
    else:
        server = f"MLflow {version}" if version else "the registry"
        ready, others = Condition(Type.READY, True, Reason.CONNECTED, f"{server} answers"), ()
    held = connection.status
    before = [c for c in held.get("conditions") or () if isinstance(c, Mapping)]
    wanted = {
        "observedGeneration": connection.generation,
        "serverVersion": version or None,
        "conditions": render((ready, *others), before, generation=connection.generation, now=now),
    }
    changed = {key: value for key, value in wanted.items() if held.get(key) != value}
    if not changed:
        return None
    metadata = {"uid": connection.uid, "resourceVersion": connection.resource_version}
    return {"metadata": metadata, "status": changed}


def _difference(held: Json, wanted: Json) -> dict[str, Any]:
    return {key: value for key, value in wanted.items() if held.get(key) != value}


def _value(secret: Json, key: str) -> str | None:
    """One key of a Secret; files made by hand end with a line break that no password has."""
    encoded = (secret.get("data") or {}).get(key)
    if encoded is None:
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode().rstrip("\r\n")
    except binascii.Error as error:
        raise ValueError(key) from error


def _secret_name(connection: RegistryConnection) -> str:
    return connection.spec.secret_ref.name if connection.spec.secret_ref else ""


def _unreadable(connection: RegistryConnection, error: ClusterError, where: str, account: str) -> str:
    """Say why a Secret cannot be read, with the very command that helps."""
    name, kubectl = _secret_name(connection), f"kubectl -n {connection.namespace} create"
    if not isinstance(error, Forbidden):
        return (
            f"{where} does not exist: {kubectl} secret generic {name} --type={CREDENTIALS_TYPE} "
            f"--from-literal=username=... --from-literal=password=..."
        )
    role = f"pintle-reads-{name}"
    return (
        f"the operator may not read {where}: "
        f"{kubectl} role {role} --verb=get --resource=secrets --resource-name={name} && "
        f"{kubectl} rolebinding {role} --role={role} --serviceaccount={account}"
    )
