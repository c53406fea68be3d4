"""Every state of a canary x all that may happen in it: what serves then, and what has which share.

As `test_pairs`. A cell names the share as well: `1 Canary 2:10` is version 1 that serves, while version 2 has
10 % of the route's requests.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.support import pairs
from tests.support.canary_world import CanaryWorld, canary
from tests.support.fake_pods import Fate, Stage
from tests.support.pairs import EVENTS, cells, happens
from tests.support.world import NAME, World, version_of

PAUSE = {"weight": 10, "pauseSeconds": 3600}
HELD = {"weight": 50, "pause": True}


def begun(*steps: dict[str, Any], seconds: float = 20, **spec: object) -> CanaryWorld:
    """Version 1 serves, and version 2 has begun its canary."""
    world = CanaryWorld()
    world.start(**canary(*steps))
    world.apply(version=2, **spec)
    world.run(seconds)
    return world


def proving() -> CanaryWorld:
    """Its pods have not proven themselves, so there is no canary yet."""
    world = CanaryWorld()
    world.start(**canary(PAUSE))
    world.fate("2", Fate(until=Stage.SERVING))
    world.apply(version=2)
    world.run(20)
    return world


def without_endpoints() -> CanaryWorld:
    """It had its share, and then none of its pods was ready any more."""
    world = begun(PAUSE)
    world.fate("2", Fate(until=Stage.SERVING))
    world.lose_pods("2")
    world.run(20)
    return world


def silent() -> CanaryWorld:
    """The gateway does not say that it has taken the share."""
    world = CanaryWorld()
    world.start(**canary(PAUSE))
    world.controllers.gateway.silent = True
    world.apply(version=2)
    world.run(20)
    return world


def without_gateway() -> CanaryWorld:
    """The cluster does not have the Gateway API."""
    world = CanaryWorld(served=False)
    world.start(**canary(PAUSE))
    world.apply(version=2)
    world.run(20)
    return world


def behind_a_standby() -> CanaryWorld:
    """Version 2 serves and version 1 stands by, while version 3 has its share."""
    world = begun({"weight": 100}, seconds=40)
    assert world.serving == "2"
    world.apply(version=3, **canary(PAUSE))
    world.run(20)
    return world


def suspended() -> CanaryWorld:
    """Held where it was: the share stays, and nothing is promoted."""
    world = begun(PAUSE)
    world.apply(suspend=True)
    world.run(20)
    return world


STATES: Mapping[str, Callable[[], CanaryWorld]] = {
    "Proving": proving,
    "Canary at 10": lambda: begun(PAUSE, HELD),
    "AwaitingPromotion": lambda: begun(HELD),
    "Canary, silent": silent,
    "Canary, no endpoints": without_endpoints,
    "GatewayNotFound": without_gateway,
    "Suspended": suspended,
    "Canary, a standby": behind_a_standby,
}


EDITS = """
                     | new version              | back to 1            | suspend
Proving              | 1 Canary 3:10            | 1 Serving            | 1 Suspended
Canary at 10         | 1 Canary 3:10            | 1 Serving            | 1 Suspended 2:10
AwaitingPromotion    | 1 AwaitingPromotion 3:50 | 1 Serving            | 1 Suspended 2:50
Canary, silent       | 1 Canary 3:10            | 1 GatewayUnavailable | 1 Suspended 2:10
Canary, no endpoints | 1 Canary 3:10            | 1 Serving            | 1 Suspended
GatewayNotFound      | ~                        | ~                    | ~
Suspended            | 1 Suspended              | 1 Serving            | =
Canary, a standby    | =                        | 1 Serving            | 2 Suspended 3:10
"""
COMMANDS = """
                     | reject           | new token   | promote
Proving              | 1 RejectedByUser | ~           | =
Canary at 10         | 1 RejectedByUser | ~           | 2 Serving
AwaitingPromotion    | 1 RejectedByUser | ~           | 2 Serving
Canary, silent       | 1 RejectedByUser | ~           | 2 GatewayUnavailable
Canary, no endpoints | 1 RejectedByUser | ~           | =
GatewayNotFound      | ~                | ~           | 2 GatewayNotFound
Suspended            | 1 RejectedByUser | 1 Suspended | =
Canary, a standby    | 2 RejectedByUser | ~           | 3 Serving
"""
ALIKE = {"delete": "gone", "operator killed": "=", "status wiped": "="}
CELLS = cells(EDITS, ALIKE) | cells(COMMANDS, {})
# What is tried in the state, where `Ready` has another reason than the state's name says.
REASONS = {"Canary, no endpoints": "Proving"}


def outcome(world: World) -> str:
    """With the share, where there is one."""
    assert isinstance(world, CanaryWorld)
    shares = [f" {version_of(name)}:{share}" for name, share in world.sends.items() if name != NAME]
    return pairs.outcome(world) + "".join(shares)


def test_the_table_is_whole() -> None:
    assert {state for state, _ in CELLS} == {*STATES}
    assert {event for _, event in CELLS} == {*EVENTS}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", STATES)
def test_what_becomes_of_a_canary(state: str, event: str) -> None:
    world = STATES[state]()
    reason = REASONS.get(state, state.split(maxsplit=1)[0].rstrip(","))
    assert world.condition()["reason"] == reason, "the state is the one that is meant"
    assert world.wrong == []
    happens(world, event, CELLS[state, event], outcome)
    if event != "delete":  # the garbage collector takes the Services and the route in whatever order
        assert world.wrong == []
