"""A watch on a `FakeApiServer` that can lag behind, and lose events."""

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from pintle import naming
from pintle.domain.resources import CHILDREN, NAMESPACES, OPTIONAL_CHILDREN, OWN
from pintle.ports import Resource
from tests.support.fake_api_server import Body, FakeApiServer, WatchType
from tests.support.patches import matches

WatchEvent: TypeAlias = tuple[WatchType, Resource, Body]


class FakeWatch:
    """The watch events of the kinds that the operator watches, delivered at once unless held."""

    def __init__(self, api: FakeApiServer, deliver: Callable[[WatchType, Resource, Body], None]) -> None:
        self._deliver = deliver
        self._api = api
        self._selected: set[tuple[str, str]] = set()
        self.held = False
        self.pending: deque[WatchEvent] = deque()
        api.listeners.append(self._changed)

    def stop(self) -> None:
        """Hear nothing more, as a process that is gone."""
        self._api.listeners.remove(self._changed)

    def hold(self) -> None:
        """Keep events back from now on."""
        self.held = True

    def release(self) -> None:
        """Deliver what was kept back, in order, and everything from now on at once."""
        self.held = False
        self.deliver()

    def deliver(self, count: int | None = None) -> None:
        """Deliver the oldest `count` events that were kept back; all of them by default."""
        for _ in range(len(self.pending) if count is None else count):
            self._deliver(*self.pending.popleft())

    def drop(self, wanted: Callable[[WatchType, Resource, Body], bool] = lambda *_: True) -> int:
        """Lose those of the events kept back that `wanted` picks, and say how many they were."""
        kept = deque(event for event in self.pending if not wanted(*event))
        lost = len(self.pending) - len(kept)
        self.pending = kept
        return lost

    def _changed(self, change: WatchType, resource: Resource, obj: Body) -> None:
        """As a watch with a label selector: an object that ceases to match is DELETED for it."""
        if resource not in (NAMESPACES, *OWN, *CHILDREN, *OPTIONAL_CHILDREN):
            return
        identity = (resource.plural, obj["metadata"]["uid"])
        labels = obj["metadata"].get("labels") or {}
        selected = resource in (NAMESPACES, *OWN) or matches(naming.MANAGED_SELECTOR, labels)
        if not selected and identity not in self._selected:
            return
        if not selected or change == "DELETED":
            self._selected.discard(identity)
            change = "DELETED"
        elif identity not in self._selected:
            self._selected.add(identity)
            change = "ADDED"
        if self.held:
            self.pending.append((change, resource, obj))
        else:
            self._deliver(change, resource, obj)
