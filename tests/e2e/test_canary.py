"""Canaries through a real gateway, with requests all the time: who has which share, and that none is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.traffic import Request, Target
from pintle.domain.resources import HTTP_ROUTES
from pintle.naming import ANNOTATION_PROMOTE, ANNOTATION_REJECT, short_hash
from tests.e2e.conftest import Figure
from tests.support import gateway as gateways
from tests.support.canaries import Entrance, Step, faultless, last_answer, taken_back, windows
from tests.support.deployed import Deployed, condition
from tests.support.gateway import Requests
from tests.support.predicting import BODY
from tests.support.rig import BOOSTED, FAILING, LINEAR, NAMES, SLOW, Rig
from tests.support.waiting import until
from tests.support.watching import Watch, watching

# The gateway is built first, which takes ten minutes on a machine that has not done so before.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

RATE = 200.0
# At a third of the rate, which is what two busy cores may hold, these are enough requests yet.
PAUSE = 35
STEPS: list[Step] = [{"weight": weight, "pauseSeconds": PAUSE} for weight in (10, 50, 100)]
# Of all requests of a step, and how far from its weight the share of them may be, in points.
LEAST, TOLERANCE = 2000, 3.0
# What is compared are latencies on a machine of which nobody knows what else it does: of a version that is
# ten times slower, there is no doubt.
ANALYSIS = {"minRequests": 100, "maxLatencyIncreasePercent": 400}


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
        yield Entrance(iris, target)
        iris.delete()


@pytest.fixture
def route(rig: Rig, entrance: Entrance) -> Iterator[Watch]:
    """What happens to the routes of the namespace."""
    with watching(rig.api_client, HTTP_ROUTES, entrance.iris.namespace) as watch:
        yield watch


def _check_shares(requests: list[Request], route: Watch, since: int, version: str) -> str:
    """See that a version had its share at each step, of enough requests; says which."""
    held = windows(route, "iris", since)
    assert [w.weight for w in held] == [10, 50, 100], held
    told = []
    for window in held:
        percent, total = window.percent(requests, version)
        told.append(f"{window.weight} %: {percent:.1f} % of {total}")
        assert total >= LEAST, told
        assert abs(percent - window.weight) <= TOLERANCE, told
    return ", ".join(told)


def _gone(iris: Deployed, version: str) -> None:
    until(lambda: not iris.pods(version), within=120, what=f"the pods of version {version} are gone")


def test_five_canaries_and_four_that_are_given_up(
    entrance: Entrance, route: Watch, tmp_path: Path, figure: Figure
) -> None:
    """One stream of requests through all of it. Only what is given up for what it answers has failed any."""
    iris = entrance.settle(LINEAR)
    told = []
    with Requests([entrance.target], tmp_path) as traffic:

        def passes(version: str) -> None:
            since = len(route.of(iris.name))
            entrance.edit(STEPS, version, analysis=ANALYSIS)
            iris.ready(version, within=400)
            entrance.alone()
            told.append(_check_shares(traffic.so_far(), route, since, version))

        def is_given_up(version: str, serving: str) -> None:
            entrance.edit(STEPS, version, analysis=ANALYSIS)
            message = condition(iris.refused("AnalysisFailed", within=300), "Ready")["message"]
            assert f"version {serving} keeps serving" in message, message
            told.append(message)
            _gone(iris, version)
            iris.edit(version=int(serving))
            iris.ready(serving)

        passes(BOOSTED)
        is_given_up(FAILING, BOOSTED)
        passes(NAMES)
        entrance.hold(LINEAR, 10, analysis=ANALYSIS)
        iris.edit(version=int(NAMES))
        iris.ready(NAMES)
        _gone(iris, LINEAR)
        passes(LINEAR)
        is_given_up(SLOW, LINEAR)
        passes(BOOSTED)
        entrance.hold(NAMES, 10, analysis=ANALYSIS)
        iris.annotate(annotations={ANNOTATION_REJECT: f"version/{NAMES}"})
        iris.refused("RejectedByUser")
        _gone(iris, NAMES)
        iris.edit(version=int(BOOSTED))
        iris.ready(BOOSTED)
        iris.annotate(annotations={ANNOTATION_REJECT: None})
        passes(NAMES)
        requests = traffic.stop()
    mine = [r for r in requests if r.version != FAILING]
    failed = [r for r in requests if r.version == FAILING and r.outcome != "ok"]
    for line in told:
        figure(line)
    figure(
        f"{faultless(mine, LINEAR, BOOSTED, NAMES, SLOW)}; {len(failed)} of the {len(requests) - len(mine)}"
        f" that version {FAILING} answered"
    )
    assert failed, "it did fail some"
    assert {r.version for r in requests[-50:]} == {NAMES}


def test_back_in_mid_canary(entrance: Entrance, route: Watch, tmp_path: Path, figure: Figure) -> None:
    iris = entrance.settle(BOOSTED)
    with Requests([entrance.target], tmp_path) as traffic:
        entrance.hold(NAMES, 10)
        iris.edit(version=int(BOOSTED))
        iris.ready(BOOSTED)
        _gone(iris, NAMES)
        requests = traffic.stop()
    took = last_answer(requests, NAMES) - taken_back(route, iris.name)
    figure(f"{faultless(requests, BOOSTED, NAMES)}; last answer {took:.2f} s after the share was taken back")
    assert took < 5


def test_rejected_in_mid_canary(entrance: Entrance, route: Watch, tmp_path: Path, figure: Figure) -> None:
    iris = entrance.settle(BOOSTED)
    with Requests([entrance.target], tmp_path) as traffic:
        entrance.hold(NAMES, 10)
        iris.annotate(annotations={ANNOTATION_REJECT: f"version/{NAMES}"})
        iris.refused("RejectedByUser")
        _gone(iris, NAMES)
        requests = traffic.stop()
    took = last_answer(requests, NAMES) - taken_back(route, iris.name)
    figure(f"{faultless(requests, BOOSTED, NAMES)}; last answer {took:.2f} s after the share was taken back")
    assert took < 5


def test_promoted_in_mid_canary(entrance: Entrance, tmp_path: Path, figure: Figure) -> None:
    iris = entrance.settle(BOOSTED)
    with Requests([entrance.target], tmp_path) as traffic:
        entrance.hold(NAMES, 10)
        candidate = iris.body()["status"]["candidate"]["revision"]
        iris.annotate(annotations={ANNOTATION_PROMOTE: short_hash(candidate)})
        iris.ready(NAMES)
        until(lambda: traffic.latest(50) == {NAMES}, within=10, what="version 3 answers everything")
        requests = traffic.stop()
    figure(faultless(requests, BOOSTED, NAMES))
