"""Every write that follows from requests, and what may happen to it: kills before and after it, and errors.

What was decided from numbers that are gone must be neither lost nor decided again: a version that failed has
traffic once, and is rejected in the end.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.canary_world import CanaryWorld, canary
from tests.support.crash_points import assert_survived, unlike, writes
from tests.support.fake_requests import Manners
from tests.support.restarting import Restarting

Act = Callable[[CanaryWorld], None]
BAD = Manners(failing=0.2)
ANALYSIS = {"minRequests": 100}
SWITCH: dict[str, Any] = {"rollout": {"strategy": "Switch", "bakeSeconds": 60, "analysis": ANALYSIS}}
CANARY: dict[str, Any] = canary({"weight": 20, "pauseSeconds": 10}, {"weight": 50})
CANARY["rollout"] |= {"analysis": ANALYSIS, "bakeSeconds": 30}


class RestartingWorld(Restarting, CanaryWorld):
    """Whose operator is started again, and begins to count anew."""


def bad(world: CanaryWorld) -> None:
    world.requests.behave("2", BAD)
    world.apply(version=2)
    world.run(90)


def good(world: CanaryWorld) -> None:
    world.apply(version=2)
    world.run(200)


def bad_and_another(world: CanaryWorld) -> None:
    """Nobody waits until it is rejected."""
    world.requests.behave("2", BAD)
    world.apply(version=2)
    for _ in range(400):
        world.run(0.25)
        if len(world.shares) >= 3 or len(world.traffic) >= 3:
            break
    world.apply(version=1)
    world.run(60)
    world.apply(version=2)
    world.run(60)


HISTORIES: dict[str, tuple[dict[str, Any], Act]] = {
    "a canary that fails": (CANARY, bad),
    "a canary that passes, and is watched": (CANARY, good),
    "fails after a switch": (SWITCH, bad),
    "passes after a switch": (SWITCH, good),
    "fails in a canary, and what serves is declared": (CANARY, bad_and_another),
    "fails after a switch, and what serves is declared": (SWITCH, bad_and_another),
}


class Run:
    """One run of a history."""

    def __init__(self, name: str) -> None:
        spec, self._act = HISTORIES[name]
        self.world = RestartingWorld("1", "2")
        self.world.requests.rate = 30
        self.world.start(**spec)
        self.world.run(30)
        self.world.cluster.requests.clear()

    def act(self) -> None:
        self._act(self.world)

    def end(self) -> dict[str, object]:
        """All that has to be as in a clean run."""
        world = self.world
        world.run(150)
        found = {
            "reason": world.condition()["reason"],
            "shares": world.shares,
            "served": world.served(),
            "sends": world.sends,
            "replicas": world.replicas(),
            "rejected": [(r["version"], r["reason"]) for r in world.status.get("rejected", [])],
            "wrong": world.wrong,
            "lost": world.requests.lost,
        }
        world.cluster.requests.clear()
        world.requests.reads = 0
        world.run(60, tick=5)
        return found | {"at rest": world.cluster.requests, "reads": world.requests.reads}


# Of the others, some hundred runs each take minutes.
SHORT = {"fails after a switch"}


@pytest.mark.parametrize(
    "name", [n if n in SHORT else pytest.param(n, marks=pytest.mark.slow) for n in HISTORIES]
)
def test_every_write_of(name: str) -> None:
    clean = Run(name)
    clean.act()
    written = writes(clean)
    end = clean.end()
    assert end["wrong"] == end["at rest"] == []
    assert end["lost"] == end["reads"] == 0
    assert end["rejected"] == ([("2", "AnalysisFailed")] if "fails" in name else [])
    assert_survived(
        name, written, lambda: Run(name), lambda run, _: unlike(run.end(), end), all_reached=False
    )
