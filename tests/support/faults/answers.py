"""What a client gets where something between it and the API server goes wrong."""

from dataclasses import dataclass

import aiohttp
import orjson
from aiohttp import web

from tests.support.faults.rules import STATUSES, Effect

_HOP_BY_HOP = {"connection", "transfer-encoding", "content-encoding", "content-length", "host"}
RETRY_AFTER = "1"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def spoilt(request: web.Request, effect: Effect, answer: Answer) -> web.StreamResponse:
    """The answer as the client gets it where something between spoils it."""
    half = answer.body[: len(answer.body) // 2]
    if effect is Effect.CUT:
        return web.Response(body=half, status=answer.status, headers=answer.headers)
    if effect is Effect.GARBLED:
        return web.Response(body=b"\x00garbled" + half, status=answer.status, headers=answer.headers)
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(half)
    return hang_up(request)


def hang_up(request: web.Request) -> web.Response:
    """Close the connection as it is; the answer given here goes nowhere."""
    if request.transport:
        request.transport.abort()
    return web.Response(status=502)


def status(code: int) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": "injected"}
    headers = {"Retry-After": RETRY_AFTER} if code == STATUSES[Effect.THROTTLED] else {}
    return web.json_response(body, status=code, headers=headers)


def error_event(code: int) -> bytes:
    status = {"kind": "Status", "status": "Failure", "code": code, "message": "injected"}
    return orjson.dumps({"type": "ERROR", "object": status}) + b"\n"


def end_to_end(headers: "aiohttp.typedefs.LooseHeaders") -> dict[str, str]:
    return {k: v for k, v in dict(headers).items() if k.lower() not in _HOP_BY_HOP}
