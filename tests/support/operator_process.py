"""One process of the operator in memory: the real reconciler, its caches, and a queue that a test steps."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TypeVar

from pintle.cache import Cache, deployment_of
from pintle.domain import Defaults, Key
from pintle.domain.resources import NAMESPACES, OWN
from pintle.errors import ClusterError, PintleError, Waiting
from pintle.ports import Resource
from pintle.reconciler import Reconciler
from tests.support.answers import Answers, Recorder, Views
from tests.support.fake_api_server import Body, WatchType
from tests.support.fake_clock import FakeClock
from tests.support.fake_cluster import FakeCluster
from tests.support.fake_requests import FakeComparisons, FakeRequests
from tests.support.fake_watch import FakeWatch

T = TypeVar("T")
_BESIDE = ThreadPoolExecutor(1)


class Operator:
    """Memory that is empty at first, caches that are filled from what the cluster holds, and a watch.

    A pass that is killed (a fault's CancelledError) leaves `killed` behind, and a process that does nothing
    more. A second process over the same API server has a `FakeCluster` of its own.
    """

    def __init__(
        self,
        cluster: FakeCluster,
        clock: FakeClock,
        answers: Answers,
        recorder: Recorder,
        key: Key,
        *,
        requests: FakeRequests,
    ) -> None:
        self.cluster = cluster
        self.clock = clock
        self.cache = Cache()
        self.views = Views(self.cache)
        self.comparisons = FakeComparisons(requests, clock)
        self.dirty: set[Key] = {key}
        self.due: dict[Key, datetime] = {}
        self.said: list[Key] = []
        self.killed = False
        self.working = False
        self._key = key
        self._list()
        self.watch = FakeWatch(cluster.api, self._deliver)
        self.reconciler = Reconciler(
            cluster=cluster,
            cache=self.cache,
            resolver=answers,
            connections=self.views,
            comparisons=self.comparisons,
            events=recorder,
            metrics=recorder,
            clock=clock,
            defaults=Defaults(),
            said=self.said.append,
        )

    def stop(self) -> None:
        """Watch no more, as a process that is gone."""
        self.watch.stop()
        self.killed = True

    def operate(self, limit: int = 50) -> None:
        """Work until nothing is queued. Errors re-queue, as the real queue does."""
        if self.working:
            return  # held up in the middle of a pass: a test does something meanwhile
        for _ in range(limit):
            now = self.clock.now()
            self.dirty |= {k for k, t in self.due.items() if t <= now}
            if not self.dirty or self.killed:
                return
            self._pass(self.dirty.pop())
        raise AssertionError(f"the operator does not come to rest within {limit} passes")

    def _list(self) -> None:
        api = self.cluster.api
        for resource in (NAMESPACES, *OWN):
            for body in api.objects(resource):
                self.cache.upsert(resource, body)
        for resource in api.kinds():
            for body in api.objects(resource, labels="app.kubernetes.io/managed-by=pintle"):
                self.cache.upsert(resource, body)

    def _deliver(self, change: WatchType, resource: Resource, obj: Body) -> None:
        changed = (
            self.cache.remove(resource, obj) if change == "DELETED" else self.cache.upsert(resource, obj)
        )
        if changed:
            self.dirty.add(deployment_of(resource, obj) or self._key)

    def _pass(self, key: Key) -> None:
        self.due.pop(key, None)
        now = self.clock.now()
        self.working = True
        try:
            after = _run(self.reconciler.reconcile(key))
        except Waiting as error:
            after = error.after
        except (ClusterError, PintleError):
            after = 0.25
        except asyncio.CancelledError:
            self.stop()
            return
        finally:
            self.working = False
        times = [t for t in (after, self.comparisons.again(key)) if t is not None]
        if (after := min(times, default=None)) is not None:
            self.due[key] = now + timedelta(seconds=after) if after > 0.02 else now


def _run(coroutine: Coroutine[object, object, T]) -> T:
    """Run a pass to its end; in a thread of its own while a pass of another process is under way."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    return _BESIDE.submit(asyncio.run, coroutine).result()
