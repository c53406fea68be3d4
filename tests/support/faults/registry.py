"""A registry stand-in that answers MLflow's REST questions, or does not.

`tests/contract/test_registry_stand_in.py` holds its answers to those of a real server.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, TypeAlias

from aiohttp import web

SERVER_VERSION = "3.17.2"
SLOW_SECONDS = 2.0
CREATED = 1_700_000_000_000

_NAMES = re.compile("'([^']*)'")

_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Trouble(StrEnum):
    """What is wrong with a registry."""

    REFUSES = "refuses connections"
    HANGS = "accepts and never answers"
    SLOW = "answers after 2 s"
    BROKEN = "500"
    UNAUTHORIZED = "401"
    HTML = "HTML with 200"
    WRONG_SCHEMA = "another schema with 200"


class RegistryStandIn:
    """A server of some models on loopback. `trouble` may be set at any time; `asked` is every path."""

    def __init__(self) -> None:
        self._models: dict[str, set[str]] = {}
        self._aliases: dict[tuple[str, str], str] = {}
        self._runner: web.AppRunner | None = None
        self._trouble: Trouble | None = None
        self.port = 0
        self.asked: list[str] = []

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def register(self, model: str, *versions: str) -> None:
        """Add versions of a model."""
        self._models.setdefault(model, set()).update(versions)

    def set_alias(self, model: str, alias: str, version: str) -> None:
        self._aliases[model, alias] = version

    async def start(self) -> None:
        app = web.Application(middlewares=[self._troubled])
        api = "/api/2.0/mlflow"
        app.router.add_get(f"{api}/model-versions/get", self._version)
        app.router.add_get(f"{api}/model-versions/get-download-uri", self._download_uri)
        app.router.add_get(f"{api}/registered-models/get", self._model)
        app.router.add_get(f"{api}/registered-models/search", self._search)
        app.router.add_get("/version", self._server_version)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await self._listen()

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def be(self, trouble: Trouble | None) -> None:
        """Have this trouble from now on, or none."""
        before, self._trouble = self._trouble, trouble
        if self._runner and trouble is Trouble.REFUSES:
            for site in list(self._runner.sites):
                await site.stop()
        elif before is Trouble.REFUSES:
            await self._listen()

    async def _listen(self) -> None:
        assert self._runner is not None
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    @web.middleware
    async def _troubled(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        match self._trouble:
            case Trouble.HANGS:
                await asyncio.Event().wait()
            case Trouble.SLOW:
                await asyncio.sleep(SLOW_SECONDS)
            case Trouble.BROKEN:
                return _error(500, "INTERNAL_ERROR")
            case Trouble.UNAUTHORIZED:
                return web.Response(status=401, text="You are not authenticated.")
            case Trouble.HTML:
                return web.Response(text="<html><body>Sign in</body></html>", content_type="text/html")
            case Trouble.WRONG_SCHEMA:
                return web.json_response({"model_version": {"version": 1}, "registered_models": "none"})
            case Trouble.REFUSES | None:
                pass
        return await handler(request)

    async def _version(self, request: web.Request) -> web.Response:
        return self._show(request, request.query["version"])

    async def _download_uri(self, request: web.Request) -> web.Response:
        if request.query["version"] not in self._models.get(request.query["name"], ()):
            return _error(404, "RESOURCE_DOES_NOT_EXIST")
        return web.json_response({"artifact_uri": _source(request.query["name"], request.query["version"])})

    async def _model(self, request: web.Request) -> web.Response:
        name = request.query["name"]
        if name not in self._models:
            return _error(404, "RESOURCE_DOES_NOT_EXIST")
        return web.json_response({"registered_model": self._shown_model(name)})

    async def _search(self, request: web.Request) -> web.Response:
        wanted = _NAMES.findall(request.query.get("filter", "")) or list(self._models)
        found = [self._shown_model(name) for name in sorted(self._models) if name in wanted]
        return web.json_response({"registered_models": found[: int(request.query["max_results"])]})

    def _shown_model(self, name: str) -> dict[str, Any]:
        newest = max(self._models[name], key=int, default=None)
        return {
            "name": name,
            "creation_timestamp": CREATED,
            "latest_versions": [_shown(name, newest)] if newest else [],
            "aliases": [
                {"alias": a, "version": v} for (m, a), v in sorted(self._aliases.items()) if m == name
            ],
        }

    async def _server_version(self, _: web.Request) -> web.Response:
        return web.Response(text=SERVER_VERSION)

    def _show(self, request: web.Request, version: str) -> web.Response:
        name = request.query["name"]
        if version not in self._models.get(name, ()):
            return _error(404, "RESOURCE_DOES_NOT_EXIST")
        return web.json_response({"model_version": _shown(name, version)})


def _source(name: str, version: str) -> str:
    return f"s3://models/{name}/{version}"


def _shown(name: str, version: str) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "source": _source(name, version),
        "creation_timestamp": CREATED + int(version),
        "run_id": f"run-{version}",
        "status": "READY",
    }


def _error(status: int, code: str) -> web.Response:
    return web.json_response({"error_code": code, "message": "injected"}, status=status)
