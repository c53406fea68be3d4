"""Servers that do not behave, on loopback, and the question that tests ask them."""

import asyncio
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from socket import AF_INET, IPPROTO_TCP, SOCK_STREAM
from typing import Any, TypeAlias

import orjson
import pytest

from pintle.adapters.addresses import LOOPBACK, AddressRules
from pintle.adapters.registry import MlflowRegistry
from pintle.adapters.registry_http import Limits
from pintle.errors import PintleError
from pintle.ports import Credentials, Endpoint

ALLOWED = AddressRules.parse(allowed=LOOPBACK)
# Time enough on a machine under load: tests of the limits themselves set their own.
LIMITS = Limits(connect_seconds=30, total_seconds=30, body_bytes=64 * 1024)
# Planted in requests and in answers; it must come out nowhere.
PASSWORD, TOKEN, INSIDE = "planted-password", "planted-token", "planted-body"
CREDENTIALS = Credentials("planted-user", PASSWORD, TOKEN)

Talk: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """What a server of a test has seen."""

    def __init__(self) -> None:
        self.uri = ""
        self.port = 0
        self.requests: list[str] = []  # the head of each, as it came in
        self.sent = 0
        self.left = asyncio.Event()  # a client has gone away

    @property
    def connections(self) -> int:
        return len(self.requests)


@asynccontextmanager
async def serve(
    talk: Talk | bytes, tls: ssl.SSLContext | None = None, *, ending: bytes = b"\r\n\r\n"
) -> AsyncIterator[Server]:
    """Answer each connection with these bytes, or by `talk`, once the request's head has been read.

    With an empty `ending`, after the first bytes whatever they are.
    """
    server = Server()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(ending) if ending else await reader.read(1024)
            server.requests.append(head.decode("latin-1"))
            if isinstance(talk, bytes):
                writer.write(talk)
                await writer.drain()
            else:
                await talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            server.left.set()
            writer.transport.abort() if writer.is_closing() else writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    server.uri = f"{'https' if tls else 'http'}://127.0.0.1:{server.port}"
    try:
        yield server
    finally:
        listening.close()


def http(status: int, body: bytes | str = b"", *, kind: str = "application/json", **headers: str) -> bytes:
    """A whole answer; `Set_Cookie=` is the header Set-Cookie."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Status", f"Content-Type: {kind}", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + content


def on_loopback(_: str, *__: object, **___: object) -> list[tuple[Any, ...]]:
    """As `getaddrinfo`, for a name server that has every name on loopback."""
    return [(AF_INET, SOCK_STREAM, IPPROTO_TCP, "", ("127.0.0.1", 0))]


def found(version: object = "1", **fields: object) -> bytes:
    """An answer that a version can be read from."""
    held = {"name": "iris", "version": version, "source": "s3://b/1", "creation_timestamp": 1} | fields
    return orjson.dumps({"model_version": held, "artifact_uri": "s3://b/1"})


async def failure(registry: MlflowRegistry, uri: str, **endpoint: Any) -> PintleError:  # noqa: ANN401 - fields of Endpoint
    """How the question for iris 1 fails; a planted word in the error or its traceback fails the test."""
    asked = Endpoint(uri, **{"credentials": CREDENTIALS, **endpoint})
    with pytest.raises(PintleError) as caught:
        await registry.version(asked, "iris", "1")
    shown = (
        "".join(traceback.format_exception(caught.value)) + repr(replace(asked, uri="")) + repr(caught.value)
    )
    assert "planted" not in shown
    assert len(caught.value.message) < 500
    return caught.value
