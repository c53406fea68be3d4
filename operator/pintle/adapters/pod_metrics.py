"""What a serving pod says at /metrics: a `ports.Scraper`.

Whoever built the image says what is there. So an answer is bounded in time and length, and of a line only
what it should be is looked at.
"""

import asyncio
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

import aiohttp
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from yarl import URL

from pintle.domain import Counters, Reading, Target, Unreadable

PORT = 8080
SECONDS = 2.0
BODY_BYTES = 1024 * 1024
_CHUNK = 64 * 1024

REQUESTS = "pintle_model_requests"
DURATION = "pintle_model_request_duration_seconds"
STARTED = "process_start_time_seconds"
# The runtime writes some fifty such lines. Many more are none of its, and the parser is slow.
_LINES = 500
_LENGTH = 200
# MLflow answers 400 where a model raises: of one request it cannot be told whose fault that was. Of two
# revisions that are asked the same, it can.
_ERRORS = ("4", "5")  # the first digit of a code
_UNKNOWN = f"does not tell {DURATION} at /metrics: it is not Pintle's runtime, or an old one"


class PodMetrics:
    """One for the process. No connection is kept."""

    def __init__(self, *, port: int = PORT, seconds: float = SECONDS, body_bytes: int = BODY_BYTES) -> None:
        self._port = port
        self._seconds = seconds
        self._body_bytes = body_bytes
        self._session: aiohttp.ClientSession | None = None

    async def read(self, target: Target) -> Reading:
        """The counters of one pod, or why they are not known, without a word of what the pod sent."""
        try:
            address = str(ip_address(target.address))  # and no name, which would be looked up
        except ValueError:
            return Unreadable("has no IP address")
        url = URL.build(scheme="http", host=address, port=self._port, path="/metrics")
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._get(url)
        except TimeoutError:
            return Unreadable(f"does not answer GET /metrics within {self._seconds:g} s")
        except (aiohttp.ClientError, OSError):
            return Unreadable("cannot be asked for /metrics: does a NetworkPolicy keep the operator out?")
        return body if isinstance(body, Unreadable) else counters(body)

    async def close(self) -> None:
        """Close the session, if there ever was one."""
        if self._session is not None:
            await self._session.close()

    async def _get(self, url: URL) -> bytes | Unreadable:
        async with self._sessions().get(url, allow_redirects=False) as response:
            if response.status != 200:  # noqa: PLR2004 - OK
                return Unreadable(f"answers GET /metrics with HTTP {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK):
                body += chunk
                if len(body) > self._body_bytes:
                    return Unreadable(f"answers GET /metrics with more than {self._body_bytes} bytes")
            return bytes(body)

    def _sessions(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
                headers={"Accept": "text/plain", "Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,  # a small body must not become a large one
            )
        return self._session


def counters(body: bytes) -> Reading:
    """What an answer says, in the text format of Prometheus."""
    lines = list(_ours(body))
    if len(lines) > _LINES:
        return Unreadable(f"tells more than {_LINES} values of its requests at /metrics")
    try:
        families = list(text_string_to_metric_families("\n".join(lines) + "\n"))
        return _counters(families)
    except (ValueError, OverflowError, KeyError, IndexError, TypeError, AttributeError):
        # What the parser does with garbage is not written anywhere.
        return Unreadable("answers GET /metrics with something that is no text format of Prometheus")


def _ours(body: bytes) -> Iterator[str]:
    """The lines of the values that are wanted: the text is somebody else's, and may be long."""
    names = tuple(name.encode() for name in (REQUESTS, DURATION, STARTED))
    for line in body.split(b"\n"):
        if line.startswith(names) and len(line) <= _LENGTH:
            yield line.decode("ascii", "replace")


def _counters(families: Iterable[Metric]) -> Reading:
    requests = failed = 0
    timed: int | None = None
    started = 0.0
    within: dict[float, int] = {}
    for sample in (sample for family in families for sample in family.samples):
        match sample.name:
            case "pintle_model_requests_total":
                requests += _count(sample.value)
                failed += _count(sample.value) if sample.labels["code"].startswith(_ERRORS) else 0
            case "pintle_model_request_duration_seconds_count":
                timed = _count(sample.value)
            case "pintle_model_request_duration_seconds_bucket" if sample.labels["le"] != "+Inf":
                within[float(sample.labels["le"])] = _count(sample.value)
            case "process_start_time_seconds":
                started = float(sample.value)
            case _:
                pass  # the sum of the durations
    counts = [within[edge] for edge in sorted(within)]
    if timed is None or not counts:
        return Unreadable(_UNKNOWN)
    if counts != sorted(counts) or counts[-1] > timed or started != started:  # noqa: PLR0124 - NaN
        return Unreadable("tells counts at /metrics that cannot be true")
    return Counters(requests, failed, timed, tuple(sorted(within.items())), started)


def _count(value: float) -> int:
    """A whole number that is not negative, or ValueError; OverflowError of an infinite one."""
    if value < 0 or int(value) != value:
        raise ValueError(value)
    return int(value)
