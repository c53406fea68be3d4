"""Keys from a queue -> passes, and what a pass's end means for when its key comes back.

What client-go calls a controller: the policy that `WorkQueue.run` leaves to its `work`. A pass that
fails, for whatever cause, concerns its own key alone.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from pintle.domain import Key
from pintle.errors import ClusterError, Conflict, PintleError, Unavailable, Waiting
from pintle.ports import Metrics
from pintle.workqueue import WorkQueue

log = logging.getLogger(__name__)

Reconcile: TypeAlias = Callable[[Key], Awaitable[float | None]]
"""One pass. Gives the seconds until the key wants to be looked at again, or None for the next event."""

# A conflict says that the cache is behind by a watch event, which takes milliseconds to arrive.
CONFLICT_FIRST = 0.05


class Controller:
    """Works on the keys of one kind. `what` names the kind in the log."""

    def __init__(self, what: str, queue: WorkQueue[Key], reconcile: Reconcile, metrics: Metrics) -> None:
        self._what = what
        self._queue = queue
        self._reconcile = reconcile
        self._metrics = metrics

    async def run(self, *, workers: int) -> None:
        """Work until the queue is shut down and the last pass has ended."""
        await self._queue.run(self.work, workers=workers)

    async def work(self, key: Key) -> None:
        """Make one pass over a key and plan the next one. Raises nothing."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        outcome = await self._pass(key)
        self._metrics.reconciled(outcome, loop.time() - started)

    async def _pass(self, key: Key) -> str:
        try:
            after = await self._reconcile(key)
        except Conflict as error:
            self._again(key, error, logging.DEBUG, first=CONFLICT_FIRST)
            return "conflict"
        except Waiting as error:
            self._queue.add_after(key, error.after)
            return "retry"
        except (ClusterError, PintleError) as error:
            self._again(key, error, logging.WARNING)
            return "retry"
        except Exception as error:  # noqa: BLE001 - a fault of our own must not stop the worker: P9
            self._again(key, error, logging.ERROR)
            return "error"
        self._queue.forget(key)
        if after is not None:
            self._queue.add_after(key, after)
        return "ok"

    def _again(self, key: Key, error: Exception, level: int, *, first: float | None = None) -> None:
        seconds = self._queue.add_rate_limited(key, first=first, least=_asked_wait(error))
        log.log(
            level,
            "pass over %s failed, again in %.2f s: %s",
            self._what,
            seconds,
            error,
            extra={"key": f"{key.namespace}/{key.name}"},
            exc_info=error if level >= logging.ERROR else None,
        )


def _asked_wait(error: Exception) -> float:
    """Seconds that the API server asked to be left alone, 0 if it did not."""
    return (error.after or 0) if isinstance(error, Unavailable) else 0
