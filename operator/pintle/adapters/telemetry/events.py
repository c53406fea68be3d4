"""`ports.Events` on events.k8s.io/v1.

What is posted goes into a bounded queue and is written in the background. The same words about the
same object within ten minutes are one Event with a count, as client-go's broadcaster does it.
"""

import asyncio
import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from pintle import errors, naming
from pintle.conditions import shorten
from pintle.domain import Resource
from pintle.ports import Clock, Cluster, Event

log = logging.getLogger(__name__)

EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
CONTROLLER = f"{naming.GROUP}/operator"
MERGED_FOR = timedelta(minutes=10)

# The API server refuses a longer note (k8s.io/kubernetes, pkg/apis/core/validation/events.go), and
# counts it in bytes.
_NOTE_BYTES = 1024
_WAITING = 1000
_REMEMBERED = 2000

_Same: TypeAlias = tuple[str, str, str]


@dataclass(slots=True)
class _Written:
    name: str
    at: datetime
    count: int = 1


class KubernetesEvents:
    """A `ports.Events`. `instance` is this process's name, such as its pod's; `run` does the writing."""

    def __init__(self, cluster: Cluster, clock: Clock, *, instance: str) -> None:
        self._cluster = cluster
        self._clock = clock
        self._instance = instance
        self._waiting: asyncio.Queue[tuple[Event, datetime]] = asyncio.Queue(_WAITING)
        self._written: OrderedDict[_Same, _Written] = OrderedDict()

    def post(self, event: Event) -> None:
        """As the port says: an Event for which there is no room is dropped."""
        try:
            self._waiting.put_nowait((event, self._clock.now()))
        except asyncio.QueueFull:
            log.warning(
                "too many Events wait to be written, dropped one: %s: %s", event.reason, event.message
            )

    async def run(self) -> None:
        """Write Events for ever, one after the other."""
        while True:
            event, at = await self._waiting.get()
            try:
                await self._write(event, at)
            except errors.ClusterError as error:
                log.warning("cannot write Event %s about %s: %s", event.reason, event.name, error)
            except Exception:
                log.exception("cannot write Event %s about %s", event.reason, event.name)
            finally:
                self._waiting.task_done()

    async def drain(self) -> None:
        """Wait until all that was posted has been written or given up."""
        await self._waiting.join()

    async def _write(self, event: Event, at: datetime) -> None:
        same = (event.uid or f"{event.namespace}/{event.name}", event.reason, event.message)
        known = self._written.get(same)
        if known and at - known.at < MERGED_FOR and await self._repeat(event, known, at):
            self._written.move_to_end(same)
            return
        name = f"{event.name}.{secrets.token_hex(8)}"
        await self._cluster.create(EVENTS, _namespace(event), self._body(event, name, at))
        self._written[same] = _Written(name, at)
        self._written.move_to_end(same)
        if len(self._written) > _REMEMBERED:
            self._written.popitem(last=False)

    async def _repeat(self, event: Event, known: _Written, at: datetime) -> bool:
        """Count a repetition on the Event that there is; False if there is none any more."""
        series = {"count": known.count + 1, "lastObservedTime": naming.micro_timestamp(at)}
        try:
            await self._cluster.patch(EVENTS, _namespace(event), known.name, {"series": series})
        except errors.NotFound:
            return False
        known.at, known.count = at, known.count + 1
        return True

    def _body(self, event: Event, name: str, at: datetime) -> dict[str, Any]:
        regarding = {
            "apiVersion": event.regarding.api_version,
            "kind": event.regarding.kind,
            "name": event.name,
            "uid": event.uid,
        }
        if event.namespace:
            regarding["namespace"] = event.namespace
        return {
            "metadata": {
                "name": name,
                "namespace": _namespace(event),
                "annotations": dict(event.annotations),
            },
            "eventTime": naming.micro_timestamp(at),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "action": event.action,
            "reason": event.reason,
            "regarding": regarding,
            "note": _note(event.message),
            "type": event.type,
        }


def _namespace(event: Event) -> str:
    """Where an Event lives: with its object, or in `default` for a cluster-scoped one."""
    return event.namespace or "default"


def _note(message: str) -> str:
    return shorten(message).encode()[:_NOTE_BYTES].decode(errors="ignore")
