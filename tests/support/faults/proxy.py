"""A proxy before a real API server: it records every request, and does to some what a test's rules say.

It speaks plain HTTP on loopback and holds the credentials, so that what connects to it needs none.
"""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import aiohttp
from aiohttp import web

from pintle.adapters.kube_http import Login
from tests.support.faults.answers import Answer, end_to_end, error_event, hang_up, spoilt, status
from tests.support.faults.record import Exchange, resource_version, target_of
from tests.support.faults.rules import EVENTS, IN_ANSWER, KILLS, STATUSES, Effect, Rule


class ApiProxy:
    """Forwards requests. `url` is where it listens; `journal` is every request, as it came in.

    `kill` ends the client, for the rules that want that; from then on nothing of it gets through, until
    `revive` says that another one has been started. Rules and counts may be changed from any thread.
    """

    def __init__(self, login: Login, kill: Callable[[], None] = lambda: None) -> None:
        self._login = login
        self._kill = kill
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._streams: dict[web.StreamResponse, str] = {}
        self._injected: dict[web.StreamResponse, asyncio.Event] = {}
        self._last_words: bytes | None = b""
        self._refusal: int | None = None
        self._rules: tuple[Rule, ...] = ()
        self._counts: Counter[Rule] = Counter()
        self._dead = False
        self._released = asyncio.Event()
        self._held: set[asyncio.Task[Answer]] = set()
        self.url = ""
        self.journal: list[Exchange] = []
        self.struck: list[tuple[Rule, Exchange]] = []

    # What a test does.

    def arm(self, *rules: Rule) -> None:
        """Have these rules beside those that there are."""
        self._rules += rules

    def disarm(self) -> None:
        """Have no rules any more, and forward what was held."""
        self._rules = ()
        self.release()

    def release(self) -> None:
        """Forward what was held."""
        for task in list(self._held):
            task.get_loop().call_soon_threadsafe(self._released.set)

    def revive(self) -> None:
        """Let requests through again: the client that was killed is gone, another one comes."""
        self._dead = False

    def requests(self, rule: Rule) -> list[Exchange]:
        """The requests so far of the kind that a rule means, oldest first."""
        return [e for e in self.journal if rule.means(e.target)]

    @property
    def watching(self) -> int:
        """How many watches are open."""
        return len(self._streams)

    @property
    def paths(self) -> list[str]:
        """What is watched."""
        return sorted(self._streams.values())

    def end_watches(self, *, error: int | None = None, words: bytes = b"") -> None:
        """End all open watches: silently, with these words, or with an ERROR event of this code."""
        self._last_words = error_event(error) if error else words
        for ended in self._injected.values():
            ended.set()

    def silence_watches(self) -> None:
        """Have all open watches stay open and say nothing any more, as where a router forgot of them."""
        self._last_words = None
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

    # How it runs.

    async def start(self) -> None:
        context = None
        if self._login.server.startswith("https"):
            context = ssl.create_default_context(cafile=self._login.ca_path)
            if self._login.certificate_path:
                context.load_cert_chain(self._login.certificate_path, self._login.key_path)
        headers = {"Authorization": f"Bearer {self._login.token}"} if self._login.token else {}
        connector = aiohttp.TCPConnector(ssl=context or True, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, headers=headers)
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=0.1,
            handler_cancellation=True,  # a watch ends when the watcher hangs up
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        self.end_watches()
        for task in self._held:
            task.cancel()
        if self._runner:
            await self._runner.cleanup()
        if self._session:
            await self._session.close()
            await asyncio.sleep(0.1)  # TLS connections close within the loop's next rounds

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self._dead:
            return hang_up(request)
        target = target_of(request.method, request.path, request.query, body)
        agent = request.headers.get("User-Agent", "")
        exchange = Exchange(
            len(self.journal), target, time.time(), agent, body, before=resource_version(body)
        )
        self.journal.append(exchange)
        try:
            if self._refusal:
                return status(self._refusal)
            exchange.effect = self._strike(exchange)
            return await self._answer(request, exchange)
        except aiohttp.ClientError:
            return hang_up(request)  # the API server itself gave no answer
        finally:
            exchange.ended = time.time()

    def _strike(self, exchange: Exchange) -> Effect | None:
        """Count the request for each rule that means it; the effect of the first one that strikes."""
        effect = None
        for rule in self._rules:
            if not rule.means(exchange.target):
                continue
            self._counts[rule] += 1
            if effect is None and rule.strikes(self._counts[rule]):
                effect = rule.effect
                self.struck.append((rule, exchange))
        return effect

    async def _answer(self, request: web.Request, exchange: Exchange) -> web.StreamResponse:
        effect = exchange.effect
        if effect in STATUSES:
            return status(STATUSES[effect])
        if effect is Effect.KILL_BEFORE:
            self._end_client()
            return hang_up(request)
        if effect is Effect.HANG:
            await asyncio.Event().wait()  # until the client gives up
        if exchange.target.verb == "watch":
            return await self._watch(request, exchange)
        answer = await self._forward(request, exchange)
        if effect in KILLS:
            self._end_client()
        if effect in KILLS or effect is Effect.LOST or self._dead:
            return hang_up(request)
        if effect in IN_ANSWER:
            return await spoilt(request, effect, answer)
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    def _end_client(self) -> None:
        self._dead = True
        self._kill()

    async def _forward(self, request: web.Request, exchange: Exchange) -> Answer:
        if exchange.effect is not Effect.HOLD:
            return await self._send(request, exchange)
        task = asyncio.create_task(self._send_late(request, exchange))
        self._held.add(task)
        task.add_done_callback(self._held.discard)
        return await asyncio.shield(task)

    async def _send_late(self, request: web.Request, exchange: Exchange) -> Answer:
        await self._released.wait()
        return await self._send(request, exchange)

    async def _send(self, request: web.Request, exchange: Exchange) -> Answer:
        async with self._open(request, exchange.body) as answer:
            content = await answer.read()
            exchange.status = answer.status
            if exchange.target.is_write:
                exchange.after = resource_version(content)
            return Answer(answer.status, end_to_end(answer.headers), content)

    def _open(self, request: web.Request, body: bytes) -> "aiohttp.client._RequestContextManager":
        assert self._session is not None, "not started"
        return self._session.request(
            request.method,
            self._login.server + request.path_qs,
            headers=end_to_end(request.headers),
            data=body or None,
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def _watch(self, request: web.Request, exchange: Exchange) -> web.StreamResponse:
        async with self._open(request, b"") as answer:
            exchange.status = answer.status
            response = web.StreamResponse(status=answer.status, headers=end_to_end(answer.headers))
            await response.prepare(request)
            match exchange.effect:
                case None:
                    await self._stream(request.path, answer, response)
                case Effect.GONE_EVENT | Effect.BROKEN_EVENT as error:
                    await response.write(error_event(EVENTS[error]))
                case Effect.GARBLED:
                    await response.write(b"<html>not JSON</html>\n")
                case Effect.CUT:
                    await response.write(b'{"type": "MODIFIED", "obj')
                case _:
                    await response.write(b'{"type": "MODIFIED", "obj')
                    hang_up(request)
            return response

    async def _stream(self, path: str, answer: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
        ended = self._injected[response] = asyncio.Event()
        self._streams[response] = path
        copying = asyncio.create_task(_copy(answer, response))
        ending = asyncio.create_task(ended.wait())
        try:
            await asyncio.wait({copying, ending}, return_when=asyncio.FIRST_COMPLETED)
            if ended.is_set() and self._last_words is None:
                copying.cancel()
                await asyncio.Event().wait()  # until the client gives up
            elif ended.is_set() and self._last_words:
                await response.write(self._last_words)
        finally:
            del self._streams[response], self._injected[response]
            for task in (copying, ending):
                task.cancel()
            await asyncio.gather(copying, ending, return_exceptions=True)


async def _copy(answer: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
    async for data in answer.content.iter_any():
        await response.write(data)
