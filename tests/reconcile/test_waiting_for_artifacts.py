"""Pods that wait for their artifact: what serves serves on, and the message says what waits for what."""

from pintle.domain.resources import PODS
from pintle.naming import LABEL_REVISION
from tests.support.fake_pods import Fate, Stage
from tests.support.world import NAMESPACE, World

FETCHING = Fate(until=Stage.SCHEDULED)
WORDS = "the model from registry mlflow"


def _world() -> World:
    """Version 3 serves, version 2 stands by, and version 1 is kept without pods."""
    world = World("1", "2", "3")
    for version in ("1", "2", "3"):
        world.apply(version=version, replicas=2)
        world.run(30)
    assert world.condition()["reason"] == "Serving"
    assert world.replicas() == {"2": 2, "3": 2}
    for version in ("1", "2", "3"):
        world.fate(version, FETCHING)
    return world


def _delete_a_pod(world: World, version: str) -> None:
    pods = [
        p
        for p in world.api.objects(PODS)
        if p["metadata"]["labels"][LABEL_REVISION] == world.revision(version)
    ]
    world.api.remove(PODS, NAMESPACE, pods[0]["metadata"]["name"])


def test_a_replacement() -> None:
    world = _world()
    _delete_a_pod(world, "3")
    world.run(60)
    ready = world.condition()
    assert (ready["status"], ready["reason"]) == ("False", "Degraded")
    assert "serves with 1 of 2 pods" in ready["message"]
    assert f"fetching {WORDS}" in ready["message"]
    assert (world.serving, world.ready_pods("3")) == ("3", 1)
    world.fate("3", Fate())
    world.run(60)
    assert world.condition()["reason"] == "Serving"


def test_a_cold_revision() -> None:
    world = _world()
    world.apply(version="1")
    world.run(60)
    ready = world.condition()
    assert (ready["status"], ready["reason"]) == ("False", "Starting")
    assert f"fetching {WORDS}" in ready["message"]
    assert "version 3 keeps serving" in ready["message"]
    assert (world.serving, world.ready_pods("3")) == ("3", 2)
    world.fate("1", Fate())
    world.run(60)
    assert (world.serving, world.condition()["reason"]) == ("1", "Serving")


def test_nothing_is_written_while_it_waits() -> None:
    world = _world()
    _delete_a_pod(world, "3")
    world.run(60)
    world.cluster.requests.clear()
    world.run(3000)
    assert world.cluster.requests == []
