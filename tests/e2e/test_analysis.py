"""Versions that do badly with real traffic alone: given up in a canary, and after a switch."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.traffic import Request, Target
from pintle.domain.resources import HTTP_ROUTES, SERVICES
from pintle.naming import ANNOTATION_BAKED, ANNOTATION_CANARY, LABEL_REVISION
from pintle.views import annotation
from tests.e2e.conftest import Figure
from tests.support import gateway as gateways
from tests.support.deployed import Deployed, condition
from tests.support.gateway import Requests
from tests.support.load import load
from tests.support.predicting import BODY
from tests.support.rest import Json
from tests.support.rig import BOOSTED, FAILING, LINEAR, SLOW, Rig
from tests.support.waiting import until
from tests.support.watching import Watch, watching

# The gateway is built first, which takes ten minutes on a machine that has not done so before.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

RATE = 60.0
LEAST = 100
# From the answer that makes the least number of them until nothing goes there any more.
LIMIT_SECONDS = 30.0
# What the gateway, or a node, does with a change that it has seen is over within this.
MARGIN = 2.0
STEPS = [{"weight": 10, "pauseSeconds": 300}, {"weight": 50, "pauseSeconds": 300}]
QUICK = [{"weight": 20, "pauseSeconds": 5}, {"weight": 50}]


@dataclass(frozen=True)
class Entrance:
    """A ModelDeployment behind the gateway."""

    rig: Rig
    iris: Deployed
    target: Target


@pytest.fixture(scope="module")
def entrance(rig: Rig, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Entrance]:
    with gateways.raised(rig.kube, namespace, tmp_path_factory.mktemp("gateway")) as gateway:
        iris = Deployed(rig.kube, namespace)
        iris.serve(LINEAR, gateway={"parentRefs": [gateway.parent]}, rollout=_rollout(STEPS))
        target = Target("gateway", "127.0.0.1", port=gateway.port, body=BODY, rate=RATE, timeout_seconds=30)
        yield Entrance(rig, iris, target)
        iris.delete()


def _rollout(steps: list[dict[str, int]]) -> dict[str, Any]:
    return {"strategy": "Canary", "steps": steps, "analysis": {"minRequests": LEAST}}


@dataclass(frozen=True)
class Trial:
    """What happened while a version had traffic that it was not to keep."""

    requests: list[Request]
    version: str
    given: float
    taken: float

    @property
    def enough(self) -> float:
        """When it had answered as many requests as are looked at together at the least."""
        answered = sorted(r.done for r in self.requests if r.version == self.version and r.done > self.given)
        return answered[LEAST - 1]

    @property
    def lost(self) -> list[Request]:
        return [r for r in self.requests if r.outcome != "ok"]

    def check(self) -> str:
        """See that it was short, and cost no more than what its share was asked; say it in figures."""
        took = self.taken - self.enough
        assert took < LIMIT_SECONDS, f"{took:.1f} s"
        strangers = [r for r in self.lost if r.version != self.version]
        assert not strangers, f"{len(strangers)}: {strangers[:5]}"
        late = [r for r in self.requests if r.began > self.taken + MARGIN]
        assert len(late) > RATE, "the other one serves on"
        assert [r for r in late if r.outcome != "ok" or r.version != LINEAR] == []
        mine = [r for r in self.requests if r.version == self.version]
        return (
            f"traffic taken {took:.1f} s after its {LEAST}th answer, {self.taken - self.given:.1f} s after "
            f"it was given; {len(self.lost)} of its {len(mine)} requests failed, and 0 of the other "
            f"{len(self.requests) - len(mine)}"
        )


def _first(watch: Watch, name: str, marked: bool, since: float = 0) -> float:
    """When the route first had, or had no longer, a share for a candidate."""

    def wanted(body: Json) -> bool:
        return bool(annotation(body, ANNOTATION_CANARY)) is marked

    return next(c.at for c in watch.of(name) if wanted(c.object) and c.at > since)


@pytest.mark.parametrize(("version", "words"), [(FAILING, "failed"), (SLOW, "took longer than")])
def test_a_canary_is_given_up(
    entrance: Entrance, tmp_path: Path, figure: Figure, version: str, words: str
) -> None:
    iris = entrance.iris
    with (
        watching(entrance.rig.api_client, HTTP_ROUTES, iris.namespace) as watch,
        Requests([entrance.target], tmp_path) as traffic,
    ):
        iris.edit(version=int(version), rollout=_rollout(STEPS))
        ready = condition(iris.refused("AnalysisFailed", within=300), "Ready")
        until(lambda: not iris.pods(version), within=120, what="its pods are gone")
        requests = traffic.stop()
        given = _first(watch, iris.name, marked=True)
        taken = _first(watch, iris.name, marked=False, since=given)
    assert f"iris version {version} {words}" in ready["message"]
    assert ready["message"].endswith(f"version {LINEAR} keeps serving")
    figure(Trial(requests, version, given, taken).check() + f"; {ready['message']}")
    assert [r["reason"] for r in iris.body()["status"]["rejected"] if r["version"] == version] == [
        "AnalysisFailed"
    ]
    iris.edit(version=int(LINEAR))
    iris.ready(LINEAR)


def test_a_canary_that_does_as_well_is_promoted(entrance: Entrance, tmp_path: Path, figure: Figure) -> None:
    """The control of the one above: its requests were looked at as well."""
    iris = entrance.iris
    with Requests([entrance.target], tmp_path) as traffic:
        iris.edit(version=int(BOOSTED), rollout=_rollout(QUICK))
        waiting = until(lambda: _waits(iris), within=240, what="it waits for its requests to be enough")
        iris.ready(BOOSTED, within=400)
        requests = traffic.stop()
    assert [r for r in requests if r.outcome != "ok"] == []
    figure(f"0 of {len(requests)} requests lost; {waiting}")


def _waits(iris: Deployed) -> str:
    message = str(condition(iris.body(), "Ready")["message"])
    return message if "has to answer" in message else ""


@contextmanager
def _baked(rig: Rig, namespace: str) -> Iterator[Deployed]:
    made = Deployed(rig.kube, namespace, "baked")
    # Compared with how long version 1 took before; the machine may have more to do by now.
    analysis = {"minRequests": LEAST, "maxLatencyIncreasePercent": 1000}
    rollout = {"bakeSeconds": 120, "standbySeconds": 600, "analysis": analysis}
    made.serve(LINEAR, rollout=rollout)
    try:
        yield made
    finally:
        made.delete()


def _switched(watch: Watch, name: str) -> list[float]:
    """When the Service's selector moved, the first time that it was seen among them."""
    times: list[float] = []
    before = ""
    for change in watch.of(name):
        now = change.object["spec"]["selector"][LABEL_REVISION]
        if now != before:
            times.append(change.at)
            before = now
    return times


