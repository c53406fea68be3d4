"""Canaries through a real gateway, with requests all the time: who has which share, and that none is lost."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.traffic import Request, Target
from pintle.domain.resources import HTTP_ROUTES, SERVICES
from pintle.naming import (
    ANNOTATION_CANARY,
    ANNOTATION_PROMOTE,
    ANNOTATION_REJECT,
    ANNOTATION_SINCE,
    short_hash,
)
from pintle.views import annotation, json_annotation
from tests.e2e.conftest import Figure
from tests.support import gateway as gateways
from tests.support.deployed import Deployed, condition
from tests.support.gateway import Gateway, Requests
from tests.support.predicting import BODY
from tests.support.rest import Json
from tests.support.rig import BOOSTED, LINEAR, NAMES, Rig
from tests.support.waiting import until
from tests.support.watching import Watch, watching

# The gateway is built first, which takes ten minutes on a machine that has not done so before.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

RATE = 150.0
PAUSE = 20
# What the gateway does with a route that it has accepted, and what is under way, is over within this.
MARGIN = 1.0
STEPS: list[dict[str, Any]] = [
    {"weight": 10, "pauseSeconds": PAUSE},
    {"weight": 50, "pauseSeconds": PAUSE},
    {"weight": 100, "pauseSeconds": PAUSE},
]
HELD: list[dict[str, Any]] = [{"weight": 10, "pause": True}]


@dataclass(frozen=True)
class Entrance:
    """A ModelDeployment behind the gateway."""

    iris: Deployed
    gateway: Gateway
    target: Target

    @property
    def route(self) -> Json:
        return self.iris.kube.get(HTTP_ROUTES, self.iris.namespace, self.iris.name)

    def has(self, version: str, weight: int) -> bool:
        """Whether a version has this share, and the gateway has taken it so."""
        rollout = self.iris.body()["status"].get("rollout") or {}
        shares = {t["version"]: t["percent"] for t in self.iris.body()["status"].get("traffic") or ()}
        ready = condition(self.iris.body(), "Ready")["reason"]
        return (
            rollout.get("weight") == weight and shares.get(version) == weight and ready == "AwaitingPromotion"
        )

    def edit(self, steps: list[dict[str, Any]], version: str) -> None:
        self.iris.edit(version=int(version), rollout={"strategy": "Canary", "steps": steps})

    def settle(self, version: str) -> Deployed:
        """Have a version serve alone, whatever the test before left."""
        self.iris.annotate(annotations={ANNOTATION_REJECT: None, ANNOTATION_PROMOTE: None})
        self.iris.edit(version=int(version), rollout=None)
        self.iris.ready(version)
        until(lambda: not entrances(self.iris), within=30, what="no other version has a share")
        return self.iris


@pytest.fixture(scope="module")
def entrance(rig: Rig, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Entrance]:
    """Version 1 serves; and the gateway comes to a cluster that had none when version 1 was declared."""
    iris = Deployed(rig.kube, namespace)
    parent = {"name": gateways.NAME, "namespace": namespace}
    rollout = {"strategy": "Canary", "steps": STEPS}
    iris.create(version=int(LINEAR), gateway={"parentRefs": [parent]}, rollout=rollout)
    told = iris.refused("GatewayNotFound")
    until(
        lambda: condition(iris.body(), "Available")["status"] == "True", within=180, what="version 1 serves"
    )
    assert "install the Gateway API" in condition(told, "Ready")["message"]
    with gateways.raised(rig.kube, namespace, tmp_path_factory.mktemp("gateway")) as gateway:
        iris.ready(LINEAR)
        target = Target("gateway", "127.0.0.1", port=gateway.port, body=BODY, rate=RATE, timeout_seconds=30)
        yield Entrance(iris, gateway, target)
        iris.delete()


@dataclass(frozen=True)
class Window:
    """A weight, and from when to when it was held."""

    weight: int
    began: float
    ended: float


def windows(watch: Watch, name: str) -> list[Window]:
    """When each weight was held, by the route's own changes."""
    found: list[Window] = []
    at, weight = 0.0, 0
    for change in watch.of(name):
        mark = json_annotation(change.object, ANNOTATION_CANARY) or {}
        now = int(mark.get("weight", 0)) if annotation(change.object, ANNOTATION_SINCE) else 0
        if now != weight:
            found += [Window(weight, at + MARGIN, change.at - MARGIN)] if weight else []
            at, weight = change.at, now
    return found


