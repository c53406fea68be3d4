"""How old a watch is: kopf's own watches on a server that says as little as API servers do at rest."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from pintle import handlers
from pintle.adapters.kube_http import Login
from pintle.domain.resources import CONFIG_MAPS, PODS
from pintle.hearing import Hearing
from pintle.resync import OPTIONAL, WATCHED
from pintle.watches import Watches
from tests.support.waiting import until_async

KINDS = ((CONFIG_MAPS, ""),)


@dataclass
class QuietServer:
    """Has no object of the one kind that it serves; its watches say what a test has them say."""

    streams: list[web.StreamResponse] = field(default_factory=list)

    async def bookmark(self) -> None:
        """What comes every minute where nothing changes."""
        body = {"type": "BOOKMARK", "object": {"kind": "ConfigMap", "metadata": {"resourceVersion": "2"}}}
        for stream in self.streams:
            await stream.write(json.dumps(body).encode() + b"\n")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("watch"):
            stream = web.StreamResponse()
            await stream.prepare(request)
            self.streams.append(stream)
            await asyncio.Event().wait()
        answers: dict[str, dict[str, Any]] = {
            "/api": {"versions": ["v1"]},
            "/apis": {"groups": []},
            "/api/v1": {"resources": [_kind("ConfigMap"), _kind("Namespace", namespaced=False)]},
            "/api/v1/configmaps": {"metadata": {"resourceVersion": "1"}, "items": []},
        }
        return web.json_response(answers.get(request.path, {}))


def _kind(kind: str, *, namespaced: bool = True) -> dict[str, Any]:
    name, verbs = kind.lower(), ["list", "watch", "patch"]
    return {
        "name": f"{name}s",
        "singularName": name,
        "kind": kind,
        "namespaced": namespaced,
        "verbs": verbs,
    }


@asynccontextmanager
async def watching(heard: handlers.Heard) -> AsyncIterator[QuietServer]:
    server = QuietServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]

    async def login() -> Login:
        return Login(f"http://127.0.0.1:{port}", None, None, None)

    operate = handlers.operate(lambda *_: None, login, lambda: KINDS, heard=heard)
    watches = Watches(operate, lambda: handlers.watchers(KINDS))
    watches.start()
    try:
        yield server
    finally:
        await watches.stop()
        await runner.cleanup()


async def test_a_list_and_a_bookmark_are_signs_of_life() -> None:
    heard: list[str] = []
    async with watching(heard.append) as server:
        await until_async(lambda: server.streams, within=20, what="it watches")
        assert set(heard) == handlers.watchers(KINDS), "the list was heard, empty as it is"
        before = len(heard)
        await server.bookmark()
        await until_async(lambda: len(heard) > before, within=20, what="the bookmark is heard")
        assert set(heard) == handlers.watchers(KINDS)


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_age_counts_from_what_was_heard_last() -> None:
    time = Time()
    hearing, (watcher,) = Hearing(time), handlers.watchers(KINDS)
    assert hearing.ages([watcher]) == {"configmaps": 0}
    time.now += 30
    assert hearing.ages([watcher]) == {"configmaps": 30}, "one that has never been heard"
    hearing.heard(watcher)
    time.now += 5
    assert hearing.ages([watcher]) == {"configmaps": 5}


def test_of_several_watches_of_a_kind_the_quietest_counts() -> None:
    time = Time()
    hearing = Hearing(time)
    quiet, other = sorted(handlers.watchers(KINDS, ["ml", "shop"]))
    hearing.heard(quiet)
    time.now += 60
    hearing.heard(other)
    assert hearing.ages([quiet, other]) == {"configmaps": 60}


def test_what_is_not_watched_any_more_has_no_age() -> None:
    hearing = Hearing(Time())
    both = handlers.watchers([*KINDS, (PODS, "")])
    assert hearing.ages(both).keys() == {"configmaps", "pods"}
    assert hearing.ages(handlers.watchers(KINDS)).keys() == {"configmaps"}


@pytest.mark.parametrize("namespaces", [(), ("ml", "shop")])
def test_kinds_are_called_by_their_plural(namespaces: tuple[str, ...]) -> None:
    kinds = (*WATCHED, *OPTIONAL)
    assert Hearing().ages(handlers.watchers(kinds, namespaces)).keys() == {r.plural for r, _ in kinds}
