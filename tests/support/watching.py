"""What happened to the objects of a kind, in order: a watch, collected by a thread."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

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


Open: TypeAlias = Callable[[str], urllib3.BaseHTTPResponse]
"""Begins a watch after a resourceVersion; with "" it begins with what is there."""


class Watch:
    """Changes since it began, oldest first; those of objects that were there already come first, as ADDED.

    An API server ends every watch after half an hour or more; it is then begun again where it ended.
    """

    def __init__(self, begin: Open) -> None:
        self.changes: list[Change] = []
        self._begin = begin
        self._response = begin("")
        self._seen = ""
        self._stopped = False
        self._trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def of(self, name: str) -> list[Change]:
        """The changes of one object."""
        return [c for c in self.so_far() if c.object["metadata"]["name"] == name]

    def take(self) -> list[Change]:
        """The changes since it was asked last, which it then forgets: for whoever keeps what it needs."""
        if not self.changes and self._trouble is None:
            return []
        taken = self.so_far()
        del self.changes[: len(taken)]
        return taken

    def first(self, wanted: Callable[[Json], T], *, within: float, what: str) -> Change:
        """The first change whose object is `wanted`, be it past or still to come."""

        def found() -> Change | None:
            return next((c for c in self.so_far() if wanted(c.object)), None)

        return until(found, within=within, what=what, now=lambda: self.changes[-1:])

    def so_far(self) -> list[Change]:
        """All changes until now. Raises AssertionError if the watch broke."""
        if self._trouble is not None and not self._stopped:
            raise AssertionError("the watch broke") from self._trouble
        return list(self.changes)

    def _collect(self) -> None:
        try:
            while True:
                self._take(self._response)
                if self._stopped:
                    return
                assert self._seen, "the API server ended it before it said where that was"
                self._response = self._begin(self._seen)
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks next
            self._trouble = error

    def _take(self, response: urllib3.BaseHTTPResponse) -> None:
        pending = b""
        for chunk in response.stream(amt=None):
            pending += chunk
            *lines, pending = pending.split(b"\n")
            at = time.time()
            for line in lines:
                event: dict[str, Any] = orjson.loads(line)
                assert event["type"] != "ERROR", event["object"]
                self._seen = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self.changes.append(Change(at, event["type"], event["object"]))

    def stop(self) -> None:
        """End it. What it saw stays."""
        self._stopped = True
        with contextlib.suppress(Exception):  # it may have ended by itself
            self._response.shutdown()
        self._thread.join(timeout=10)
        self._response.close()


@contextmanager
def watching(
    api_client: client.ApiClient,
    resource: Resource,
    namespace: str,
    *,
    kind: Callable[[Open], Watch] = Watch,
    **query: str,
) -> Iterator[Watch]:
    """Watch a kind in a namespace for as long as the block lasts. `query` is for the API server."""
    pool: urllib3.PoolManager = api_client.rest_client.pool_manager

    def begin(after: str) -> urllib3.BaseHTTPResponse:
        where = {"resourceVersion": after} if after else {}
        path = watch_path(resource, namespace, **{**query, **where})
        url = f"{api_client.configuration.host}{path}"
        response = pool.request(
            "GET", url, preload_content=False, timeout=urllib3.Timeout(connect=10, read=None)
        )
        assert response.status == 200, response.read()
        return response

    watch = kind(begin)
    try:
        yield watch
    finally:
        watch.stop()
