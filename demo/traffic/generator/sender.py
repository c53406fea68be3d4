"""Sending to one target: at a fixed rate, or by clients of which each waits for its answer."""

import asyncio
import socket
import time

from .config import Target
from .http1 import Answer, BadAnswerError, Connection, request_bytes
from .judge import judge, version
from .recorder import Recorder

WAITING_SECONDS = 0.05


class Sender:
    """Sends to one target until it is cancelled."""

    def __init__(self, target: Target, recorder: Recorder, stopping: asyncio.Event) -> None:
        self._target, self._recorder, self._stopping = target, recorder, stopping
        self._request = request_bytes(target.host, target.path, target.body, keep_alive=target.keep_alive)
        self._address = ""
        self._idle: list[Connection] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Wait for the first answer, send until stopping, and wait for the last answers."""
        await self._await_live()
        if self._target.clients:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._target.clients):
                    group.create_task(self._client())
        else:
            await self._at_rate()
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _await_live(self) -> None:
        """Before anything serves, nothing is lost: ask twenty times a second until there is a 200."""
        while not self._stopping.is_set():
            try:
                answer = await asyncio.wait_for(self._ask(), self._target.timeout_seconds)
            except (OSError, BadAnswerError):
                answer = None
            if answer and answer.status == 200:  # noqa: PLR2004  # HTTP's
                self._recorder.live(self._target.name, time.time())
                return
            await asyncio.sleep(WAITING_SECONDS)

    async def _client(self) -> None:
        while not self._stopping.is_set():
            await self._once()

    async def _at_rate(self) -> None:
        """Send on time by the clock, so that a slow answer or a slow moment here thins nothing out."""
        began, number = time.monotonic(), 0
        while not self._stopping.is_set():
            number += 1
            await asyncio.sleep(max(0.0, began + number / self._target.rate - time.monotonic()))
            if len(self._under_way) >= self._target.at_once:
                self._recorder.skip(self._target.name)
                continue
            task = asyncio.create_task(self._once())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _once(self) -> None:
        """One request, its outcome recorded."""
        target, began = self._target, time.time()
        try:
            answer = await asyncio.wait_for(self._ask(), target.timeout_seconds)
        except TimeoutError:
            detail = f"no answer in {target.timeout_seconds:g} s"
            self._recorder.add(target.name, began, time.time(), "lost", detail=detail)
        except (OSError, BadAnswerError) as error:
            self._address = ""
            self._recorder.add(
                target.name, began, time.time(), "lost", detail=f"{type(error).__name__}: {error}"
            )
            await asyncio.sleep(WAITING_SECONDS)  # clients would otherwise ask thousands of times a second
        else:
            outcome, detail = judge(answer, predicts=bool(target.body), finite=target.finite)
            self._recorder.add(
                target.name,
                began,
                time.time(),
                outcome,
                version=version(answer, target.version_header),
                revision=answer.headers.get(target.revision_header, ""),
                status=answer.status,
                detail=detail,
            )

    async def _ask(self) -> Answer:
        connection = self._pooled() or await self._connect()
        try:
            answer = await connection.ask(self._request)
        except BaseException:
            connection.close()
            raise
        if self._target.keep_alive and connection.reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def _pooled(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                return connection
        return None

    async def _connect(self) -> Connection:
        """A new connection. The name is looked up once, and again after a failure."""
        loop = asyncio.get_running_loop()
        address = self._address
        if not address:
            found = await loop.getaddrinfo(self._target.host, self._target.port, type=socket.SOCK_STREAM)
            address = self._address = str(found[0][4][0])
        _, connection = await loop.create_connection(Connection, address, self._target.port)
        if self._target.keep_alive:
            self._recorder.connected(self._target.name, time.time())
        return connection
