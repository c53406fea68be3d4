"""The fault kit's proxy: what each rule does to a request, as the client and the API server see it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import orjson
import pytest
from aiohttp import web

from pintle.adapters.kube_http import Login
from tests.support.faults.proxy import ApiProxy
from tests.support.faults.record import target_of
from tests.support.faults.rules import Effect, Rule, Target

SERVICES = "/api/v1/namespaces/ml/services"
ANSWER = orjson.dumps({"metadata": {"name": "iris", "resourceVersion": "8", "filler": "x" * 500}})
BODY = orjson.dumps({"metadata": {"name": "iris", "resourceVersion": "7"}})


@dataclass
class World:
    """A server that counts what gets to it, behind the proxy."""

    proxy: ApiProxy
    session: aiohttp.ClientSession
    got: list[str] = field(default_factory=list)
    killed: list[int] = field(default_factory=list)

    async def patch(self, name: str = "iris", *, patience: float = 10) -> object:
        """The answer's JSON, or its status if that is an error, or the name of what went wrong."""
        try:
            url = f"{self.proxy.url}{SERVICES}/{name}"
            async with self.session.patch(url, data=BODY, timeout=aiohttp.ClientTimeout(patience)) as answer:
                return await answer.json() if answer.status < 400 else answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return type(error).__name__

    async def watch(self) -> list[bytes]:
        """The lines of a watch up to its end; the last one is b"!" where it broke off."""
        lines = []
        try:
            async with self.session.get(f"{self.proxy.url}{SERVICES}?watch=true") as answer:
                async for line in answer.content:
                    lines.append(line)  # noqa: PERF401 - those before the break count
        except aiohttp.ClientError:
            lines.append(b"!")
        return lines


@asynccontextmanager
async def raised() -> AsyncIterator[World]:
    got: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        got.append(f"{request.method} {request.path}")
        return web.Response(body=ANSWER, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    login = Login(f"http://127.0.0.1:{runner.addresses[0][1]}", None, None, None)
    killed: list[int] = []
    proxy = ApiProxy(login, lambda: killed.append(1))
    await proxy.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield World(proxy, session, got, killed)
    finally:
        await proxy.stop()
        await runner.cleanup()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with raised() as world:
        yield world


def rule(effect: Effect, ordinal: int = 1, times: int = 1) -> Rule:
    return Rule("patch", "services", effect, "iris", ordinal=ordinal, times=times)


async def test_without_a_rule_requests_pass_and_are_recorded(world: World) -> None:
    assert await world.patch() == orjson.loads(ANSWER)
    (exchange,) = world.proxy.journal
    assert exchange.target == Target("patch", "services", "ml", "iris")
    assert (exchange.status, exchange.before, exchange.after) == (200, "7", "8")
    assert len(exchange.body_hash) == 12
    assert exchange.ended >= exchange.at > 0


@pytest.mark.parametrize(
    ("effect", "seen", "forwarded"),
    [
        (Effect.KILL_BEFORE, "ServerDisconnectedError", 0),
        (Effect.KILL_AFTER, "ServerDisconnectedError", 1),
        (Effect.LOST, "ServerDisconnectedError", 1),
        (Effect.CONFLICT, 409, 0),
        (Effect.GONE, 410, 0),
        (Effect.INVALID, 422, 0),
        (Effect.THROTTLED, 429, 0),
        (Effect.BROKEN, 500, 0),
        (Effect.UNAVAILABLE, 503, 0),
        (Effect.HANG, "TimeoutError", 0),
        (Effect.RESET, "ClientPayloadError", 1),
        (Effect.CUT, "JSONDecodeError", 1),
        (Effect.GARBLED, "JSONDecodeError", 1),
    ],
)
async def test_an_effect(world: World, effect: Effect, seen: object, forwarded: int) -> None:
    world.proxy.arm(rule(effect))
    assert await world.patch(patience=0.5 if effect is Effect.HANG else 10) == seen
    assert len(world.got) == forwarded
    kills = effect in (Effect.KILL_BEFORE, Effect.KILL_AFTER)
    assert world.killed == ([1] if kills else [])
    assert [struck.effect for struck, _ in world.proxy.struck] == [effect]
    if kills:
        assert await world.patch() == "ServerDisconnectedError", "nothing of a dead client gets through"
        assert len(world.got) == forwarded
        world.proxy.revive()
    assert await world.patch() == orjson.loads(ANSWER), "it happens once"


async def test_a_rule_counts_requests_of_its_kind_alone(world: World) -> None:
    world.proxy.arm(rule(Effect.BROKEN, ordinal=2, times=2))
    assert await world.patch("fraud") == orjson.loads(ANSWER)
    assert [await world.patch() for _ in range(4)] == [
        orjson.loads(ANSWER),
        500,
        500,
        orjson.loads(ANSWER),
    ]


async def test_what_is_held_is_forwarded_when_the_client_has_gone(world: World) -> None:
    world.proxy.arm(rule(Effect.HOLD))
    assert await world.patch(patience=0.5) == "TimeoutError"
    assert world.got == []
    world.proxy.release()
    (exchange,) = world.proxy.journal
    async with asyncio.timeout(5):
        while not exchange.status:  # noqa: ASYNC110 - another task of this loop sets it, and sets no event
            await asyncio.sleep(0.01)
    assert exchange.status == 200
    assert len(world.got) == 1


@pytest.mark.parametrize(
    ("effect", "lines"),
    [
        (Effect.GONE_EVENT, [b'"code":410']),
        (Effect.BROKEN_EVENT, [b'"code":500']),
        (Effect.GARBLED, [b"<html>"]),
        (Effect.CUT, [b'{"type": "MODIFIED", "obj']),
        (Effect.RESET, [b"!"]),
    ],
)
async def test_a_watch_ends_as_a_rule_says(world: World, effect: Effect, lines: list[bytes]) -> None:
    world.proxy.arm(Rule("watch", "services", effect))
    seen = await world.watch()
    assert len(seen) in (len(lines), len(lines) + 1)
    assert lines[0] in b"".join(seen)
    assert await world.watch() == [ANSWER], "it happens once"


@pytest.mark.parametrize(
    ("method", "path", "query", "target"),
    [
        ("GET", "/api/v1/namespaces", {}, Target("list", "namespaces")),
        ("GET", "/api/v1/namespaces/ml", {}, Target("get", "namespaces", "", "ml")),
        ("GET", "/api/v1/pods", {"watch": "true"}, Target("watch", "pods")),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/ml/deployments/a/scale",
            {},
            Target("patch", "deployments/scale", "ml", "a"),
        ),
        ("POST", SERVICES, {}, Target("create", "services", "ml", "iris")),
        ("DELETE", f"{SERVICES}/iris", {}, Target("delete", "services", "ml", "iris")),
        ("GET", "/apis/apps/v1", {}, Target("get", "discovery", "", "/apis/apps/v1")),
    ],
)
def test_what_a_request_is_about(method: str, path: str, query: dict[str, str], target: Target) -> None:
    assert target_of(method, path, query, BODY) == target
