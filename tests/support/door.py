"""A door at another address of this machine to a server on loopback, which pods do not reach."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.faults.loops import LoopThread
from tests.support.pumping import pump


@contextmanager
def opened(address: str, port: int) -> Iterator[int]:
    """Lead connections to a port of `address`, which is told, on to `port` of loopback."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, asks = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, asks), pump(answers, writer))

    loop = LoopThread()
    try:
        listening = loop.run(asyncio.start_server(connected, address, 0))
        try:
            yield listening.sockets[0].getsockname()[1]
        finally:
            loop.run(_close(listening))
    finally:
        loop.close()


async def _close(listening: asyncio.Server) -> None:
    listening.close()
