"""What pods count, read over HTTP: the runtime's own counters, and whatever else may be there."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pintle.adapters.pod_metrics import PodMetrics, counters
from pintle.domain import Counters, Target, Unreadable
from pintle_runtime.serve.metrics import SECONDS, Metrics
from tests.contract.hostile import INSIDE, Server, Talk, http, serve

LIMIT = 64 * 1024
DURATION = "pintle_model_request_duration_seconds"
TEXT = (
    f'{DURATION}_bucket{{le="0.1"}} 3\n{DURATION}_bucket{{le="+Inf"}} 4\n{DURATION}_count 4\n'
    f'pintle_model_requests_total{{code="200"}} 4\n'
)


def runtime(*answers: tuple[int, float]) -> bytes:
    """What the runtime tells after these answers: status and seconds."""
    metrics = Metrics(model="iris", version="2", revision="iris-v2-1a2b3c4d")
    for code, seconds in answers:
        metrics.began()
        metrics.ended(code, seconds)
    return metrics.text()


async def read(server: Server, *, seconds: float = 30) -> Counters | Unreadable:
    scraper = PodMetrics(port=server.port, seconds=seconds, body_bytes=LIMIT)
    try:
        return await scraper.read(Target("u", "iris-v2-1", "127.0.0.1"))
    finally:
        await scraper.close()


async def test_the_runtimes_own_counters() -> None:
    text = runtime((200, 0.0006), (200, 0.03), (400, 0.001), (500, 70.0), (503, 0.2))
    async with serve(http(200, text.decode(), kind="text/plain")) as server:
        found = await read(server)
    assert isinstance(found, Counters)
    assert (found.requests, found.failed, found.timed) == (5, 3, 5)
    assert [edge for edge, _ in found.within] == list(SECONDS)
    assert dict(found.within)[0.001] == 2
    assert dict(found.within)[60] == 4
    assert abs(found.started - time.time()) < 24 * 3600, "when this process began"
    assert server.requests[0].startswith("GET /metrics HTTP/1.1")


def test_edges_are_narrow_enough_to_see_a_version_that_takes_twice_as_long() -> None:
    ratios = [b / a for a, b in pairwise(SECONDS) if b <= 15]
    assert max(ratios) <= 1.51


async def test_of_a_server_that_nobody_has_asked_yet() -> None:
    """The runtime has no line for a status before there was one."""
    async with serve(http(200, runtime().decode(), kind="text/plain")) as server:
        found = await read(server)
    assert isinstance(found, Counters)
    assert (found.requests, found.timed) == (0, 0)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http(404, INSIDE), "HTTP 404"),
        (http(500, INSIDE), "HTTP 500"),
        (http(302, "", Location="/elsewhere"), "HTTP 302"),
        (http(200, ""), "not Pintle's runtime, or an old one"),
        (http(200, f"<html>{INSIDE}"), "not Pintle's runtime, or an old one"),
        (http(200, "python_info 1\nprocess_start_time_seconds 5\n"), "not Pintle's runtime, or an old one"),
        (http(200, f"{DURATION}_count {INSIDE}\n"), "no text format of Prometheus"),
        (http(200, TEXT + "pintle_model_requests_total 4\n"), "no text format of Prometheus"),
        (http(200, TEXT.replace(" 4", " -4")), "no text format of Prometheus"),
        (http(200, TEXT.replace(" 4", " NaN")), "no text format of Prometheus"),
        (http(200, TEXT.replace(" 4", " +Inf")), "no text format of Prometheus"),
        (http(200, TEXT.replace(" 3", " 9")), "cannot be true"),
        (http(200, "".join(f"{DURATION}_x{n} 1\n" for n in range(600))), "more than 500 values"),
        (http(200, "x" * (LIMIT + 1)), f"more than {LIMIT} bytes"),
        (http(200, gzip.compress(TEXT.encode() * 50_000), Content_Encoding="gzip"), "old one"),
        (b"\x00\x01\x02\r\n\r\n", "cannot be asked"),
        (b"", "cannot be asked"),
    ],
)
async def test_what_is_none_of_the_runtimes(answer: bytes, words: str) -> None:
    async with serve(answer) as server:
        found = await read(server)
    assert isinstance(found, Unreadable)
    assert words in found.why
    assert INSIDE not in found.why, "nothing of what a pod sends is told"
    heads = {head.partition("\r\n")[0] for head in server.requests}
    assert heads == {"GET /metrics HTTP/1.1"}, "redirects are not followed"


def test_the_text_of_that_table_is_read_when_it_is_right() -> None:
    """Its positive control."""
    assert counters(TEXT.encode()) == Counters(4, 0, 4, ((0.1, 3),), 0.0)


def test_lines_of_others_and_very_long_ones_are_passed_over() -> None:
    noise = f"{DURATION}_bucket{{le='{'9' * 5000}'}} 1\n# TYPE x y z {{\nother{{ 1\n\xff\xfe\n"
    assert counters(noise.encode("latin-1") + TEXT.encode()) == counters(TEXT.encode())


async def _endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
    while True:
        writer.write(b"x 1\n" * 1000)
        await writer.drain()


async def _trickling(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def _silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize(
    ("talk", "words"),
    [(_endless, "more than"), (_trickling, "within 0.3 s"), (_silent, "within 0.3 s")],
)
async def test_an_answer_that_does_not_end(talk: Talk, words: str) -> None:
    async with serve(talk) as server:
        found = await read(server, seconds=0.3 if talk is not _endless else 30)
        assert isinstance(found, Unreadable)
        assert words in found.why
        await asyncio.wait_for(server.left.wait(), 30)  # the connection is let go of


async def test_nobody_listens() -> None:
    async with serve(b"") as server:
        pass
    found = await read(server)
    assert isinstance(found, Unreadable)
    assert "NetworkPolicy" in found.why


async def test_an_address_that_is_none() -> None:
    scraper = PodMetrics(seconds=5)
    found = await scraper.read(Target("u", "iris-v2-1", "not an address"))
    await scraper.close()
    assert isinstance(found, Unreadable)


LINES = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.sampled_from(TEXT.splitlines()),
        st.tuples(
            st.sampled_from(
                [DURATION, f"{DURATION}_bucket", f"{DURATION}_count", "pintle_model_requests_total"]
            ),
            st.text('{}le="0.1+Infcode5xx,\\ \t', max_size=20),
            st.text("0123456789eE+-.NaInf ", max_size=12),
        ).map(lambda parts: f"{parts[0]}{parts[1]} {parts[2]}"),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=500)
@given(LINES)
def test_any_text_is_read_or_refused(lines: list[str]) -> None:
    found = counters("\n".join(lines).encode("utf-8", "surrogatepass"))
    assert isinstance(found, Counters | Unreadable)
    if isinstance(found, Counters):
        assert found.requests >= found.failed >= 0
        assert found.timed >= max(n for _, n in found.within)


@pytest.fixture
async def garbage() -> AsyncIterator[Server]:
    """A megabyte of lines that look like the runtime's."""
    line = f'{DURATION}_bucket{{le="0.{"1" * 100}"}} 1\n'
    async with serve(http(200, line * (1024 * 1024 // len(line)), kind="text/plain")) as server:
        yield server


async def test_a_megabyte_of_garbage_holds_nobody_up(garbage: Server) -> None:
    scraper = PodMetrics(port=garbage.port, seconds=30, body_bytes=1024 * 1024)
    began = time.process_time()
    found = await scraper.read(Target("u", "iris-v2-1", "127.0.0.1"))
    await scraper.close()
    assert isinstance(found, Unreadable)
    assert time.process_time() - began < 1
