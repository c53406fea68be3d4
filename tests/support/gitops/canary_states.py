"""States on the way of a canary, brought about in the world in memory; what `states` has of them."""

from pintle.naming import short_hash
from tests.support.canary_world import canary
from tests.support.world import World

# Declared as such in the world in memory, and where a state is captured.
HELD = canary({"weight": 10, "pause": True})
PAUSED = canary({"weight": 10, "pauseSeconds": 3600}, {"weight": 100})
_RUNNING = 8.0


def held(world: World) -> None:
    """Version 2 has a share until somebody promotes it."""
    _begin(world, HELD)


def paused(world: World) -> None:
    """Version 2 has a share for an hour."""
    _begin(world, PAUSED)


def commanded(world: World, annotation: str, value: str = "") -> None:
    """Version 2 was held, until a command that stays; its value is the candidate's hash if none is given."""
    held(world)
    world.annotate(**{annotation: value or short_hash(world.revision("2"))})
    world.run(_RUNNING)


def _begin(world: World, spec: dict[str, object]) -> None:
    world.apply(version=1, replicas=2, **spec)
    world.run(_RUNNING)
    assert world.condition()["status"] == "True", world.condition()
    world.apply(version=2)
    world.run(_RUNNING)
