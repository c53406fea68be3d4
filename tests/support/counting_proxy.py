"""Counts the requests to an HTTP server at its door, and otherwise changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.support.pumping import pump


class Counted:
    """Requests without a body, as they came in: `GET /path?query`. `uri` is where to ask."""

    def __init__(self) -> None:
        self.uri = ""
        self.requests: list[str] = []

    def paths(self) -> list[str]:
        """The last part of each path: `search`, `get`."""
        return [request.split()[1].partition("?")[0].rpartition("/")[2] for request in self.requests]


@asynccontextmanager
async def counting(host: str, port: int) -> AsyncIterator[Counted]:
    """Stand before a server on a port of loopback."""
    counted = Counted()

    async def take_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                counted.requests.append(head.split(b" HTTP/", 1)[0].decode("latin-1"))
                writer.write(head)
                await writer.drain()
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, asks = await asyncio.open_connection(host, port)
        await asyncio.gather(take_in(reader, asks), pump(answers, writer))

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    counted.uri = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield counted
    finally:
        listening.close()
