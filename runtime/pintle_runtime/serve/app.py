"""The HTTP side as plain ASGI: routes, the headers of every answer, and what is said before `ready`."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import string
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from pintle_runtime import __version__
from pintle_runtime.serve import cpus
from pintle_runtime.serve.metrics import Metrics

if TYPE_CHECKING:
    from pintle_runtime.serve.role import Role
    from pintle_runtime.serve.state import State

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
TOO_LARGE = 413  # its name in HTTPStatus differs between the versions of Python
CLIENT_CLOSED_REQUEST = 499  # nginx's; counted, never sent
MAX_BODY_BYTES = int(os.environ.get("PINTLE_MAX_REQUEST_BYTES", str(100 << 20)))
# MLflow's own setting for its server, with its default.
TIMEOUT_SECONDS = float(os.environ.get("MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT", "60"))


class Scoring(Protocol):
    """What answers predictions; see `scoring.Scoring`, whose module imports all of MLflow."""

    def respond(self, body: bytes, content_type: str) -> Answer: ...


class Answer(Protocol):
    @property
    def status(self) -> int: ...
    @property
    def media_type(self) -> str: ...
    @property
    def body(self) -> bytes: ...


class TooLarge(Exception):
    """The request's body is over the limit."""


class ClientGone(Exception):
    """The client closed the connection in the middle of its request."""


class Application:
    """The ASGI application of one revision."""

    def __init__(self, *, model: str, version: str, revision: str, state: State, role: Role) -> None:
        self.scoring: Scoring | None = None
        self.versions: dict[str, str] = {"pintle-runtime": __version__, "python": platform.python_version()}
        self.metrics = Metrics(model=model, version=version, revision=revision)
        self._state, self._role = state, role
        self._identity = [
            (b"pintle-model", _header(f"{model}/{version}")),
            (b"pintle-revision", _header(revision)),
        ]
        # As many threads as MLflow's server has, on a machine of that size.
        self._threads = ThreadPoolExecutor(min(32, cpus.available() + 4), thread_name_prefix="predict")
        self._routes: dict[str, tuple[str, Callable[[], tuple[int, str, bytes]]]] = {
            "/readyz": ("GET", self._readyz),
            "/livez": ("GET", lambda: (HTTPStatus.OK, JSON, b'{"status": "alive"}')),
            "/ping": ("GET", self._ping),
            "/health": ("GET", self._ping),
            "/version": ("GET", lambda: (HTTPStatus.OK, JSON, json.dumps(self.versions).encode())),
            "/metrics": ("GET", lambda: (HTTPStatus.OK, Metrics.media_type, self.metrics.text())),
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        if path == "/invocations" and method == "POST":
            await self._invocations(scope, receive, send)
            return
        allowed, route = self._routes.get(path, ("POST" if path == "/invocations" else "", None))
        if route is not None and (method == allowed or (method == "HEAD" and allowed == "GET")):
            await self._send(send, *route())
        elif allowed:
            await self._send(send, HTTPStatus.METHOD_NOT_ALLOWED, TEXT, b"", [(b"allow", allowed.encode())])
        else:
            await self._send(send, HTTPStatus.NOT_FOUND, TEXT, b"not found\n")

    async def _invocations(self, scope: Message, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        code = HTTPStatus.INTERNAL_SERVER_ERROR.value
        self.metrics.began()
        try:
            code, media_type, body = await self._predict(scope, receive)
            await self._send(send, code, media_type, body)
        except ClientGone:
            code = CLIENT_CLOSED_REQUEST
        finally:
            self.metrics.ended(code, time.perf_counter() - began)

    async def _predict(self, scope: Message, receive: Receive) -> tuple[int, str, bytes]:
        scoring = self.scoring
        if scoring is None or not self._state.ready:
            return (
                HTTPStatus.SERVICE_UNAVAILABLE,
                JSON,
                _failure(f"the model is not ready: {self._state.doing}"),
            )
        try:
            body = await _read(receive)
        except TooLarge:
            return TOO_LARGE, JSON, _failure(f"the request is over {MAX_BODY_BYTES} bytes")
        content_type = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, scoring.respond, body, content_type.decode("latin-1")
        )
        try:
            answer = await asyncio.wait_for(work, TIMEOUT_SECONDS)
        except TimeoutError:
            return HTTPStatus.GATEWAY_TIMEOUT, JSON, b"Request processing time exceeded limit"
        return answer.status, answer.media_type, answer.body

    def _readyz(self) -> tuple[int, str, bytes]:
        ready = self._state.ready and not self._state.draining
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return status, JSON, json.dumps({"ready": ready, "doing": self._state.doing}).encode()

    def _ping(self) -> tuple[int, str, bytes]:
        """MLflow's server refuses connections until its model is loaded; this one says so."""
        return (HTTPStatus.OK if self._state.ready else HTTPStatus.SERVICE_UNAVAILABLE), JSON, b"\n"

    async def _send(
        self,
        send: Send,
        status: int,
        media_type: str,
        body: bytes,
        more: list[tuple[bytes, bytes]] | None = None,
    ) -> None:
        headers = [
            (b"content-type", media_type.encode()),
            (b"content-length", str(len(body)).encode()),
            *self._identity,
            *(more or ()),
        ]
        # A pooled client moves to the pod that serves now with its next request.
        if self._state.draining or self._role.is_standby():
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": int(status), "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise TooLarge
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _failure(message: str) -> bytes:
    return json.dumps({"error_code": "TEMPORARILY_UNAVAILABLE", "message": message}).encode()


def _header(value: str) -> bytes:
    """ASCII, with everything else percent-encoded: model names may hold any letters."""
    return quote(value, safe=string.punctuation.replace("%", "") + " ").encode()
