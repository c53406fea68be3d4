"""Golden cases on real pods: right, wrong, too slow, for a version without an example, and made late."""

import json
import time
from typing import Any

import pytest

from pintle.domain.resources import CONFIG_MAPS
from tests.e2e.conftest import Figure
from tests.support.deployed import Deployed, condition
from tests.support.rig import LINEAR, NAMES, Rig, version_of

COLUMNS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)"]
SETOSA = [5.1, 3.5, 1.4]
# A table of so many rows takes longer than a millisecond to read, however fast the machine.
MANY = 3000
# What cannot be used is looked at again every 15 s.
SEEN_SECONDS = 25.0

Json = dict[str, Any]


def case(expect: Json, rows: int = 1, **more: object) -> Json:
    table = {"columns": COLUMNS, "data": [SETOSA] * rows}
    return {"name": "setosa", "request": {"dataframe_split": table}, "expect": expect, **more}


RIGHT = case({"within": 0.2, "tolerance": 0.1})
WRONG = case({"within": 2, "tolerance": 0.1})


def give(rig: Rig, namespace: str, *golden: Json) -> Json:
    """Make a ConfigMap of cases; what spec.rollout says to have them asked."""
    metadata = {"generateName": "cases-"}
    body = {"metadata": metadata, "data": {"cases.json": json.dumps(golden)}}
    name = rig.kube.create(CONFIG_MAPS, namespace, body)["metadata"]["name"]
    return asked(name)


def asked(name: str) -> Json:
    return {"proof": {"cases": {"configMapRef": {"name": name}}}}


@pytest.fixture(scope="module")
def deployed(rig: Rig, namespace: str) -> Deployed:
    """A deployment of version 1, with a case that is right for it."""
    deployed = Deployed(rig.kube, namespace)
    deployed.create(version=int(LINEAR), rollout=give(rig, namespace, RIGHT))
    return deployed


@pytest.fixture
def iris(rig: Rig, deployed: Deployed) -> Deployed:
    """The same, with version 1 serving, whatever the test before this one made of it."""
    deployed.edit(version=int(LINEAR), rollout=give(rig, deployed.namespace, RIGHT))
    deployed.ready(LINEAR)
    return deployed


def test_right(iris: Deployed, figure: Figure) -> None:
    proven = condition(iris.body(), "Proven")
    assert (proven["status"], proven["reason"]) == ("True", "Passed")
    figure(proven["message"])


def test_wrong(rig: Rig, iris: Deployed, figure: Figure) -> None:
    """A finite answer with HTTP 200 that the model's own example has nothing against."""
    with iris.untouched():
        iris.edit(
            version=int(version_of("no-example")), rollout=give(rig, iris.namespace, RIGHT, RIGHT, WRONG)
        )
        message = condition(iris.refused("ProofFailed"), "Ready")["message"]
        assert 'case 3 ("setosa"): expected 2 within 0.1, got 0.2' in message
        assert f"version {LINEAR} keeps serving" in message
    figure(message)


def test_too_slow(rig: Rig, iris: Deployed, figure: Figure) -> None:
    slow = case({"equals": ["setosa"] * MANY}, MANY, maxLatencyMilliseconds=1)
    with iris.untouched():
        iris.edit(version=int(NAMES), rollout=give(rig, iris.namespace, slow))
        message = condition(iris.refused("ProofFailed"), "Ready")["message"]
        assert 'case 1 ("setosa"): answered in ' in message
        assert "maxLatencyMilliseconds is 1" in message
    figure(message)
    patient = slow | {"maxLatencyMilliseconds": 600_000}
    iris.edit(rollout=give(rig, iris.namespace, patient))
    iris.ready(NAMES)


def test_version_without_an_example(rig: Rig, namespace: str, figure: Figure) -> None:
    """It is proven by the cases, though nothing was logged with it, and even where proof is required."""
    plain = Deployed(rig.kube, namespace, "plain")
    version = version_of("no-example")
    rollout = give(rig, namespace, RIGHT)
    rollout["proof"]["mode"] = "Required"
    plain.create(version=int(version), rollout=rollout)
    proven = condition(plain.ready(version), "Proven")
    assert (proven["status"], proven["reason"]) == ("True", "Passed")
    plain.edit(rollout={"proof": {"cases": None}})
    refused = condition(plain.refused("ProofFailed"), "Ready")["message"]
    assert "the model has no serving_input_example.json" in refused
    figure(f"with cases {proven['message']}; without: {refused}")
    plain.delete()


def test_config_map_that_comes_late(rig: Rig, namespace: str, figure: Figure) -> None:
    late = Deployed(rig.kube, namespace, "late")
    late.create(version=int(LINEAR), rollout=asked("late-cases"))
    message = condition(late.refused("InvalidSpec"), "Ready")["message"]
    assert "create configmap late-cases --from-file=cases.json" in message
    assert not late.children(CONFIG_MAPS), "nothing is started without"
    body = {"metadata": {"name": "late-cases"}, "data": {"cases.json": json.dumps([RIGHT])}}
    made = time.time()
    rig.kube.create(CONFIG_MAPS, namespace, body)
    late.refused("Starting", "Proving", within=SEEN_SECONDS)
    figure(f"seen {time.time() - made:.1f} s after it was made")
    late.ready(LINEAR)
    # What the tenant does to it afterwards changes nothing, not even for a pod that comes later.
    rig.kube.merge(CONFIG_MAPS, namespace, "late-cases", {"data": {"cases.json": json.dumps([WRONG])}})
    late.edit(replicas=2)
    body = late.ready(LINEAR)
    assert [record["data"]["cases"] for record in late.records()] == [json.dumps([RIGHT])]
    assert len(late.serving_pods()) == 2
    late.delete()
