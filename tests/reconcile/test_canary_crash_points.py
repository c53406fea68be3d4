"""Every write of a canary, and what may happen to it: killed before it, after it, answer lost, errors.

A clean run says what is written. Each run after it has one of these writes go wrong, and has to end as the
clean one: the same shares in the same order, the same served, and nothing sent to what must not have it.
"""

from collections.abc import Callable

import pytest

from tests.support.canary_world import CanaryWorld
from tests.support.crash_points import assert_survived, unlike, writes
from tests.support.restarting import Restarting
from tests.support.world import NAME

Act = Callable[[CanaryWorld], None]


def roll_out(world: CanaryWorld) -> None:
    world.apply(version=2)
    world.run(300)


def half_a_minute(world: CanaryWorld) -> None:
    world.apply(version=2)
    world.run(30)


def back(world: CanaryWorld) -> None:
    world.apply(version=1)
    world.run(120)


def reject(world: CanaryWorld) -> None:
    world.annotate(**{"pintle.dev/reject-revision": "version/2"})
    world.run(120)


def another(world: CanaryWorld) -> None:
    world.apply(version=3)
    world.run(300)


def promote(world: CanaryWorld) -> None:
    world.promote("2")
    world.run(120)


def switch(world: CanaryWorld) -> None:
    world.apply(rollout={"strategy": "Switch"}, gateway=None)
    world.run(120)


HISTORIES: dict[str, tuple[Act, ...]] = {
    "step by step": (roll_out,),
    "back in mid-canary": (half_a_minute, back),
    "rejected in mid-canary": (half_a_minute, reject),
    "a third version in mid-canary": (half_a_minute, another),
    "promoted in mid-canary": (half_a_minute, promote),
    "back to the standby": (roll_out, back),
    "no canary any more": (half_a_minute, switch),
}


class RestartingWorld(Restarting, CanaryWorld):
    """Whose operator is started again."""


class Run:
    """One run of a history; the faults are there for its last act."""

    def __init__(self, history: tuple[Act, ...]) -> None:
        self.world = RestartingWorld("1", "2", "3")
        self.world.start()
        *before, self._act = history
        for act in before:
            act(self.world)
        self.world.cluster.requests.clear()

    def act(self) -> None:
        self._act(self.world)

    def end(self) -> dict[str, object]:
        """All that has to be as in a clean run."""
        world = self.world
        world.run(120)
        found = {
            "reason": world.condition()["reason"],
            # A last share ends with the route, where that goes before it is taken back.
            "shares": world.shares if world.shares[-1][1] else world.shares[:-1],
            "served": world.served(),
            "sends": world.sends,
            "entrances": world.entrances,
            "replicas": world.replicas(),
            "gone": world.pods_gone,
            "made": world.pods_made,
            "wrong": world.wrong,
        }
        world.cluster.requests.clear()
        world.run(60, tick=5)
        return found | {"at rest": world.cluster.requests}


# Of these, some hundred runs take a minute or two.
LONG = {"step by step", "a third version in mid-canary", "back to the standby"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in LONG else n for n in HISTORIES]
)
def test_every_write_of(name: str) -> None:
    clean = Run(HISTORIES[name])
    clean.act()
    written = writes(clean)
    end = clean.end()
    assert end["wrong"] == end["at rest"] == []
    assert end["sends"] in ({NAME: 100}, {})
    assert_survived(name, written, lambda: Run(HISTORIES[name]), lambda run, _: unlike(run.end(), end))
