"""How the registry's adapter connects: redirects, credentials, TLS, and nothing from its surroundings."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from pintle.adapters.registry import MlflowRegistry
from pintle.conditions import Reason
from pintle.errors import Terminal
from pintle.ports import Credentials, Endpoint
from tests.contract.hostile import (
    ALLOWED,
    INSIDE,
    LIMITS,
    PASSWORD,
    TOKEN,
    failure,
    found,
    http,
    on_loopback,
    serve,
)
from tests.support.authority import Authority


@pytest.fixture
async def registry() -> AsyncIterator[MlflowRegistry]:
    adapter = MlflowRegistry(ALLOWED, LIMITS)
    yield adapter
    await adapter.close()


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
    for odd in ("", "http://[", "//", "file:///etc/passwd", "x" * 3000, f"https://{INSIDE}.example/"):
        async with serve(http(302, Location=odd)) as server:
            assert "a redirect to" in (await failure(registry, server.uri)).message


async def test_a_cookie_is_not_kept() -> None:
    """Asked by a name: clients keep no cookies of addresses anyway."""
    registry = MlflowRegistry(ALLOWED, LIMITS, lookup=on_loopback)
    async with serve(http(200, found(), Set_Cookie="planted=1; Path=/")) as server:
        uri = f"http://mlflow.example.com:{server.port}"
        for _ in range(2):
            await registry.version(Endpoint(uri), "iris", "1")
        assert not any("cookie:" in request.lower() for request in server.requests)
        assert len(server.requests) == 4
    await registry.close()


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
