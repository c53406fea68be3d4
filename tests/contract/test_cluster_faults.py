"""What becomes of an API server's refusals, and of answers that are none: each ends as one known error.

A small HTTP server says what a real one says when it is overloaded, restarts or has forgotten a list.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

from pintle import errors
from pintle.adapters import kube_http
from pintle.adapters.cluster import KubernetesCluster
from pintle.domain.resources import CONFIG_MAPS, MODEL_RUNTIMES
from tests.support.ports import free_port

Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Answers every request with `answer`, and keeps what was asked."""

    def __init__(self) -> None:
        self.answer: Answer = status(200, {})
        self.asked: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.ended = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.bodies.append(await request.read())
        return await self.answer(request)

    async def silent(self, _: web.Request) -> web.StreamResponse:
        await self.ended.wait()
        return web.Response()


def status(code: int, body: dict[str, Any], **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=code, headers=headers)

    return answer


def text(code: int, body: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text=body)

    return answer


async def broken_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"metadata"')
    transport = request.transport
    assert transport
    transport.close()
    return response


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield server, f"http://127.0.0.1:{runner.addresses[0][1]}"
    server.ended.set()
    await runner.cleanup()


@pytest.fixture
async def seen() -> list[tuple[str, str]]:
    return []


@pytest.fixture
async def cluster(
    server: tuple[Server, str], seen: list[tuple[str, str]]
) -> AsyncIterator[KubernetesCluster]:
    configuration = Configuration(host=server[1])
    configuration.api_key["BearerToken"] = "bearer secret"
    made = KubernetesCluster(configuration, observe=lambda *request: seen.append(request))
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("answer", "kind", "after"),
    [
        (status(409, {"reason": "AlreadyExists"}), errors.AlreadyExists, None),
        (status(409, {"reason": "Conflict"}), errors.Conflict, None),
        (status(404, {"reason": "NotFound"}), errors.NotFound, None),
        (status(403, {"reason": "Forbidden"}), errors.Forbidden, None),
        (status(400, {"reason": "BadRequest"}), errors.Invalid, None),
        (status(413, {}), errors.Invalid, None),
        (
            status(422, {"reason": "Invalid", "details": {"causes": [{"field": "spec"}]}}),
            errors.Invalid,
            None,
        ),
        (
            status(422, {"reason": "Invalid", "details": {"causes": [{"field": "metadata.uid"}]}}),
            errors.Conflict,
            None,
        ),
        (status(429, {}, **{"Retry-After": "3"}), errors.Unavailable, 3),
        (status(429, {"details": {"retryAfterSeconds": 2}}), errors.Unavailable, 2),
        (status(503, {}, **{"Retry-After": "Mon, 01 Jan 2026 00:00:00 GMT"}), errors.Unavailable, None),
        (status(500, {}), errors.Unavailable, None),
        (status(504, {"reason": "Timeout"}), errors.Unavailable, None),
        (status(401, {"reason": "Unauthorized"}), errors.Unavailable, None),
        (text(502, "<html>bad gateway</html>"), errors.Unavailable, None),
        (text(200, "<html>a proxy</html>"), errors.Unavailable, None),
        (text(200, "[]"), errors.Unavailable, None),
        (text(302, ""), errors.Unavailable, None),
        (broken_off, errors.Unavailable, None),
    ],
)
async def test_every_refusal_is_one_known_error(
    server: tuple[Server, str],
    cluster: KubernetesCluster,
    answer: Answer,
    kind: type[errors.ClusterError],
    after: float | None,
) -> None:
    server[0].answer = answer
    with pytest.raises(errors.ClusterError) as caught:
        await cluster.patch(CONFIG_MAPS, "ml", "iris", {"data": {}})
    assert type(caught.value) is kind
    assert getattr(caught.value, "after", None) == after
    assert "/api/v1/namespaces/ml/configmaps/iris" in caught.value.message
    assert "secret" not in str(caught.value)


async def test_silence_ends(
    server: tuple[Server, str], cluster: KubernetesCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube_http, "REQUEST_SECONDS", 0.2)
    server[0].answer = server[0].silent
    with pytest.raises(errors.Unavailable, match="TimeoutError"):
        await cluster.get(CONFIG_MAPS, "ml", "iris")


async def test_an_api_server_that_is_not_there_is_unavailable() -> None:
    cluster = KubernetesCluster(Configuration(host=f"http://127.0.0.1:{free_port()}"))
    try:
        with pytest.raises(errors.Unavailable, match="no answer"):
            await cluster.get(CONFIG_MAPS, "ml", "iris")
    finally:
        await cluster.close()


async def test_a_list_that_expires_starts_anew(
    server: tuple[Server, str], cluster: KubernetesCluster
) -> None:
    page = {"metadata": {"continue": "t"}, "items": [{"metadata": {"name": "a"}}]}
    last = {"metadata": {}, "items": [{"metadata": {"name": "b"}}]}
    answers = iter(
        [status(200, page), status(410, {"reason": "Expired"}), status(200, page), status(200, last)]
    )

    async def answer(request: web.Request) -> web.StreamResponse:
        return await next(answers)(request)

    server[0].answer = answer
    names = [
        item["metadata"]["name"]
        async for items in cluster.pages(CONFIG_MAPS, labels="a=b", size=1)
        for item in items
    ]
    assert names == ["a", "a", "b"]
    queries = [dict(request.query) for request in server[0].asked]
    assert [query.get("continue") for query in queries] == [None, "t", None, "t"]
    assert all(query["limit"] == "1" and query["labelSelector"] == "a=b" for query in queries)


async def test_a_list_that_expires_for_ever_ends(
    server: tuple[Server, str], cluster: KubernetesCluster
) -> None:
    server[0].answer = status(410, {"reason": "Expired"})
    with pytest.raises(errors.Unavailable):
        _ = [page async for page in cluster.pages(CONFIG_MAPS)]
    assert len(server[0].asked) == 3


async def test_lists_are_confined_to_the_namespaces_given(server: tuple[Server, str]) -> None:
    cluster = KubernetesCluster(Configuration(host=server[1]), namespaces=("ml", "web"))
    try:
        for resource in (CONFIG_MAPS, MODEL_RUNTIMES):
            _ = [page async for page in cluster.pages(resource)]
    finally:
        await cluster.close()
    assert [request.path for request in server[0].asked] == [
        "/api/v1/namespaces/ml/configmaps",
        "/api/v1/namespaces/web/configmaps",
        "/apis/pintle.dev/v1alpha1/modelruntimes",
    ]


async def test_requests_say_who_asks_and_are_counted(
    server: tuple[Server, str], cluster: KubernetesCluster, seen: list[tuple[str, str]]
) -> None:
    await cluster.create(CONFIG_MAPS, "ml", {"metadata": {"name": "iris"}, "data": {"uri": "a&b <c>"}})
    request = server[0].asked[0]
    assert request.headers["User-Agent"] == "pintle-operator"
    assert request.headers["Authorization"] == "bearer secret"
    assert request.query["fieldManager"] == "pintle"
    assert b"a\\u0026b \\u003cc\\u003e" in server[0].bodies[0]
    server[0].answer = status(503, {})
    with pytest.raises(errors.Unavailable):
        _ = [page async for page in cluster.pages(CONFIG_MAPS)]
    assert seen == [("create", "200"), ("list", "503")]
