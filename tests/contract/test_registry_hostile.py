"""The registry's adapter with servers that are broken, strange or hostile: real ones, on loopback."""

import asyncio
import gzip
import socket
import threading
import time
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from pintle.adapters.addresses import LOOPBACK, AddressRules
from pintle.adapters.registry import MlflowRegistry
from pintle.adapters.registry_http import Limits
from pintle.conditions import Reason
from pintle.errors import PintleError, Retryable, Terminal
from pintle.ports import Credentials, Endpoint
from tests.contract.hostile import Authority, Server, http, serve

ALLOWED = AddressRules.parse(allowed=LOOPBACK)
QUICK = Limits(connect_seconds=0.5, total_seconds=1, body_bytes=64 * 1024)
# Planted in requests and in answers; it must come out nowhere.
PASSWORD, TOKEN, INSIDE = "planted-password", "planted-token", "planted-body"
CREDENTIALS = Credentials("planted-user", PASSWORD, TOKEN)


@pytest.fixture
async def registry() -> AsyncIterator[MlflowRegistry]:
    adapter = MlflowRegistry(ALLOWED, QUICK)
    yield adapter
    await adapter.close()


def found(version: object = "1", **fields: object) -> bytes:
    """An answer that a version can be read from."""
    held = {"name": "iris", "version": version, "source": "s3://b/1", "creation_timestamp": 1} | fields
    return orjson.dumps({"model_version": held, "artifact_uri": "s3://b/1"})


async def failure(registry: MlflowRegistry, uri: str, **endpoint: Any) -> PintleError:  # noqa: ANN401 - fields of Endpoint
    """How the question for iris 1 fails; a planted word in the error or its traceback fails the test."""
    asked = Endpoint(uri, **{"credentials": CREDENTIALS, **endpoint})
    with pytest.raises(PintleError) as caught:
        await registry.version(asked, "iris", "1")
    shown = (
        "".join(traceback.format_exception(caught.value)) + repr(replace(asked, uri="")) + repr(caught.value)
    )
    assert "planted" not in shown
    assert len(caught.value.message) < 500
    return caught.value


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
        (http(401, INSIDE, kind="text/html"), Terminal, Reason.REGISTRY_FORBIDDEN, "(401)"),
        (http(403, INSIDE), Terminal, Reason.REGISTRY_FORBIDDEN, "(403)"),
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


async def test_slow_answers_end(registry: MlflowRegistry) -> None:
    """Neither silence nor a byte now and then holds a question up for longer than its limit."""

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.02)

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    for talk in (drip, silent):
        async with serve(talk) as server:
            began = time.monotonic()
            error = await failure(registry, server.uri)
            assert time.monotonic() - began < 5
        assert error.message.endswith("did not answer within 1 s")


async def test_no_redirect_is_followed(registry: MlflowRegistry) -> None:
    async with serve(http(200, found())) as target:
        location = f"{target.uri}/{INSIDE}?token={INSIDE}"
        for status in (301, 302, 303, 307, 308):
            async with serve(http(status, INSIDE, Location=location)) as server:
                error = await failure(registry, server.uri)
            assert error.reason == Reason.REGISTRY_UNAVAILABLE
            assert f"answers {status}, a redirect to {target.uri}, and redirects are not" in error.message
        assert target.connections == 0
        # The control: a client that follows redirects gets there.
        async with (
            serve(http(302, Location=location)) as server,
            aiohttp.ClientSession() as session,
            session.get(server.uri) as response,
        ):
            assert response.status == 200
        assert target.connections == 1
    for odd in ("", "http://[", "//", "file:///etc/passwd", "x" * 3000):
        async with serve(http(302, Location=odd)) as server:
            assert "a redirect to" in (await failure(registry, server.uri)).message


async def test_a_cookie_is_not_kept(registry: MlflowRegistry) -> None:
    async with serve(http(200, found(), Set_Cookie="planted=1; Path=/")) as server:
        for _ in range(2):
            await registry.version(Endpoint(server.uri), "iris", "1")
        assert not any("cookie:" in request.lower() for request in server.requests)
        assert len(server.requests) == 4


