"""The few requests that the tool itself sends to the API server, as the administrator."""

import http.client
import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from testbed.certificates import ADMIN
from testbed.settings import Instance


def get(instance: Instance, server: str, path: str, timeout: float = 2.0) -> tuple[int, bytes]:
    """Status and body of a GET; status 0 when the server does not answer."""
    address = urlsplit(server)
    connection = http.client.HTTPSConnection(
        address.hostname or "", address.port, timeout=timeout, context=_context(instance.pki)
    )
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def get_json(instance: Instance, server: str, path: str) -> dict[str, Any] | None:
    """The object at `path`; None when there is none, or no answer."""
    status, body = get(instance, server, path)
    if status != http.HTTPStatus.OK:
        return None
    parsed: dict[str, Any] = json.loads(body)
    return parsed


def plain_get(host: str, port: int, path: str, timeout: float = 1.0) -> int:
    """Status of a GET without TLS; 0 when nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _context(pki: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / f"{ADMIN.name}.crt", pki / f"{ADMIN.name}.key")
    return context
