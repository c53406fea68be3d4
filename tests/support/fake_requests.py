"""Requests of clients in memory: who answers them, how, and what the pods count of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pintle import sampling
from pintle.comparisons import INTERVAL_SECONDS
from pintle.domain import Comparison, Counters, Key, Reading, Resource, Target, Unreadable, Verdict
from pintle.domain.resources import HTTP_ROUTES, PODS, SERVICES
from pintle.naming import LABEL_REVISION
from pintle.sampling import Window
from tests.support.fake_api_server import Body, FakeApiServer, WatchType
from tests.support.fake_clock import FakeClock
from tests.support.fake_controllers import is_ready

EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5)


@dataclass(frozen=True, slots=True)
class Manners:
    """How the pods of a version answer: the share that fails, and how long each takes.

    `unreadable` is what reading its numbers comes to instead, as with another image.
    """

    failing: float = 0.0
    seconds: float = 0.008
    unreadable: str = ""


@dataclass(slots=True)
class _Counts:
    requests: float = 0.0
    failed: float = 0.0
    within: tuple[float, ...] = (0.0,) * len(EDGES)
    started: float = 1.0


class FakeRequests:
    """`rate` requests a second come by the route, or where there is none by the Service.

    They are shared out as both stand, among the ready pods of a version.
    """

    def __init__(self, api: FakeApiServer, namespace: str, name: str) -> None:
        self._api, self._namespace, self._name = api, namespace, name
        self._rate = 0.0
        self._manners: dict[str, Manners] = {}
        self.reads = 0
        self.lost = 0.0  # requests that came to where no pod was ready
        self._counts: dict[str, _Counts] = {}
        self._shares: dict[str, float] = {}
        self._until = api.clock.now()
        api.listeners.append(self._look)

    @property
    def rate(self) -> float:
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self.go_on()
        self._rate = rate

    def behave(self, version: str, manners: Manners) -> None:
        """Have the pods of a version answer so from now on."""
        self.go_on()
        self._manners[version] = manners

    def read(self, target: Target) -> Reading:
        """What a pod has counted by now."""
        self.reads += 1
        self.go_on()
        pod = self._api.find(PODS, self._namespace, target.name)
        manners = self._manners_of(pod) if pod else Manners(unreadable="is gone")
        if manners.unreadable:
            return Unreadable(manners.unreadable)
        counts = self._counts.setdefault(target.name, _Counts())
        return Counters(
            requests=int(counts.requests),
            failed=int(counts.failed),
            timed=int(counts.requests),
            within=tuple((edge, int(count)) for edge, count in zip(EDGES, counts.within, strict=True)),
            started=counts.started,
        )

    def start_anew(self, pod: str) -> None:
        """The container of a pod is started again, and counts from 0."""
        self.go_on()
        self._counts[pod] = _Counts(started=self._counts[pod].started + 1)

    def go_on(self) -> None:
        """Answer the requests that have come since the last time."""
        now = self._api.clock.now()
        came, self._until = self._rate * (now - self._until).total_seconds(), now
        if not came:
            return
        ready = [p for p in self._api.objects(PODS) if is_ready(p)]
        for revision, share in self._shares.items():
            pods = [p for p in ready if _revision(p) == revision]
            self.lost += 0 if pods else came * share
            for pod in pods:
                self._answer(pod, came * share / len(pods))

    def _answer(self, pod: Body, number: float) -> None:
        manners = self._manners_of(pod)
        counts = self._counts.setdefault(pod["metadata"]["name"], _Counts())
        counts.requests += number
        counts.failed += number * manners.failing
        counts.within = tuple(
            count + number * (manners.seconds <= edge)
            for edge, count in zip(EDGES, counts.within, strict=True)
        )

    def _manners_of(self, pod: Body) -> Manners:
        revision = _revision(pod)
        return self._manners.get(revision.removeprefix(f"{self._name}-v").split("-")[0], Manners())

    def _look(self, change: WatchType, resource: Resource, obj: Body) -> None:
        del change, obj
        if resource in (HTTP_ROUTES, SERVICES):
            self.go_on()  # by what stood there until now
            self._shares = self._read_shares()

    def _read_shares(self) -> dict[str, float]:
        service = self._api.find(SERVICES, self._namespace, self._name)
        serving = service["spec"]["selector"].get(LABEL_REVISION, "") if service else ""
        routed = HTTP_ROUTES in self._api.kinds()
        route = self._api.find(HTTP_ROUTES, self._namespace, self._name) if routed else None
        shares: dict[str, float] = {}
        whole: list[dict[str, Any]] = [{"name": self._name, "weight": 100}]
        for backend in route["spec"]["rules"][0]["backendRefs"] if route else whole:
            revision = serving if backend["name"] == self._name else backend["name"]
            shares[revision] = shares.get(revision, 0.0) + float(backend["weight"]) / 100
        return shares


def _revision(pod: Body) -> str:
    """Whose pod it is; "" where somebody else made it."""
    return str(pod["metadata"]["labels"].get(LABEL_REVISION, ""))


class FakeComparisons:
    """As `pintle.comparisons.Comparisons`, but that a test's clock says when pods are read, within a pass."""

    def __init__(self, requests: FakeRequests, clock: FakeClock) -> None:
        self._requests, self._clock = requests, clock
        self._running: dict[Key, tuple[Comparison, Window, Verdict]] = {}
        self._next: dict[Key, datetime] = {}

    def want(self, key: Key, comparison: Comparison) -> Verdict:
        before, window, verdict = self._running.get(key, (comparison, Window(), sampling.waiting(comparison)))
        if before.subject != comparison.subject:
            window = window.anew(before.subject, comparison.subject)
            verdict = sampling.waiting(comparison)
        if self._clock.now() >= self._next.get(key, self._clock.now()):
            targets = (*comparison.candidates, *comparison.stables)
            readings = {target.uid: self._requests.read(target) for target in targets}
            window, verdict = sampling.after(window, comparison, readings)
            self._next[key] = self._clock.now() + timedelta(seconds=INTERVAL_SECONDS)
        self._running[key] = comparison, window, verdict
        return verdict

    def forget(self, key: Key) -> None:
        self._running.pop(key, None)
        self._next.pop(key, None)

    def again(self, key: Key) -> float | None:
        """Seconds until pods are read again."""
        found = self._next.get(key)
        return max(0.0, (found - self._clock.now()).total_seconds()) if found else None
