"""How far each side is, by its own account, and what it is told."""

from typing import Any

import pytest
from typing_extensions import override

from demo.kube import Json, Kube, path_of
from demo.manifests import Manifests
from demo.sides import MORE_MEMORY, PintleSide, PlainSide, State, Wanted

WANTED = Wanted("iris", "2", "http://mlflow.example:5000")


class Cluster(Kube):
    """A cluster that holds one object, whatever it is asked for."""

    def __init__(self, body: Json) -> None:
        super().__init__(["kubectl"])
        self.body = body

    @override
    def get(self, path: str) -> Json | None:
        del path
        return self.body


def deployment(wanted: Wanted, **status: int) -> Json:
    side = PlainSide(Cluster({}), Manifests())
    body = next(one for one in side.documents(wanted) if one["kind"] == "Deployment")
    counts = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "observedGeneration": 4}
    return body | {"metadata": {**body["metadata"], "generation": 4}, "status": counts | status}


def test_a_rolling_update_has_arrived_when_only_its_pods_are_left() -> None:
    assert PlainSide(Cluster(deployment(WANTED)), Manifests()).arrived(WANTED)


@pytest.mark.parametrize(
    "status",
    [
        {"observedGeneration": 3},
        {"updatedReplicas": 1},
        {"availableReplicas": 1},
        {"replicas": 3},
    ],
)
def test_a_rolling_update_under_way_has_not_arrived(status: dict[str, int]) -> None:
    assert not PlainSide(Cluster(deployment(WANTED, **status)), Manifests()).arrived(WANTED)


def test_a_rolling_update_to_something_else_has_not_arrived() -> None:
    side = PlainSide(Cluster(deployment(WANTED)), Manifests())
    assert not side.arrived(Wanted("iris", "1", WANTED.uri))
    assert not side.arrived(Wanted("iris", "2", WANTED.uri, MORE_MEMORY))


def model_deployment(*, observed: int = 3, status: str = "True", of: int = 3, serving: str = "2") -> Json:
    ready = {"type": "Ready", "status": status, "reason": "Serving", "message": "m", "observedGeneration": of}
    return {
        "metadata": {"generation": 3},
        "spec": {"version": 2},
        "status": {
            "observedGeneration": observed,
            "conditions": [{"type": "Available", "status": "True"}, ready],
            "serving": {"version": serving, "revision": f"iris-v{serving}-abc"},
        },
    }


@pytest.mark.parametrize(
    ("body", "arrived"),
    [
        (model_deployment(), True),
        (model_deployment(observed=2), False),
        (model_deployment(of=2), False),
        (model_deployment(status="False"), False),
        (model_deployment(serving="1"), False),
        ({"metadata": {"generation": 1}, "status": {"observedGeneration": -1}}, False),
    ],
)
def test_pintle_has_arrived_when_ready_says_so_of_this_generation(
    body: dict[str, Any], arrived: bool
) -> None:
    assert PintleSide(Cluster(body), Manifests()).arrived(WANTED) is arrived


def test_a_reason_of_an_earlier_generation_is_no_reason() -> None:
    assert State.of(model_deployment(of=2)).reason == ""
    assert State.of(model_deployment()).reason == "Serving"


def test_both_sides_are_told_the_same() -> None:
    wanted = Wanted("fraud scores", "7", "http://mlflow.example:5000", MORE_MEMORY)
    (ours,) = PintleSide(Cluster({}), Manifests()).documents(wanted)
    assert (ours["spec"]["model"], ours["spec"]["version"]) == ("fraud scores", 7)
    service, plain = PlainSide(Cluster({}), Manifests("registry.example.com/pintle")).documents(wanted)
    download, serve = (
        plain["spec"]["template"]["spec"][kind][0] for kind in ("initContainers", "containers")
    )
    assert "models:/fraud scores/7" in download["command"]
    assert serve["image"] == "registry.example.com/pintle/runtime:0.1.0"
    assert ours["spec"]["resources"] == serve["resources"]
    assert ours["spec"]["replicas"] == plain["spec"]["replicas"]
    assert [path_of(one).rsplit("/", 2)[-2:] for one in (ours, service, plain)] == [
        ["modeldeployments", "iris"],
        ["services", "iris-plain"],
        ["deployments", "iris-plain"],
    ]
