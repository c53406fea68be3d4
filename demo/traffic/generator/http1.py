"""As little of an HTTP/1.1 client as predictions need: asyncio's own streams cost four times as much."""

import asyncio
from dataclasses import dataclass

from typing_extensions import override

MAX_ANSWER = 16 << 20


class BadAnswerError(Exception):
    """What came back is no HTTP answer with a length."""


@dataclass(frozen=True)
class Answer:
    """Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def request_bytes(host: str, path: str, body: str, *, keep_alive: bool) -> bytes:
    """A POST of JSON, or a GET where there is no body."""
    content = body.encode()
    lines = [
        f"{'POST' if body else 'GET'} {path} HTTP/1.1",
        f"host: {host}",
        f"connection: {'keep-alive' if keep_alive else 'close'}",
    ]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def parse(buffer: bytes) -> Answer | None:
    """The answer that `buffer` holds, or None while some of it is still to come.

    Raises:
        BadAnswerError: it never will be an answer.
    """
    head, separator, rest = buffer.partition(b"\r\n\r\n")
    if not separator:
        if len(buffer) > MAX_ANSWER:
            raise BadAnswerError("headers without an end")
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    try:
        status, length = int(first.split(" ", 2)[1]), int(headers["content-length"])
    except (ValueError, IndexError, KeyError):
        raise BadAnswerError(f"no status or no length in {head[:200]!r}") from None
    if length > MAX_ANSWER:
        raise BadAnswerError(f"an answer of {length} bytes")
    return Answer(status, headers, rest[:length]) if len(rest) >= length else None


class Connection(asyncio.Protocol):
    """One TCP connection, with one request on it at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answer: asyncio.Future[Answer] | None = None
        self._closed = False
        self._fresh = True

    @property
    def reusable(self) -> bool:
        return not self._closed and not self._buffer

    async def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            OSError: the connection broke, or was closed before the whole answer was there.
            BadAnswerError: the answer is none.
        """
        if self._transport is None or self._closed:
            raise ConnectionResetError("closed before the request was sent")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answer
        finally:
            self._fresh = False

    def close(self) -> None:
        self._closed = True
        if self._transport is not None:
            self._transport.abort()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of TCP it is a Transport

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._answer is None or self._answer.done():
            return
        try:
            answer = parse(bytes(self._buffer))
        except BadAnswerError as error:
            self._answer.set_exception(error)
            return
        if answer is not None:
            self._buffer.clear()
            self._closed = self._closed or answer.headers.get("connection", "").lower() == "close"
            self._answer.set_result(answer)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if self._answer is not None and not self._answer.done():
            when = "before its answer" if self._fresh else "in which an earlier request had been answered"
            self._answer.set_exception(
                exc or ConnectionResetError(f"the server closed the connection {when}")
            )
