"""Keeps the watches running: a thread for them, another start when they end, and a look at their tasks.

kopf runs in a thread and a loop of its own. When it ends it cancels every task that was made in its
loop after its start (kopf 1.45.2, `_core/reactor/running.py`, `run_tasks`): in the loop that the work
is done in, these would be passes under way, requests and timers. Nothing of ours runs in its loop but
`_look`, which is there before it.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

log = logging.getLogger(__name__)

StopFlag: TypeAlias = asyncio.Event
Operate: TypeAlias = Callable[[StopFlag], Awaitable[None]]
"""Watches until the flag is set. May also end or fail by itself, and is then called again."""

_RESTART_FIRST, _RESTART_LIMIT = 1.0, 30.0
# A run that lasted so long was well: the next restart is quick again.
_WELL_SECONDS = 60.0
_LOOK_SECONDS = 1.0
# What kopf has to close when it is told to stop is closed within milliseconds.
_STOP_SECONDS = 1.0
# So often a task that outlives kopf is cancelled anew, `_STOP_SECONDS` apart.
_SWEEPS = 5
# Connections that kopf has closed go within the next rounds of the loop, which must not end before.
_CLOSE_SECONDS = 0.1
# A watcher that is gone for so long does not come back: kopf forgets those that were cancelled (kopf#1276).
_GONE_SECONDS = 15.0
# Longer than any recovery of kopf's own takes while the API server answers.
_SICK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen of the watching tasks: which are missing, since when, and when that was looked at."""

    missing: frozenset[str]
    since: float
    at: float


class Watches:
    """Runs `operate` in a thread. `expected` gives the names of the tasks that it should watch with by now.

    Where they come to be more, as when a kind is installed, it is started anew as if these had gone.
    """

    def __init__(self, operate: Operate, expected: Callable[[], frozenset[str]]) -> None:
        self._operate = operate
        self._expected = expected
        self._thread = threading.Thread(target=self._run, name="watches", daemon=True)
        self._loop = asyncio.new_event_loop()
        self._stopping = False
        self._stop: StopFlag | None = None
        self._look_result = _Look(expected(), time.monotonic(), time.monotonic())
        self._begun: float | None = None  # when the first of this run's watchers was seen
        self._left: set[asyncio.Task[Any]] = set()  # of earlier runs, and could not be ended

    def start(self) -> None:
        """Start watching."""
        self._look_result = _Look(self._expected(), time.monotonic(), time.monotonic())
        self._thread.start()

    async def stop(self, seconds: float = 5.0) -> None:
        """Stop watching. What has not ended after so many seconds is left to the end of the process."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended
            self._loop.call_soon_threadsafe(self._request_stop)
        await asyncio.to_thread(self._thread.join, seconds)
        if self._thread.is_alive():
            log.warning("the watches did not end within %s s", seconds)

    def problem(self) -> str:
        """What is wrong with the watches, for so long that somebody should be told; "" if nothing is."""
        look, now = self._look_result, time.monotonic()
        if now - look.at > _SICK_SECONDS:
            return f"the thread that watches has not moved for {now - look.at:.0f} s"
        if look.missing and now - look.since > _SICK_SECONDS:
            return f"not watched for {now - look.since:.0f} s: {', '.join(sorted(look.missing))}"
        return ""

    def _request_stop(self) -> None:
        self._stopping = True
        if self._stop:
            self._stop.set()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._keep_running())

    async def _keep_running(self) -> None:
        asyncio.get_running_loop().set_exception_handler(_note)
        looking = asyncio.create_task(self._look(), name="look at the watches")
        wait = _RESTART_FIRST
        try:
            while not self._stopping:
                started = time.monotonic()
                await self._run_once()
                wait = _RESTART_FIRST if time.monotonic() - started > _WELL_SECONDS else wait
                await self._pause(wait)
                wait = min(2 * wait, _RESTART_LIMIT)
        finally:
            looking.cancel()
            await asyncio.sleep(_CLOSE_SECONDS)

    async def _run_once(self) -> None:
        self._stop, self._begun = asyncio.Event(), None
        if self._stopping:
            return
        ours = asyncio.all_tasks()
        # Both are there before kopf starts, and so outlive it.
        running = asyncio.create_task(self._run_operate(self._stop), name="kopf")
        told = asyncio.create_task(self._stop.wait(), name="told to stop")
        await asyncio.wait({running, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if not running.done():
            await asyncio.wait({running}, timeout=_STOP_SECONDS)
        # kopf waits five seconds for tasks that it has forgotten to cancel; a cancellation cuts that short.
        running.cancel()
        await asyncio.wait({running})
        await self._sweep(ours)

    async def _sweep(self, ours: set[asyncio.Task[Any]]) -> None:
        """End what kopf has left behind: a watcher may take its first cancellation for a pause.

        That is when its pause-waiter is cancelled just before it (kopf 1.45.2, `clients/api.py`, `stream`),
        and it then watches on, in place of one of the next run. Seen with a watch that was cut in mid-JSON.
        """
        for _ in range(_SWEEPS):
            left = asyncio.all_tasks() - ours - self._left
            if not left:
                return
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=_STOP_SECONDS)
        self._left |= asyncio.all_tasks() - ours
        log.error("not ended: %s; the watches go on beside them", ", ".join(t.get_name() for t in self._left))

    async def _run_operate(self, stop: StopFlag) -> None:
        try:
            await self._operate(stop)
        except Exception:
            log.exception("the watches failed; they are started again")
        else:
            if not stop.is_set():
                log.warning("the watches ended; they are started again")

    async def _pause(self, seconds: float) -> None:
        self._stop = asyncio.Event()
        if not self._stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), seconds)

    async def _look(self) -> None:
        """See which watching tasks are missing; start all of them anew when one has gone for good.

        Where none has been there yet kopf is still logging in, or waits for the API server.
        """
        while True:
            now = time.monotonic()
            present = {task.get_name() for task in asyncio.all_tasks() - self._left if not task.done()}
            expected = self._expected()
            missing = expected - present
            before = self._look_result
            since = before.since if before.missing and missing else now
            self._look_result = _Look(missing, since, now)
            if self._begun is None and missing != expected:
                self._begun = now
            # A run is not to blame for what was missing before it.
            if missing and self._stop and self._begun and now - max(self._begun, since) > _GONE_SECONDS:
                log.error("not watched: %s; starting the watches anew", ", ".join(sorted(missing)))
                self._begun = None
                self._stop.set()
            await asyncio.sleep(_LOOK_SECONDS)


def _note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what asyncio has to complain of, in a line.

    When one watcher fails kopf drops the others with their exceptions unread, each of them a traceback
    that is written whenever garbage is collected; what failed first it has logged itself.
    """
    log.warning("%s: %s", context.get("message"), context.get("exception"))
