"""Host names to addresses, so that a name server that hangs holds up nobody else.

`getaddrinfo` cannot be cancelled and may take half a minute. On the event loop's few default
threads, a handful of names that hang would stop every other lookup of the process, that of the
API server among them.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

GetAddrInfo: TypeAlias = Callable[..., list[tuple[Any, ...]]]

_THREADS = 64
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Lookups(AbstractResolver):
    """Has threads of its own, and takes one for each name, however many ask for it."""

    def __init__(self, lookup: GetAddrInfo) -> None:
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="registry-lookup")
        self._running: dict[str, asyncio.Future[list[tuple[Any, ...]]]] = {}

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of a name. Raises OSError where it has none."""
        # Shielded: one who gives up waiting must not take the answer from the others.
        try:
            infos = await asyncio.shield(self._running.get(host) or self._start(host))
        except UnicodeError as error:  # a name with an empty or an overlong part
            raise OSError(f"{host} is not a host name") from error
        return [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=port,
                family=found,
                proto=protocol,
                flags=_NUMERIC,
            )
            for found, _, protocol, _, address in infos
            if family in (socket.AF_UNSPEC, found)
        ]

    @override
    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _start(self, host: str) -> asyncio.Future[list[tuple[Any, ...]]]:
        ask = partial(self._lookup, host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        running = asyncio.get_running_loop().run_in_executor(self._threads, ask)
        self._running[host] = running
        running.add_done_callback(partial(self._ended, host))
        return running

    def _ended(self, host: str, running: asyncio.Future[list[tuple[Any, ...]]]) -> None:
        del self._running[host]
        if not running.cancelled():
            running.exception()  # seen, even if all who waited have given up
