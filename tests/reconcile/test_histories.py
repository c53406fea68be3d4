"""Whole histories of one ModelDeployment: what is typed, and the state, pods and writes that follow."""

from tests.support.world import World


def test_create() -> None:
    world = World()
    world.apply(version=1, replicas=2)
    world.run()
    assert world.serving == "1"
    assert world.condition()["status"] == "True", world.condition()
    assert world.replicas() == {"1": 2}
