"""Every write under autoscaling, and what may happen to it: killed before it, after it, answer lost, errors.

A clean run says what is written. Each run after it has one of these writes go wrong, and has to end as the
clean one, without having had fewer ready pods behind the Service than that.
"""

from collections.abc import Callable

import pytest

from pintle.domain.resources import SERVICES
from pintle.naming import ANNOTATION_AUTOSCALED
from pintle.views import annotation
from tests.support.canary_world import canary
from tests.support.crash_points import assert_survived, unlike, writes
from tests.support.restarting import Restarting
from tests.support.scaled_world import SCALING, ScaledWorld
from tests.support.world import NAME, NAMESPACE

Act = Callable[[ScaledWorld], None]


class RestartingWorld(Restarting, ScaledWorld):
    """Whose operator is started again."""


def start(world: ScaledWorld) -> None:
    """Version 1 serves with four pods, by declaration."""
    world.apply(version=1, replicas=4)
    world.run(20)
    world.controllers.autoscaler.load = 4


def turn_on(world: ScaledWorld) -> None:
    world.apply(autoscaling=SCALING, replicas=1)
    world.run(40)


def turn_off(world: ScaledWorld) -> None:
    world.apply(autoscaling=None)
    world.run(40)


def edit_replicas(world: ScaledWorld) -> None:
    world.apply(replicas=5)
    world.run(40)


def to_2(world: ScaledWorld) -> None:
    world.apply(version=2)
    world.run(60)


def to_2_in_steps(world: ScaledWorld) -> None:
    world.apply(version=2, **canary({"weight": 50, "pauseSeconds": 20}))
    world.run(90)


def busy(world: ScaledWorld) -> None:
    world.load(6)


def to_1(world: ScaledWorld) -> None:
    world.apply(version=1)
    world.run(60)


HISTORIES: dict[str, tuple[Act, ...]] = {
    "turned on": (turn_on,),
    "a switch": (turn_on, to_2),
    "a canary": (turn_on, to_2_in_steps),
    "back to a standby with fewer pods": (turn_on, to_2, busy, to_1),
    "turned off": (turn_on, turn_off),
    "another number after it was turned off": (turn_on, turn_off, edit_replicas),
}


class Run:
    """One run of a history; the faults are there for its last act."""

    def __init__(self, history: tuple[Act, ...]) -> None:
        self.world = RestartingWorld("1", "2")
        *before, self._act = (start, *history)
        for act in before:
            act(self.world)
        self.world.cluster.requests.clear()
        self.world.behind.clear()

    def act(self) -> None:
        self._act(self.world)

    def end(self) -> dict[str, object]:
        """All that has to be as in a clean run."""
        world = self.world
        world.run(60)
        found = {
            "reason": world.condition()["reason"],
            "served": world.served(),
            "scaled": world.scaled,
            "autoscaler": (world.autoscaler or {}).get("spec"),
            "mark": annotation(world.api.get(SERVICES, NAMESPACE, NAME), ANNOTATION_AUTOSCALED),
            # While the autoscaler cannot be moved, it takes pods of what stands by.
            "replicas": world.replicas()[world.serving],
            "fewest": world.fewest,
            "wrong": world.wrong,
        }
        world.cluster.requests.clear()
        world.run(60, tick=5)
        return found | {"at rest": world.cluster.requests}


# Of these, a hundred runs take a minute or two.
LONG = {"a switch", "a canary", "back to a standby with fewer pods"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in LONG else n for n in HISTORIES]
)
def test_every_write_of(name: str) -> None:
    clean = Run(HISTORIES[name])
    clean.act()
    written = writes(clean)
    end = clean.end()
    assert end["wrong"] == end["at rest"] == []
    assert end["fewest"] == (6 if "fewer" in name else 4)

    def wrong(run: Run, what: str) -> dict[str, object]:
        found = run.end()
        if what == "422":
            # For half a minute: longer than a rollback waits for pods, or a share for what holds them.
            found["fewest"] = end["fewest"]
        return unlike(found, end)

    assert_survived(name, written, lambda: Run(HISTORIES[name]), wrong)
