"""The generator against a real HTTP server of a few lines, which answers as it is told to."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from demo.traffic import Log, Target
from demo.traffic.generator.http1 import Answer, BadAnswerError, parse
from demo.traffic.generator.judge import judge, version
from demo.traffic.generator.recorder import Recorder
from demo.traffic.generator.sender import Sender

GOOD = '{"predictions": [0.2]}'


def http(body: str, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", body]).encode()


class Server:
    """Answers the nth request with the nth of its answers, then with the last of them over and over.

    An answer of no bytes closes the connection.
    """

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self._more = asyncio.Event()

    async def seen(self, requests: int) -> None:
        while len(self.requests) < requests:
            self._more.clear()
            await self._more.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while request := await self.read(reader):
                self.requests.append(request)
                self._more.set()
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if not answer:
                    break
                writer.write(answer)
        finally:
            writer.close()

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if b"content-length" in line), 0
        )
        return head + await reader.readexactly(length)


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[int]:
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()


async def send(server: Server, requests: int, **target: Any) -> Log:  # noqa: ANN401  # fields of Target
    """The record of what a Sender did until the server had seen so many requests."""
    output = io.StringIO()
    recorder, stopping = Recorder(output), asyncio.Event()
    async with listening(server) as port:
        fields = {"body": "{}", "clients": 1, **target}
        sender = Sender(Target("iris", "127.0.0.1", port=port, **fields), recorder, stopping)
        running = asyncio.create_task(sender.run())
        async with asyncio.timeout(10):
            await server.seen(requests)
            stopping.set()
            await running
    recorder.end(0)
    log = Log()
    for line in output.getvalue().splitlines():
        log.feed(line)
    assert log.ended
    return log


def outcomes(log: Log) -> list[tuple[str, str]]:
    return [(request.outcome, request.version) for request in sorted(log.requests, key=lambda one: one.began)]


async def test_every_request_has_a_connection_of_its_own() -> None:
    server = Server(http(GOOD, "pintle-model: iris/3", "pintle-revision: iris-v3-a"))
    log = await send(server, 20)
    assert server.connections == len(server.requests)
    assert log.connections == []  # of those that are kept there would be
    assert all(b"connection: close" in request for request in server.requests)
    assert {(one.outcome, one.version, one.revision) for one in log.requests} == {("ok", "3", "iris-v3-a")}
    assert len(log.requests) == len(server.requests) - 1  # the first asked whether anything serves


async def test_keep_alive_uses_one_connection_until_the_server_says_close() -> None:
    server = Server(*[http(GOOD)] * 5, http(GOOD, "Connection: close"), http(GOOD))
    log = await send(server, 20, keep_alive=True)
    assert server.connections == len(log.connections) == 2
    assert {one.outcome for one in log.requests} == {"ok"}


async def test_outcomes() -> None:
    server = Server(
        http(GOOD),  # asks whether anything serves
        http(GOOD, "pintle-model: iris/1"),
        http('{"predictions": [NaN]}', "pintle-model: iris/3"),
        http("overloaded", "pintle-model: iris/1", status="503 Service Unavailable"),
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n",
        http(GOOD, "pintle-model: iris/2"),
    )
    log = await send(server, 8)
    assert outcomes(log)[:6] == [
        ("ok", "1"), ("wrong", "3"), ("lost", "1"), ("lost", ""), ("lost", ""), ("ok", "2"),
    ]  # fmt: skip


async def test_nothing_counts_before_the_first_answer() -> None:
    server = Server(b"", http("not ready", status="503 Service Unavailable"), http(GOOD))
    log = await send(server, 6)
    assert {one.outcome for one in log.requests} == {"ok"}
    assert "iris" in log.live


async def test_no_answer_in_time_is_lost() -> None:
    server = Server(http(GOOD), http(GOOD), b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n", http(GOOD))
    log = await send(server, 4, timeout_seconds=0.2)
    assert outcomes(log)[:2] == [("ok", ""), ("lost", "")]
    assert "no answer in 0.2 s" in [one.detail for one in log.requests]


async def test_a_rate_is_kept() -> None:
    server = Server(http(GOOD))
    log = await send(server, 41, clients=0, rate=200)
    began = sorted(one.began for one in log.requests)
    # Counted from before the first one, which alone may be late.
    assert began[39] - log.live["iris"] >= 40 / 200 - 0.01


async def test_requests_over_what_may_wait_are_skipped_and_counted() -> None:
    held = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"
    server = Server(http(GOOD), held)
    options = {"clients": 0, "rate": 500, "at_once": 2, "timeout_seconds": 0.3}
    log = await send(server, 5, **options)
    assert log.skipped["iris"] > 0
    assert {one.outcome for one in log.requests} == {"lost"}


async def test_without_a_body_it_only_asks_whether_the_target_is_well() -> None:
    server = Server(http("\n", "pintle-model: iris/1"))
    log = await send(server, 3, body="", path="/ping")
    assert server.requests[0].startswith(b"GET /ping HTTP/1.1\r\n")
    assert {(one.outcome, one.version) for one in log.requests} == {("ok", "1")}


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ('{"predictions": [{"width": 1.5, "name": "a"}]}', "ok"),
        ('{"predictions": ["setosa", null]}', "ok"),
        ('{"predictions": [1.0, NaN]}', "wrong"),
        ('{"predictions": [{"width": [1, -Infinity]}]}', "wrong"),
        ('{"predicted": [1.0]}', "wrong"),
        ("[]", "wrong"),
        ("Internal", "wrong"),
    ],
)
def test_answers_are_judged_by_their_predictions(body: str, outcome: str) -> None:
    assert judge(Answer(200, {}, body.encode()))[0] == outcome


def test_infinite_answers_may_be_declared_right() -> None:
    assert judge(Answer(200, {}, b'{"predictions": [Infinity]}'), finite=False) == ("ok", "")


def test_the_version_is_what_follows_the_last_slash() -> None:
    answer = Answer(200, {"pintle-model": "fraud scores/17", "model-version": "2"}, b"")
    assert [version(answer, name) for name in ("pintle-model", "model-version", "other")] == ["17", "2", ""]


def test_an_answer_is_there_when_all_of_its_body_is() -> None:
    whole = http(GOOD)
    assert all(parse(whole[:size]) is None for size in range(len(whole)))
    assert parse(whole) == Answer(200, {"content-length": str(len(GOOD))}, GOOD.encode())
    with pytest.raises(BadAnswerError):
        parse(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