async def test_each_registry_gets_its_own_credentials_only(registry: MlflowRegistry) -> None:
    async with serve(http(200, found())) as first, serve(http(200, found())) as second:
        basic = Credentials("planted-user", PASSWORD)
        await registry.version(Endpoint(first.uri, credentials=basic), "iris", "1")
        await registry.version(Endpoint(second.uri, credentials=Credentials(token=TOKEN)), "iris", "1")
        await registry.version(Endpoint(first.uri), "iris", "1")
    seen = [[line for line in r.split("\r\n") if "authorization" in line.lower()] for r in first.requests]
    expected = [f"Authorization: {aiohttp.BasicAuth('planted-user', PASSWORD).encode()}"]
    assert seen == [expected, expected, [], []]
    assert all(f"Authorization: Bearer {TOKEN}\r\n" in request for request in second.requests)


@pytest.mark.parametrize("token", ["two\nlines", "tab\t", "ümlaut", "nul\0"])
async def test_tokens_that_no_header_can_carry(registry: MlflowRegistry, token: str) -> None:
    async with serve(http(200, found())) as server:
        error = await failure(registry, server.uri, credentials=Credentials(token=f"planted{token}"))
        assert server.connections == 0
    assert error.reason == Reason.REGISTRY_FORBIDDEN


async def test_odd_usernames_and_passwords(registry: MlflowRegistry) -> None:
    async with serve(http(200, found())) as server:
        credentials = Credentials("Jürgen", "pass:word\r\nX-Planted: 1")
        await registry.version(Endpoint(server.uri, credentials=credentials), "iris", "1")
        assert "X-Planted" not in server.requests[0]


async def test_the_operators_environment_is_not_used(
    registry: MlflowRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login planted-user password {PASSWORD}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with serve(http(200, found())) as proxy, serve(http(200, found())) as server:
        monkeypatch.setenv("http_proxy", proxy.uri)
        await registry.version(Endpoint(server.uri), "iris", "1")
        assert proxy.connections == 0
        assert not any("authorization" in request.lower() for request in server.requests)
        # The control: a client that looks at its environment takes both.
        async with aiohttp.ClientSession(trust_env=True) as session, session.get(server.uri):
            assert proxy.connections == 1
        monkeypatch.delenv("http_proxy")
        async with aiohttp.ClientSession(trust_env=True) as session, session.get(server.uri):
            assert "authorization" in server.requests[-1].lower()


async def test_tls(registry: MlflowRegistry, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path)
    async with serve(http(200, found()), authority.server("127.0.0.1")) as server:
        await registry.version(Endpoint(server.uri, ca=authority.pem), "iris", "1")
        untrusted = await failure(registry, server.uri)
        wrong = await failure(registry, server.uri, ca=other.pem)
        plain = await failure(registry, server.uri.replace("https", "http"))
    async with serve(http(200, found()), authority.server("mlflow.ml.svc")) as elsewhere:
        misnamed = await failure(registry, elsewhere.uri, ca=authority.pem)
    for error in (untrusted, wrong, misnamed):
        assert "has a certificate that is not trusted" in error.message
    async with serve(http(400), ending=b"") as server:
        no_tls = await failure(registry, server.uri.replace("http", "https"))
    assert "does not speak TLS" in no_tls.message
    for error in (untrusted, wrong, misnamed, plain, no_tls):
        assert error.reason == Reason.REGISTRY_UNAVAILABLE


async def test_a_ca_bundle_that_is_none(registry: MlflowRegistry) -> None:
    error = await failure(registry, "https://127.0.0.1:1", ca="-----BEGIN CERTIFICATE-----\nplanted\n")
    assert (type(error), error.reason) == (Terminal, Reason.INVALID_SPEC)
    assert "CA bundle" in error.message


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "mlflow",
        "ftp://mlflow",
        "file:///etc/passwd",
        "http://",
        "http://[::1",
        "http://mlflow:99999",
        "http://mlflow:0",
        "http://planted-user:planted-password@mlflow",
        "http://2130706433",
        "http://127.1",
    ],
)
async def test_addresses_that_are_none(registry: MlflowRegistry, uri: str) -> None:
    error = await failure(registry, uri)
    assert (type(error), error.reason) == (Terminal, Reason.INVALID_SPEC)


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 70, "-"])
async def test_names_without_an_address(host: str) -> None:
    def unknown(*_: object, **__: object) -> list[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "planted")

    registry = MlflowRegistry(ALLOWED, QUICK, lookup=unknown)
    error = await failure(registry, f"http://{host}:5000")
    await registry.close()
    assert error.reason in (Reason.REGISTRY_UNAVAILABLE, Reason.INVALID_SPEC)


