"""The registry's adapter with servers that are broken, strange or hostile: real ones, on loopback."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from urllib.parse import unquote_plus

import orjson
import pytest

from pintle.adapters.registry import MlflowRegistry
from pintle.adapters.registry_http import Limits
from pintle.conditions import Reason
from pintle.errors import PintleError, Retryable, Terminal, Unauthorized
from pintle.ports import Endpoint
from tests.contract.hostile import ALLOWED, INSIDE, LIMITS, Talk, failure, found, http, serve


@pytest.fixture
async def registry() -> AsyncIterator[MlflowRegistry]:
    adapter = MlflowRegistry(ALLOWED, LIMITS)
    yield adapter
    await adapter.close()


async def test_a_server_that_behaves(registry: MlflowRegistry) -> None:
    """The positive control: the answers of this file's servers are read when they are right."""
    async with serve(http(200, found())) as server:
        seen = await registry.version(Endpoint(server.uri), "iris", "1")
    assert (seen.version, seen.source, seen.artifact_uri) == ("1", "s3://b/1", "s3://b/1")


@pytest.mark.parametrize(
    ("answer", "kind", "reason", "words"),
    [
        (
            http(200, f"<html>{INSIDE}", kind="text/html"),
            Retryable,
            Reason.REGISTRY_UNAVAILABLE,
            "as an MLflow",
        ),
        (http(200, ""), Retryable, Reason.REGISTRY_UNAVAILABLE, "does not answer as an MLflow server does"),
        (http(500, INSIDE), Retryable, Reason.REGISTRY_UNAVAILABLE, "answers 500"),
        (http(503, INSIDE), Retryable, Reason.REGISTRY_UNAVAILABLE, "answers 503"),
        (http(429, INSIDE, Retry_After="9"), Retryable, Reason.REGISTRY_UNAVAILABLE, "answers 429"),
        (http(204), Retryable, Reason.REGISTRY_UNAVAILABLE, "answers 204"),
        (http(404, f"<html>{INSIDE}"), Retryable, Reason.REGISTRY_UNAVAILABLE, "check the path in spec.uri"),
        (
            http(404, f'{{"error_code":"ENDPOINT_NOT_FOUND","message":"{INSIDE}"}}'),
            Retryable,
            Reason.REGISTRY_UNAVAILABLE,
            "check the path in spec.uri",
        ),
        (http(400, INSIDE), Retryable, Reason.REGISTRY_UNAVAILABLE, "answers 400"),
        (http(401, INSIDE, kind="text/html"), Unauthorized, Reason.REGISTRY_FORBIDDEN, "(401)"),
        (http(403, INSIDE), Unauthorized, Reason.REGISTRY_FORBIDDEN, "(403)"),
        (b"SSH-2.0-" + INSIDE.encode() + b"\r\n", Retryable, Reason.REGISTRY_UNAVAILABLE, "not HTTP"),
        (b"", Retryable, Reason.REGISTRY_UNAVAILABLE, "closed the connection"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{" + INSIDE.encode(),
            Retryable,
            Reason.REGISTRY_UNAVAILABLE,
            "closed the connection in the middle of its answer",
        ),
        (
            b"HTTP/1.1 200 OK\r\nX-Long: " + INSIDE.encode() * 9999 + b"\r\n\r\n",
            Retryable,
            Reason.REGISTRY_UNAVAILABLE,
            "",
        ),
        (
            http(200, gzip.compress(found()), Content_Encoding="gzip"),
            Retryable,
            Reason.REGISTRY_UNAVAILABLE,
            "does not answer as an MLflow server does",
        ),
    ],
    ids=lambda value: value[:24].decode() if isinstance(value, bytes) else None,
)
async def test_strange_answers(
    registry: MlflowRegistry, answer: bytes, kind: type[PintleError], reason: Reason, words: str
) -> None:
    async with serve(answer) as server:
        error = await failure(registry, server.uri)
        # aiohttp itself asks once more where a connection ends before any answer.
        assert server.connections == (1 if answer else 2)
    assert (type(error), error.reason) == (kind, reason)
    assert words in error.message


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'"' + INSIDE.encode() + b'"',
        b"{}",
        b'{"model_version": []}',
        found(version=1),
        found(version="2"),
        found(source=""),
        found(source=None),
        found(creation_timestamp=INSIDE),
        found(creation_timestamp=-1),
        found(source="s3://" + "x" * 4096),
        found(run_id="r" * 4096),
        b"[" * 20_000,
        b'{"model_version":' * 2000 + b"1" + b"}" * 2000,
    ],
)
async def test_wrong_schemas(registry: MlflowRegistry, body: bytes) -> None:
    async with serve(http(200, body)) as server:
        error = await failure(registry, server.uri)
    assert error.reason == Reason.REGISTRY_UNAVAILABLE
    assert "does not answer as an MLflow server does" in error.message


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        ("PENDING_REGISTRATION", Retryable, Reason.RESOLVING),
        ("FAILED_REGISTRATION", Terminal, Reason.VERSION_NOT_FOUND),
    ],
)
async def test_versions_that_are_not_ready(
    registry: MlflowRegistry, status: str, kind: type[PintleError], reason: Reason
) -> None:
    async with serve(http(200, found(status=status))) as server:
        error = await failure(registry, server.uri)
    assert (type(error), error.reason) == (kind, reason)


