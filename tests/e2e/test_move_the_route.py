"""The recipe for KServe and Seldon: the route of the page is moved from a predictor and back, under load.

A Deployment by hand stands for the predictor, behind a Service as KServe names it.
"""

import json
from pathlib import Path

import orjson
import pytest
import yaml

from demo.traffic import Request, Target
from pintle.domain.resources import HTTP_ROUTES
from tests.e2e.conftest import Figure
from tests.support import gateway as gateways
from tests.support import hand_made
from tests.support.console import File, steps
from tests.support.deployed import Deployed
from tests.support.gateway import Requests
from tests.support.hand_made import VERSION
from tests.support.predicting import COLUMNS
from tests.support.rest import Json
from tests.support.rig import LINEAR, Rig
from tests.support.schemas import REPOSITORY
from tests.support.waiting import until

# The gateway is built first, which takes ten minutes on a machine that has not done so before.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

PAGE = REPOSITORY / "docs/how-to/move-in-from-kserve.md"
PATH = "/v1/models/iris:predict"
BODY = json.dumps({"instances": [dict(zip(COLUMNS, [5.1, 3.5, 1.4], strict=True))]})
RATE = 100.0


def manifest(name: str) -> Json:
    """A file of the page; routes without their host name, as the generator asks by an address."""
    (text,) = (step.text for step in steps(PAGE.read_text()) if isinstance(step, File) and step.name == name)
    body: Json = yaml.safe_load(text)
    body["spec"].pop("hostnames", None)
    return body


def test_a_route_is_moved_and_moved_back(rig: Rig, namespace: str, tmp_path: Path, figure: Figure) -> None:
    model = manifest("iris.yaml")
    iris = Deployed(rig.kube, namespace, model["metadata"]["name"])
    hand_made.create(rig.kube, namespace, "iris-predictor", port=80)
    iris.create(**model["spec"])
    iris.ready(LINEAR)
    with gateways.raised(rig.kube, namespace, tmp_path) as gateway:
        target = Target(
            "gateway", "127.0.0.1", port=gateway.port, path=PATH, body=BODY, rate=RATE, timeout_seconds=30
        )
        _apply(rig, namespace, manifest("before.yaml"))
        _accepted(rig, namespace, "iris-entrance")
        with Requests([target], tmp_path) as traffic:
            for name, version in (("after.yaml", LINEAR), ("before.yaml", VERSION)):
                _apply(rig, namespace, manifest(name))
                _answers(traffic, version)
            # Where the route is the other system's: one beside it with the longer match goes before it.
            beside = manifest("after.yaml")
            beside["metadata"]["name"] = "iris-beside"
            broad = manifest("before.yaml")
            broad["spec"]["rules"][0]["matches"] = [{"path": {"type": "PathPrefix", "value": "/"}}]
            _apply(rig, namespace, broad)
            _apply(rig, namespace, beside)
            _answers(traffic, LINEAR)
            rig.kube.delete(HTTP_ROUTES, namespace, "iris-beside")
            _answers(traffic, VERSION)
            requests = traffic.stop()
        iris.delete()
        for route in ("iris-entrance",):
            rig.kube.delete(HTTP_ROUTES, namespace, route)
    lost = [r for r in requests if r.outcome != "ok"]
    assert not lost, f"{len(lost)} of {len(requests)}: {lost[:5]}"
    assert _order(requests) == [VERSION, LINEAR, VERSION, LINEAR, VERSION]
    figure(f"0 of {len(requests)} requests lost through 4 moves of the route")


def _apply(rig: Rig, namespace: str, body: Json) -> None:
    rig.kube.kubectl("-n", namespace, "apply", "-f", "-", stdin=orjson.dumps(body).decode())


def _accepted(rig: Rig, namespace: str, name: str) -> None:
    def done() -> bool:
        parents = rig.kube.get(HTTP_ROUTES, namespace, name).get("status", {}).get("parents", ())
        return any(
            c["type"] == "Accepted" and c["status"] == "True" for p in parents for c in p["conditions"]
        )

    until(done, within=60, what=f"HTTPRoute {name} is accepted")


def _answers(traffic: Requests, version: str) -> None:
    until(lambda: traffic.latest(50) == {version}, within=60, what=f"version {version} alone answers")


def _order(requests: list[Request]) -> list[str]:
    """The versions that answered, without repetitions; answers that cross at a move count once."""
    found: list[str] = []
    for number in range(0, len(requests) - 20, 20):
        versions = {r.version for r in requests[number : number + 20]}
        if len(versions) == 1 and found[-1:] != [*versions]:
            found += versions
    return found