async def test_a_name_server_that_hangs_holds_up_nobody_else() -> None:
    released = threading.Event()
    all_hang = asyncio.Event()
    loop = asyncio.get_running_loop()
    looked_up: list[str] = []

    def lookup(host: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        looked_up.append(host)
        if len(looked_up) == 20:
            loop.call_soon_threadsafe(all_hang.set)
        if host != "quick.example":
            released.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 0))]

    registry = MlflowRegistry(ALLOWED, QUICK, lookup=lookup)
    try:
        async with serve(http(200, found())) as server:
            hanging = [f"http://slow-{n % 20}.example:{server.port}" for n in range(60)]
            questions = [asyncio.create_task(failure(registry, uri)) for uri in hanging]
            await asyncio.wait_for(all_hang.wait(), 10)
            endpoint = Endpoint(f"http://quick.example:{server.port}")
            assert await registry.version(endpoint, "iris", "1")
            for error in await asyncio.gather(*questions):
                assert error.message.endswith("did not accept a connection within 0.5 s")
        slow = [host for host in looked_up if host.startswith("slow")]
        assert len(slow) == len(set(slow)) == 20, "one thread for each name"
    finally:
        released.set()
        await registry.close()


async def answers_at(server: Server, rules: AddressRules, host: str, *found_at: str) -> PintleError | None:
    """Ask a server at a host (that has these addresses); None if it answered."""

    def lookup(*_: object, **__: object) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (a, 0)) for a in found_at]

    registry = MlflowRegistry(rules, QUICK, lookup=lookup)
    asked = Endpoint(f"http://{host}:{server.port}", credentials=CREDENTIALS)
    try:
        await registry.version(asked, "iris", "1")
    except PintleError as error:
        return error
    finally:
        await registry.close()
    return None


@pytest.mark.parametrize(
    ("host", "found_at"),
    [
        ("127.0.0.1", []),
        ("[::ffff:127.0.0.1]", []),
        ("0.0.0.0", []),  # noqa: S104 - nothing is bound to it
        ("localhost", ["127.0.0.1"]),
        ("mlflow.example.com", ["127.0.0.1"]),
        ("mlflow.example.com", ["127.0.0.1", "127.0.0.2"]),
    ],
)
async def test_loopback_is_refused_where_it_is_connected_to(host: str, found_at: list[str]) -> None:
    async with serve(http(200, found())) as server:
        error = await answers_at(server, AddressRules(), host, *found_at)
        assert isinstance(error, Terminal)
        assert error.reason == Reason.REGISTRY_FORBIDDEN
        assert "the operator's address rules refuse" in error.message
        assert server.connections == 0
        # The control: the same question is answered once the administrator allows it.
        rules = AddressRules.parse(allowed=[*LOOPBACK, "0.0.0.0/8"])
        assert await answers_at(server, rules, host, *found_at) is None
        assert server.connections == 2


async def test_an_allowed_address_beside_a_refused_one_is_used() -> None:
    rules = AddressRules.parse(refused=["127.0.0.2/32"], allowed=["127.0.0.1/32"])
    async with serve(http(200, found())) as server:
        assert await answers_at(server, rules, "mlflow.example.com", "127.0.0.2", "127.0.0.1") is None
        # Where the allowed one does not answer, that is what is wrong.
        server.port = 1
        error = await answers_at(server, rules, "mlflow.example.com", "127.0.0.2", "127.0.0.1")
    assert error
    assert error.reason == Reason.REGISTRY_UNAVAILABLE


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "fe80::1",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "0.0.0.0",  # noqa: S104 - nothing is bound to it
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
    ],
)
def test_addresses_refused_by_default(address: str) -> None:
    assert AddressRules().refuses(address)
    # The control: without the rules it is an address like any other.
    assert not AddressRules(refused=()).refuses(address)


@pytest.mark.parametrize(
    "address",
    ["10.96.0.10", "172.16.0.1", "192.168.1.1", "100.64.0.1", "203.0.113.7", "fd12::1", "2001:db8::1"],
)
def test_addresses_of_clusters_and_networks_are_allowed(address: str) -> None:
    assert not AddressRules().refuses(address)
    assert AddressRules.parse(refused=["0.0.0.0/0", "::/0"]).refuses(address)


def test_rules_that_are_none() -> None:
    with pytest.raises(ValueError, match="not-a-network"):
        AddressRules.parse(refused=["not-a-network"])