def faultless(requests: list[Request], *versions: str) -> str:
    bad = [r for r in requests if r.outcome != "ok" or r.version not in versions]
    assert not bad, f"{len(bad)} of {len(requests)}: {bad[:5]}"
    return f"0 of {len(requests)} requests lost"


def shares(requests: list[Request], window: Window) -> Counter[str]:
    return Counter(r.version for r in requests if window.began <= r.began < window.ended)


def test_each_step_has_its_share(rig: Rig, entrance: Entrance, tmp_path: Path, figure: Figure) -> None:
    iris = entrance.settle(LINEAR)
    with (
        watching(rig.api_client, HTTP_ROUTES, iris.namespace) as watch,
        Requests([entrance.target], tmp_path) as traffic,
    ):
        entrance.edit(STEPS, BOOSTED)
        iris.ready(BOOSTED, within=400)
        until(lambda: not entrances(iris), within=30, what="the Service of version 2 is gone")
        requests = traffic.stop()
        held = windows(watch, iris.name)
    assert [w.weight for w in held] == [10, 50, 100]
    told = [faultless(requests, LINEAR, BOOSTED)]
    for window in held:
        counts = shares(requests, window)
        percent = 100 * counts[BOOSTED] / counts.total()
        told.append(f"{window.weight} %: {percent:.1f} % of {counts.total()}")
        assert counts.total() >= 2000, told
        assert abs(percent - window.weight) <= 3, told
    figure("; ".join(told))
    assert {r.version for r in requests[-50:]} == {BOOSTED}


def entrances(iris: Deployed) -> list[str]:
    names = [service["metadata"]["name"] for service in iris.children(SERVICES)]
    return [name for name in names if name != iris.name]


def _held(entrance: Entrance, version: str) -> None:
    entrance.edit(HELD, version)
    until(lambda: entrance.has(version, 10), within=240, what=f"version {version} is held at 10 %")


def _ended(requests: list[Request], version: str, at: float) -> float:
    """Seconds from a moment to the last answer of a version."""
    return max(r.done for r in requests if r.version == version) - at


def test_back_in_mid_canary(rig: Rig, entrance: Entrance, tmp_path: Path, figure: Figure) -> None:
    iris = entrance.settle(BOOSTED)
    with (
        watching(rig.api_client, HTTP_ROUTES, iris.namespace) as watch,
        Requests([entrance.target], tmp_path) as traffic,
    ):
        _held(entrance, NAMES)
        iris.edit(version=int(BOOSTED))
        iris.ready(BOOSTED)
        until(lambda: not iris.pods(NAMES), within=120, what="its pods are gone")
        requests = traffic.stop()
    took = _ended(requests, NAMES, _taken_back(watch, iris.name))
    figure(f"{faultless(requests, BOOSTED, NAMES)}; last answer {took:.2f} s after the share was taken back")
    assert took < 5


def _taken_back(watch: Watch, name: str) -> float:
    """When the last share was taken back."""
    marked = [bool(annotation(c.object, ANNOTATION_CANARY)) for c in watch.of(name)]
    last = len(marked) - 1 - marked[::-1].index(True)
    return watch.of(name)[last + 1].at


def test_rejected_in_mid_canary(rig: Rig, entrance: Entrance, tmp_path: Path, figure: Figure) -> None:
    iris = entrance.settle(BOOSTED)
    with (
        watching(rig.api_client, HTTP_ROUTES, iris.namespace) as watch,
        Requests([entrance.target], tmp_path) as traffic,
    ):
        _held(entrance, NAMES)
        iris.annotate(annotations={ANNOTATION_REJECT: f"version/{NAMES}"})
        iris.refused("RejectedByUser")
        until(lambda: not iris.pods(NAMES), within=120, what="its pods are gone")
        requests = traffic.stop()
    took = _ended(requests, NAMES, _taken_back(watch, iris.name))
    figure(f"{faultless(requests, BOOSTED, NAMES)}; last answer {took:.2f} s after the share was taken back")
    assert took < 5


def test_promoted_in_mid_canary(entrance: Entrance, tmp_path: Path, figure: Figure) -> None:
    iris = entrance.settle(BOOSTED)
    with Requests([entrance.target], tmp_path) as traffic:
        _held(entrance, NAMES)
        candidate = iris.body()["status"]["candidate"]["revision"]
        iris.annotate(annotations={ANNOTATION_PROMOTE: short_hash(candidate)})
        iris.ready(NAMES)
        until(lambda: traffic.latest(50) == {NAMES}, within=10, what="version 3 answers everything")
        requests = traffic.stop()
    figure(faultless(requests, BOOSTED, NAMES))
