"""Fewer replicas are declared, and more again: what was decided in between must not hit what serves."""

import pytest

from tests.support.fake_cluster import Fault
from tests.support.fake_pods import Fate
from tests.support.histories import FETCHING
from tests.support.watchman import Watchman
from tests.support.world import World


def late(world: World, held: str, **back: object) -> Fault:
    """Hold up the scaling of a version until another operator has acted on what is declared after it."""
    other = world.overlap()

    def meanwhile() -> None:
        world.apply(**back)
        for _ in range(20):  # its pods are reported, and it goes on
            other.operate()
            world.controllers.step()
            world.clock.advance(0.25)

    fault = Fault("patch", "deployments/scale", world.revision(held), meanwhile=meanwhile)
    world.cluster.faults.append(fault)
    return fault


def answers(world: World) -> list[int]:
    return [r.status for r in world.cluster.requests if r.resource == "deployments/scale"]


def test_of_a_standby_that_serves_again() -> None:
    world = World()
    for version in (1, 2):
        world.apply(version=version, replicas=3)
        world.run(20)
    watchman = Watchman(world)
    fault = late(world, "1", version=1, replicas=3)
    world.apply(replicas=2)
    world.operator.operate()
    assert fault.seen
    assert answers(world) == [409]
    assert (world.serving, world.replicas()["1"]) == ("1", 3)
    world.run(60)
    assert world.condition()["reason"] == "Serving"
    assert not watchman.wrong


def test_of_a_candidate_that_serves_by_then() -> None:
    world = World()
    world.apply(version=1, replicas=3)
    world.run(20)
    world.fate("2", FETCHING)
    world.apply(version=2)
    world.run(20)
    watchman = Watchman(world)
    world.fate("2", Fate())
    fault = late(world, "2", replicas=3)
    world.apply(replicas=2)
    world.operator.operate()
    assert fault.seen
    assert answers(world) == [409]
    assert (world.serving, world.replicas()["2"]) == ("2", 3)
    world.run(60)
    assert world.condition()["reason"] == "Serving"
    assert not watchman.wrong


@pytest.mark.parametrize("replicas", [0, 1])
def test_a_standby_follows_all_the_same_and_can_be_switched_to_at_once_again(replicas: int) -> None:
    world = World()
    for version in (1, 2):
        world.apply(version=version, replicas=3)
        world.run(20)
    world.apply(replicas=replicas)
    world.run(20)
    assert sum(world.replicas().values()) == 2 * replicas
    world.cluster.requests.clear()
    world.apply(version=1)
    world.operator.operate()
    first = next(r for r in world.cluster.requests if r.verb != "get")
    assert (first.verb, first.resource) == ("patch", "services" if replicas else "deployments")
    assert world.serving == "1"
