"""What happened to the objects of a kind, in order: a watch, collected by a thread."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
import urllib3
from kubernetes import client

from pintle.domain import Resource
from tests.support.kube import watch_path
from tests.support.rest import Json
from tests.support.waiting import until

T = TypeVar("T")


@dataclass(frozen=True)
class Change:
    """One event of a watch, and when it came: seconds since 1970."""

    at: float
    type: str
    object: Json


class Watch:
    """Changes since it began, oldest first; those of objects that were there already come first, as ADDED."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self.changes: list[Change] = []
        self._response = response
        self._stopped = False
        self._trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def of(self, name: str) -> list[Change]:
        """The changes of one object."""
        return [c for c in self._so_far() if c.object["metadata"]["name"] == name]

    def since(self, seen: int) -> list[Change]:
        """The changes after the first `seen` ones."""
        return self._so_far()[seen:] if len(self.changes) > seen or self._trouble else []

    def first(self, wanted: Callable[[Json], T], *, within: float, what: str) -> Change:
        """The first change whose object is `wanted`, be it past or still to come."""

        def found() -> Change | None:
            return next((c for c in self._so_far() if wanted(c.object)), None)

        return until(found, within=within, what=what, now=lambda: self.changes[-1:])

    def _so_far(self) -> list[Change]:
        if self._trouble is not None and not self._stopped:
            raise AssertionError("the watch broke") from self._trouble
        return list(self.changes)

    def _collect(self) -> None:
        pending = b""
        try:
            for chunk in self._response.stream(amt=None):
                pending += chunk
                *lines, pending = pending.split(b"\n")
                at = time.time()
                for line in lines:
                    event: dict[str, Any] = orjson.loads(line)
                    self.changes.append(Change(at, event["type"], event["object"]))
            self._trouble = ConnectionResetError("the API server ended it")
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks next
            self._trouble = error

    def stop(self) -> None:
        """End it. What it saw stays."""
        self._stopped = True
        with contextlib.suppress(Exception):  # it may have ended by itself
            self._response.shutdown()
        self._thread.join(timeout=10)
        self._response.close()


@contextmanager
def watching(api_client: client.ApiClient, resource: Resource, namespace: str) -> Iterator[Watch]:
    """Watch a kind in a namespace for as long as the block lasts."""
    pool: urllib3.PoolManager = api_client.rest_client.pool_manager
    url = f"{api_client.configuration.host}{watch_path(resource, namespace)}"
    response = pool.request("GET", url, preload_content=False, timeout=urllib3.Timeout(connect=10, read=None))
    assert response.status == 200, response.read()
    watch = Watch(response)
    try:
        yield watch
    finally:
        watch.stop()
