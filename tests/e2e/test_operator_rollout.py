"""Two operators, and both are replaced one after the other while a version has a share of the traffic."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from demo.traffic import Target
from pintle.domain.resources import DEPLOYMENTS, HTTP_ROUTES
from tests.e2e.conftest import Figure
from tests.support import gateway as gateways
from tests.support import install
from tests.support.canaries import Entrance, Step, faultless, windows
from tests.support.deployed import Deployed
from tests.support.gateway import Requests
from tests.support.predicting import BODY
from tests.support.rig import BOOSTED, LINEAR, Rig
from tests.support.waiting import until
from tests.support.watching import watching

# The gateway is built first, which takes ten minutes on a machine that has not done so before.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

RATE = 50.0
STEPS: list[Step] = [{"weight": 10, "pauseSeconds": 20}, {"weight": 50, "pauseSeconds": 20}]


@pytest.fixture
def two_operators(rig: Rig) -> Iterator[None]:
    rig.kube.scale(DEPLOYMENTS, install.SYSTEM, install.OPERATOR, 2)
    install.wait(rig.kube)
    yield
    rig.kube.scale(DEPLOYMENTS, install.SYSTEM, install.OPERATOR, 1)
    install.wait(rig.kube)


@pytest.fixture
def entrance(rig: Rig, namespace: str, tmp_path: Path) -> Iterator[Entrance]:
    with gateways.raised(rig.kube, namespace, tmp_path) as gateway:
        iris = Deployed(rig.kube, namespace)
        iris.serve(LINEAR, gateway={"parentRefs": [gateway.parent]})
        target = Target("gateway", "127.0.0.1", port=gateway.port, body=BODY, rate=RATE, timeout_seconds=30)
        yield Entrance(iris, target)
        iris.delete()
        until(lambda: not iris.children(HTTP_ROUTES), within=60, what="its route is gone")


@pytest.mark.usefixtures("two_operators")
def test_in_mid_canary(rig: Rig, entrance: Entrance, tmp_path: Path, figure: Figure) -> None:
    iris, mark = entrance.iris, rig.audit.mark()
    before = {pod["metadata"]["uid"] for pod in install.operator_pods(rig.kube)}
    assert len(before) == 2
    with (
        watching(rig.api_client, HTTP_ROUTES, iris.namespace) as route,
        Requests([entrance.target], tmp_path) as traffic,
    ):
        entrance.edit(STEPS, BOOSTED)
        until(
            lambda: (iris.body()["status"].get("rollout") or {}).get("weight") == STEPS[0]["weight"],
            within=240,
            what="it has its first share",
            now=iris.body,
        )
        rig.kube.kubectl("-n", install.SYSTEM, "rollout", "restart", f"deployment/{install.OPERATOR}")
        install.wait(rig.kube)
        iris.ready(BOOSTED, within=240)
        entrance.alone()
        requests = traffic.stop()
        held = [window.weight for window in windows(route, iris.name)]
    until(
        lambda: not before & {pod["metadata"]["uid"] for pod in install.operator_pods(rig.kube)},
        within=120,
        what="the operators of before are gone",
    )
    written = [r for r in rig.audit.settled(mark, iris.namespace).requests if r.is_write]
    writers = [pod for pod, _ in groupby(r.pod for r in written if r.resource != "events")]
    assert held == [10, 50], "no share was given twice"
    assert len(writers) == len({*writers}), f"two wrote in turns: {writers}"
    assert len(writers) > 1, "another one went on"
    conflicts = sum(r.code == 409 for r in written)
    figure(
        f"{faultless(requests, LINEAR, BOOSTED)}; {len(written)} writes by {len(writers)} operators one"
        f" after the other, {conflicts} of them refused as conflicts"
    )
