"""Requests to an address that a tenant chose: bounded, checked, and telling nothing of what is there.

Each question has a session of its own: no cookie, credential or connection of one registry can
come near another one. A keep-alive would not last from one poll to the next anyway (MLflow's server
closes idle connections after 5 s).
"""

import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import aiohttp
from yarl import URL

from pintle.adapters.addresses import AddressRules, Gate
from pintle.adapters.lookups import GetAddrInfo, Lookups
from pintle.adapters.registry_login import authorization, identification
from pintle.conditions import Reason
from pintle.errors import Retryable, Terminal
from pintle.ports import REGISTRY, Endpoint

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take: seconds to connect and altogether, bytes of the answer's body."""

    connect_seconds: float = 3
    total_seconds: float = 10
    body_bytes: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no redirect, whatever its status."""

    status: int
    body: bytes = field(repr=False)


class TooLong(Retryable):
    """An answer has more bytes than are read of it."""


class HttpClient:
    """Opens conversations with registries. One for the process."""

    def __init__(self, rules: AddressRules, limits: Limits, lookup: GetAddrInfo) -> None:
        self._rules = rules
        self._limits = limits
        self._lookups = Lookups(lookup)

    @asynccontextmanager
    async def open(self, endpoint: Endpoint) -> AsyncIterator["Conversation"]:
        """Talk to a registry for one question, that is for a few requests.

        Raises:
            Terminal: InvalidSpec or RegistryForbidden: the endpoint cannot be used as it is.
        """
        url = _base(endpoint.uri)
        headers = {"Accept-Encoding": "identity", **authorization(endpoint.credentials)}
        gate = Gate(self._rules)
        connector = aiohttp.TCPConnector(
            limit=1,
            resolver=self._lookups,
            use_dns_cache=False,
            socket_factory=gate.open,
            ssl=_tls(endpoint.ca),
        )
        timeout = aiohttp.ClientTimeout(
            total=self._limits.total_seconds, connect=self._limits.connect_seconds
        )
        async with aiohttp.ClientSession(
            connector=connector,
            headers=headers,
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,  # no proxy and no .netrc of the operator's own environment
            auto_decompress=False,  # a small body must not become a large one
        ) as session:
            yield Conversation(session, url, gate, self._limits, identification(endpoint.credentials))

    async def close(self) -> None:
        """Let go of the threads that look up names."""
        await self._lookups.close()


class Conversation:
    """Requests to one registry, one after the other."""

    def __init__(
        self, session: aiohttp.ClientSession, url: URL, gate: Gate, limits: Limits, identification: str
    ) -> None:
        self._session = session
        self._url = url
        self._gate = gate
        self._limits = limits
        self.identification = identification  # with what kind of credentials it asks, for messages

    @property
    def authority(self) -> str:
        """The Host header that the registry sees."""
        return self._url.host_port_subcomponent or ""

    @property
    def where(self) -> str:
        """The registry and its address, for messages."""
        return f"{REGISTRY} at {self._url.origin()}"

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, body_bytes: int | None = None
    ) -> Answer:
        """Ask once. `body_bytes` is how long the answer's body may be, where another limit is right for it.

        Raises:
            Terminal: RegistryForbidden: the address rules refuse every address that the name has.
            Retryable: RegistryUnavailable: no whole answer came, or a redirect.
        """
        limit = body_bytes or self._limits.body_bytes
        return await self._request("GET", self._at(path).with_query(params), None, limit)

    async def send(self, method: Literal["POST", "DELETE"], path: str, body: Mapping[str, str]) -> Answer:
        """Have something changed. Raises as `get` does; it may have been done where no answer came."""
        return await self._request(method, self._at(path), body, self._limits.body_bytes)

    def _at(self, path: str) -> URL:
        return self._url.with_path(self._url.path.rstrip("/") + path)

    async def _request(self, method: str, url: URL, body: Mapping[str, str] | None, limit: int) -> Answer:
        try:
            async with self._session.request(method, url, json=body, allow_redirects=False) as response:
                if 300 <= response.status < 400:  # noqa: PLR2004 - the class of redirects
                    raise self._redirected(response)
                return Answer(response.status, await self._read(response, limit))
        except TimeoutError as error:
            raise self._unavailable(self._late(error)) from None
        except aiohttp.InvalidURL:
            raise Terminal(
                Reason.INVALID_SPEC, f"the address of {REGISTRY} is not valid: see spec.uri"
            ) from None
        except aiohttp.ClientError as error:
            if self._gate.refused:
                raise self._refused() from None
            raise self._unavailable(_trouble(error)) from None

    async def _read(self, response: aiohttp.ClientResponse, limit: int) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > limit:
                raise TooLong(
                    Reason.REGISTRY_UNAVAILABLE, f"{self.where} answers with more than {limit} bytes"
                )
        return bytes(body)

    def _redirected(self, response: aiohttp.ClientResponse) -> Retryable:
        """Tell where it leads if that is the same host: other words of a registry are not repeated."""
        try:
            target = self._url.join(URL(response.headers.get("Location", ""))).origin()
            told = str(target) if target.host == self._url.host else "another host"
        except ValueError:
            told = "an address that is not valid"
        return self._unavailable(
            f"answers {response.status}, a redirect to {told}, and redirects are not followed: "
            f"set spec.uri to the address of the tracking server itself"
        )

    def _refused(self) -> Terminal:
        return Terminal(
            Reason.REGISTRY_FORBIDDEN,
            f"{self.where} leads to {', '.join(self._gate.refused)}, which the operator's address rules "
            f"refuse: set spec.uri to another address, or ask the administrator of Pintle to allow this one",
        )

    def _late(self, error: TimeoutError) -> str:
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return f"did not accept a connection within {self._limits.connect_seconds:g} s"
        return f"did not answer within {self._limits.total_seconds:g} s"

    def _unavailable(self, what: str) -> Retryable:
        return Retryable(Reason.REGISTRY_UNAVAILABLE, f"{self.where} {what}")


def _base(uri: str) -> URL:
    invalid = Terminal(Reason.INVALID_SPEC, f"the address of {REGISTRY} is not valid: see spec.uri")
    try:
        url = URL(uri)
        port = url.port
    except ValueError:
        raise invalid from None
    if url.scheme not in ("http", "https") or not url.host or not port:
        raise invalid
    if url.user is not None or url.password is not None:
        # The schema refuses it; an object of an older schema must not put a password into messages.
        raise Terminal(
            Reason.INVALID_SPEC,
            f"the address of {REGISTRY} holds credentials: "
            f"move them to a Secret and name it in spec.secretRef",
        )
    return url.with_query(None).with_fragment(None)


@lru_cache(maxsize=64)
def _tls(ca: str) -> ssl.SSLContext:
    """Verify against the public authorities, which take 20 ms to read, and those of `ca`."""
    context = ssl.create_default_context()
    if ca:
        try:
            context.load_verify_locations(cadata=ca)
        except ssl.SSLError:
            raise Terminal(
                Reason.INVALID_SPEC, f"the CA bundle of {REGISTRY} holds a certificate that cannot be read"
            ) from None
    return context


def _trouble(error: aiohttp.ClientError) -> str:
    """Say what went wrong, without a word of what the other side sent."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "cannot be found: its host name has no address"
        case aiohttp.ClientConnectorCertificateError():
            return (
                "has a certificate that is not trusted: "
                "name its authority in spec.caBundle, or check the host name in spec.uri"
            )
        case aiohttp.ClientSSLError():
            return "does not speak TLS as it should: check the scheme in spec.uri"
        case aiohttp.ClientConnectorError(os_error=OSError(errno=int(number))):
            return f"cannot be connected to ({os.strerror(number).lower()})"
        case aiohttp.ClientConnectorError():
            return "cannot be connected to"
        case aiohttp.ClientResponseError():
            return "answers something that is not HTTP: check the scheme and the port in spec.uri"
        case _:
            return "closed the connection in the middle of its answer"
