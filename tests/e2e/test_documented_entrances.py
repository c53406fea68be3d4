"""The how-to pages that are about where requests come in, command by command, as a reader follows them."""

import json
from collections.abc import Callable
from contextlib import ExitStack

import pytest
import urllib3

from pintle.domain.resources import SERVICES
from tests.e2e.conftest import Figure
from tests.support import gateway as gateways
from tests.support import hand_made
from tests.support.deployed import Deployed
from tests.support.predicting import COLUMNS
from tests.support.readers import Reader, reader, serving
from tests.support.rig import LINEAR
from tests.support.waiting import until

__all__ = ["reader"]

# The gateway is built first, which takes ten minutes on a machine that has not done so before.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


def test_canary(reader: Reader, figure: Figure) -> None:
    kube = reader.rig.kube
    with ExitStack() as stack:

        def gateway_and_one_version() -> None:
            stack.enter_context(gateways.raised(kube, reader.namespace, reader.folder))
            serving(reader, LINEAR)

        count = reader.follow("canary.md", gateway_and_one_version=gateway_and_one_version)
        _gone(reader, "iris")
    figure(f"{count} commands")


def test_move_in(reader: Reader, figure: Figure) -> None:
    count = reader.follow("move-in.md", by_hand=lambda: hand_made.create(reader.rig.kube, reader.namespace))
    figure(f"{count} commands")


def test_move_in_from_kserve(reader: Reader, figure: Figure) -> None:
    """A Deployment by hand stands for the predictor, behind a Service as KServe names it."""
    kube = reader.rig.kube
    with gateways.raised(kube, reader.namespace, reader.folder) as gateway:
        entrance = f"http://127.0.0.1:{gateway.port}"

        def answers(version: str) -> Callable[[], object]:
            return lambda: until(
                lambda: _answering(entrance) == f"iris/{version}",
                within=30,
                what=f"the gateway sends to version {version}",
                now=lambda: _answering(entrance),
            )

        count = reader.follow(
            "move-in-from-kserve.md",
            renamed={"curl -sf iris.example.com": f"curl -sf -H host:iris.example.com {entrance}"},
            predictor=lambda: hand_made.create(kube, reader.namespace, "iris-predictor", port=80),
            route_is_there=answers(hand_made.VERSION),
            route_has_moved=answers(LINEAR),
        )
        _gone(reader, "iris-model")
    figure(f"{count} commands")


def _answering(entrance: str) -> str:
    """Which version answers the page's request, or the gateway's status."""
    row = dict(zip(COLUMNS, [5.1, 3.5, 1.4], strict=True))
    headers = {"Host": "iris.example.com", "Content-Type": "application/json"}
    url, body = f"{entrance}/v1/models/iris:predict", json.dumps({"instances": [row]})
    answer = urllib3.request("POST", url, body=body, headers=headers, retries=False)
    return answer.headers.get("pintle-model", str(answer.status))


def _gone(reader: Reader, name: str) -> None:
    """Delete a ModelDeployment, and wait until it is gone with its route, before the kinds go."""
    deployed = Deployed(reader.rig.kube, reader.namespace, name)
    deployed.delete()
    until(lambda: not deployed.children(SERVICES), within=60, what="its children are gone")