def test_what_has_taken_over_is_given_up(rig: Rig, namespace: str, figure: Figure) -> None:
    """A plain switch, with no gateway: the standby gets the traffic back by itself."""
    with (
        _baked(rig, namespace) as baked,
        watching(rig.api_client, SERVICES, namespace) as watch,
        load(baked, rate=RATE) as traffic,
    ):
        until(lambda: len(traffic.requests()) > 2 * LEAST, within=60, what="version 1 has a past")
        baked.edit(version=int(FAILING))
        body = baked.refused("AnalysisFailed", within=300)
        assert body["status"]["serving"]["version"] == LINEAR
        assert body["spec"]["version"] == int(FAILING)
        served = len(traffic.requests())
        until(lambda: len(traffic.requests()) > served + 5 * RATE, within=60, what="it serves on")
        requests = traffic.stop()
        _, given, taken = _switched(watch, baked.name)
    figure(Trial(requests, FAILING, given, taken).check() + f"; {condition(body, 'Ready')['message']}")


def test_what_has_taken_over_and_does_as_well_stays(rig: Rig, namespace: str, figure: Figure) -> None:
    """The control of the one above; and what is over is over: nothing is read after it."""
    with _baked(rig, namespace) as baked, load(baked, rate=RATE) as traffic:
        until(lambda: len(traffic.requests()) > 2 * LEAST, within=60, what="version 1 has a past")
        baked.edit(version=int(BOOSTED))
        baked.ready(BOOSTED)

        def passed() -> bool:
            service = rig.kube.get(SERVICES, namespace, baked.name)
            return bool(annotation(service, ANNOTATION_BAKED))

        until(
            passed,
            within=240,
            what="it has been watched for long enough",
            now=lambda: condition(baked.body(), "Ready")["message"],
        )
        assert baked.body()["status"]["serving"]["version"] == BOOSTED
        requests = traffic.stop()
    assert _faulty(requests) == []
    figure(f"0 of {len(requests)} requests lost")


def _faulty(requests: Iterable[Request]) -> list[Request]:
    return [r for r in requests if r.outcome != "ok"]
