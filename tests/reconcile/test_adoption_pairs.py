"""A Service that was there before, not taken over yet or adopted x all that may happen then.

As `test_pairs`. Whatever it is, the Service has endpoints all the while, and what runs by hand is left alone.
"""

from collections.abc import Callable, Mapping

import pytest

from pintle.domain.resources import MODEL_DEPLOYMENTS, SERVICES
from tests.support import pairs
from tests.support.by_hand import CONSENT, DEPLOYMENT, ByHand
from tests.support.fake_pods import Fate
from tests.support.histories import PROVING
from tests.support.pairs import EVENTS, cells, happens
from tests.support.world import NAME, NAMESPACE, World


def live(fate: Fate, annotations: Mapping[str, str] = CONSENT) -> tuple[World, ByHand]:
    """Version 1 is to take over a Service."""
    world = World()
    by_hand = ByHand(world, annotations)
    world.fate("1", fate)
    world.apply(version=1, replicas=2)
    world.run(40)
    assert by_hand.service == by_hand.made
    return world, by_hand


def adopted() -> tuple[World, ByHand]:
    """Version 2 serves behind it, and version 1 stands by."""
    world = World()
    by_hand = ByHand(world)
    for version in (1, 2):
        world.apply(version=version, replicas=2)
        world.run(20)
    assert by_hand.behind == {"2"}
    return world, by_hand


STATES: Mapping[str, Callable[[], tuple[World, ByHand]]] = {
    "Proving": lambda: live(PROVING),
    "NameTaken": lambda: live(Fate(), {}),
    "Serving": adopted,
}
TABLE = """
          | new version | back to 1 | suspend     | reject           | new token | promote | delete
Proving   | 3 Serving   | =         | - Suspended | - RejectedByUser | ~         | =       | iris
NameTaken | ~           | =         | - Suspended | - RejectedByUser | ~         | =       | iris
Serving   | 3 Serving   | 1 Serving | ~           | 1 RejectedByUser | ~         | =       | gone
"""
CELLS = cells(TABLE, {"operator killed": "=", "status wiped": "="})


def outcome(world: World) -> str:
    """When all is deleted, what is left but for what runs by hand."""
    if world.api.find(MODEL_DEPLOYMENTS, NAMESPACE, NAME):
        return pairs.outcome(world)
    left = pairs.outcome(world).split(", ")
    return ", ".join(name for name in left if not name.startswith(DEPLOYMENT)) or "gone"


def test_the_table_is_whole() -> None:
    assert {state for state, _ in CELLS} == {*STATES}
    assert {event for _, event in CELLS} == {*EVENTS}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", STATES)
def test_what_becomes_of_a_service_that_was_there_before(state: str, event: str) -> None:
    world, by_hand = STATES[state]()
    assert world.condition()["reason"] == state, "the state is the one that is meant"
    happens(world, event, CELLS[state, event], outcome)
    assert by_hand.untouched()
    if (found := world.api.find(SERVICES, NAMESPACE, NAME)) is not None:
        assert by_hand.gaps == []
        assert world.serving or found == by_hand.made
