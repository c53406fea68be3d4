"""/healthz, /readyz and /metrics over HTTP."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeAlias

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


class Verdict(NamedTuple):
    """What a check found: `text` says what is so, and in what state, for whoever reads the probe."""

    ok: bool
    text: str


Check: TypeAlias = Callable[[], Verdict]


class ProbeServer:
    """Answers probes and scrapes; checks are made when asked for, in the loop that the work is done in."""

    def __init__(
        self, *, health: Sequence[Check], readiness: Sequence[Check], metrics: CollectorRegistry
    ) -> None:
        self._metrics = metrics
        app = web.Application()
        app.router.add_get("/healthz", _probe(health))
        app.router.add_get("/readyz", _probe(readiness))
        app.router.add_get("/metrics", self._scrape)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)

    async def start(self, port: int, *, host: str | None = None) -> None:
        """Listen on all addresses, or on one. Raises OSError if the port is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        """Stop listening; answers that are being given are given a second."""
        await self._runner.cleanup()

    async def _scrape(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._metrics), headers={"Content-Type": content_type})


def _probe(checks: Sequence[Check]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        verdicts = [check() for check in checks]
        text = "".join(f"[{'+' if ok else '-'}] {line}\n" for ok, line in verdicts)
        return web.Response(text=text, status=200 if all(ok for ok, _ in verdicts) else 503)

    return answer
