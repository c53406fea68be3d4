"""A proxy before a real API server, to which a test can do what networks and API servers do.

It speaks plain HTTP on loopback and holds the client certificate, so that what connects to it needs
no credentials.
"""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import orjson
from aiohttp import web
from aiohttp.test_utils import unused_port

from pintle.adapters.kube_http import Login

_HOP_BY_HOP = {"connection", "transfer-encoding", "content-encoding", "content-length", "host"}


class ApiProxy:
    """Forwards requests. `url` is where it listens; `watching` counts the open watches by path."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._streams: dict[web.StreamResponse, str] = {}
        self._refusal: int | None = None
        self._injected: dict[web.StreamResponse, asyncio.Event] = {}
        self._error = b""
        self.url = ""
        self.requests: list[tuple[str, str]] = []

    async def start(self) -> None:
        context = ssl.create_default_context(cafile=self._login.ca_path)
        if self._login.certificate_path:
            context.load_cert_chain(self._login.certificate_path, self._login.key_path)
        headers = {"Authorization": f"Bearer {self._login.token}"} if self._login.token else {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=0), headers=headers, auto_decompress=True
        )
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._forward)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=0.1,
            handler_cancellation=True,  # a watch ends when the watcher hangs up
        )
        await self._runner.setup()
        port = unused_port()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        self.end_watches()
        if self._runner:
            await self._runner.cleanup()
        if self._session:
            await self._session.close()
            await asyncio.sleep(0.1)  # TLS connections close within the loop's next rounds

    @property
    def watching(self) -> int:
        """How many watches are open."""
        return len(self._streams)

    @property
    def paths(self) -> list[str]:
        """What is watched."""
        return sorted(self._streams.values())

    def end_watches(self, *, error: int | None = None) -> None:
        """End all open watches: silently, or with an ERROR event of this code as their last word."""
        status = {"kind": "Status", "status": "Failure", "code": error, "message": "injected"}
        self._error = orjson.dumps({"type": "ERROR", "object": status}) + b"\n" if error else b""
        for ended in self._injected.values():
            ended.set()

    @contextmanager
    def refusing(self, status: int) -> Iterator[None]:
        """Answer everything with this status for as long as the block lasts."""
        self._refusal = status
        try:
            yield
        finally:
            self._refusal = None

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        if self._refusal:
            return web.json_response({"kind": "Status", "code": self._refusal}, status=self._refusal)
        self.requests.append((request.method, request.path_qs))
        if self._session is None:
            raise RuntimeError("not started")
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP}
        async with self._session.request(
            request.method,
            self._login.server + request.path_qs,
            headers=headers,
            data=await request.read() or None,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as answer:
            back = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP}
            if request.query.get("watch") != "true":
                return web.Response(body=await answer.read(), status=answer.status, headers=back)
            response = web.StreamResponse(status=answer.status, headers=back)
            await response.prepare(request)
            await self._stream(request.path, answer, response)
            return response

    async def _stream(self, path: str, answer: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
        ended = self._injected[response] = asyncio.Event()
        self._streams[response] = path
        copying = asyncio.create_task(_copy(answer, response))
        ending = asyncio.create_task(ended.wait())
        try:
            await asyncio.wait({copying, ending}, return_when=asyncio.FIRST_COMPLETED)
            if ended.is_set() and self._error:
                await response.write(self._error)
        finally:
            del self._streams[response], self._injected[response]
            for task in (copying, ending):
                task.cancel()
            await asyncio.gather(copying, ending, return_exceptions=True)


async def _copy(answer: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
    async for data in answer.content.iter_any():
        await response.write(data)