async def test_an_endless_body_is_cut_off(registry: MlflowRegistry) -> None:
    sent = 0

    async def pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"[" * 65536)
            sent += 65536
            await writer.drain()

    async with serve(pour) as server:
        error = await failure(registry, server.uri)
        await asyncio.wait_for(server.left.wait(), 5)
    assert (error.reason, "more than 65536 bytes" in error.message) == (Reason.REGISTRY_UNAVAILABLE, True)
    assert sent < 32 * 1024 * 1024


async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await asyncio.sleep(0.02)


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize("talk", [drip, silent])
async def test_slow_answers_end(talk: Talk) -> None:
    """Neither silence nor a byte now and then holds a question up for longer than its limit."""
    registry = MlflowRegistry(ALLOWED, Limits(connect_seconds=30, total_seconds=0.5))
    async with serve(talk) as server, asyncio.timeout(30):
        error = await failure(registry, server.uri)
    assert error.message.endswith("did not answer within 0.5 s")
    await registry.close()


@pytest.mark.parametrize("huge", [["iris-07"], ["iris-00", "iris-31"]], ids=" ".join)
async def test_one_models_description_hides_no_other(
    registry: MlflowRegistry, monkeypatch: pytest.MonkeyPatch, huge: list[str]
) -> None:
    """Whoever may write a description in a shared registry could stop all who follow aliases there."""
    monkeypatch.setattr("pintle.adapters.registry._PAGE_BYTES", LIMITS.body_bytes)
    models = [f"iris-{number:02}" for number in range(32)]
    described: dict[str, str] = {}

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = unquote_plus(server.requests[-1].partition("\r\n")[0])
        held = [
            {"name": name, "creation_timestamp": 1, "description": described.get(name, "")}
            | {"aliases": [{"alias": "champion", "version": "1"}]}
            for name in models
            if name in asked
        ]
        writer.write(
            http(
                200,
                orjson.dumps(
                    {"registered_models": held} if "search" in asked else {"registered_model": held[0]}
                ),
            )
        )
        await writer.drain()

    async with serve(talk) as server:
        # The control: all of them are in one answer where none is so large.
        assert set(await registry.aliases(Endpoint(server.uri), models)) == set(models)
        assert server.connections == 1
        described |= dict.fromkeys(huge, "x" * LIMITS.body_bytes)
        assert set(await registry.aliases(Endpoint(server.uri), models)) == {*models} - {*huge}
        assert server.connections <= 1 + 1 + 10 * len(huge), "halved until they are found"
        with pytest.raises(Retryable, match="answers with more than"):
            await registry.aliases(Endpoint(server.uri), huge[:1])


async def test_tags_that_nothing_can_ask_for_are_not_kept(registry: MlflowRegistry) -> None:
    """What is kept of an answer is kept for each deployment: a megabyte of tags is more than it is worth."""
    held = [
        {"key": "status", "value": "approved"},
        {"key": "notes", "value": "x" * 50_000},
        {"key": "k" * 1000, "value": "long key"},
    ]
    async with serve(http(200, found(tags=held, aliases=["champion", "a" * 1000]))) as server:
        seen = await registry.version(Endpoint(server.uri), "iris", "1")
    # The control: those that spec.require of a connection may name are.
    assert dict(seen.tags) == {"status": "approved"}
    assert seen.aliases == frozenset({"champion"})


async def test_an_artifact_uri_has_an_end(registry: MlflowRegistry) -> None:
    """It goes into the record, its ConfigMap and the annotations of a Deployment, which have limits."""
    answers = {"get?": found(), "get-download-uri": orjson.dumps({"artifact_uri": "s3://" + "x" * 4096})}

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(http(200, next(a for path, a in answers.items() if path in server.requests[-1])))
        await writer.drain()

    async with serve(talk) as server:
        error = await failure(registry, server.uri)
        assert "does not answer as an MLflow server does" in error.message
        answers["get-download-uri"] = orjson.dumps({"artifact_uri": "s3://" + "x" * 2000})
        assert await registry.version(Endpoint(server.uri), "iris", "1")
