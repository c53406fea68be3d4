"""A Service whose selector somebody has written: it leads to what serves again, and nothing begins anew."""

import pytest

from pintle.domain.resources import SERVICES
from pintle.naming import ANNOTATION_BAKED, LABEL_REVISION, short_hash
from pintle.views import annotation
from tests.support.by_hand import ByHand
from tests.support.histories import check_rest
from tests.support.world import NAME, NAMESPACE, World

BAKE = 300


def told(world: World) -> list[str]:
    return [event.reason for event in world.recorder.events]


def baked(world: World) -> str:
    return annotation(world.api.get(SERVICES, NAMESPACE, NAME), ANNOTATION_BAKED)


@pytest.mark.parametrize("server_side", [True, False], ids=["server-side", "three-way"])
def test_what_has_passed_its_bake_is_not_watched_again(*, server_side: bool) -> None:
    world = World()
    by_hand = ByHand(world)
    world.requests.rate = 20
    world.apply(version=1, replicas=2, rollout={"bakeSeconds": BAKE})
    world.run(60)
    world.apply(version=2)
    world.run(BAKE + 60)
    assert world.requests.reads > 0
    assert baked(world) == short_hash(world.revision("2")), "it has passed"
    world.requests.reads = 0
    by_hand.apply(server_side=server_side)
    world.run(60)
    assert (world.serving, by_hand.behind) == ("2", {"2"})
    assert "ServiceLedAway" in told(world)
    assert baked(world) == short_hash(world.revision("2"))
    assert world.requests.reads == 0
    check_rest(world)
    # The control: what takes over has passed nothing yet.
    world.apply(version=3)
    world.run(20)
    assert (world.serving, baked(world)) == ("3", "")
    assert world.requests.reads > 0


@pytest.mark.parametrize("server_side", [True, False], ids=["server-side", "three-way"])
def test_who_leads_an_adopted_service_away_is_told_what_to_leave_out(*, server_side: bool) -> None:
    world = World()
    by_hand = ByHand(world)
    world.apply(version=1, replicas=2)
    world.run(20)
    by_hand.apply(server_side=server_side)
    world.run(20)
    assert (world.condition()["reason"], world.serving) == ("Serving", "1")
    assert told(world).count("ServiceLedAway") == 1


@pytest.mark.parametrize("selector", [{"app": "mine"}, {}], ids=["another", "none"])
def test_nobody_applies_a_service_of_our_own(selector: dict[str, str]) -> None:
    """There is no manifest of it in Git to leave anything out of."""
    world = World()
    world.apply(version=1, replicas=2)
    world.run(20)
    before = world.api.get(SERVICES, NAMESPACE, NAME)["spec"]["selector"]
    patch = {"spec": {"selector": dict.fromkeys(before) | selector}}
    world.api.patch(SERVICES, NAMESPACE, NAME, patch)
    assert LABEL_REVISION not in world.api.get(SERVICES, NAMESPACE, NAME)["spec"]["selector"]
    world.run(20)
    assert world.api.get(SERVICES, NAMESPACE, NAME)["spec"]["selector"] == before
    assert (world.condition()["reason"], world.serving) == ("Serving", "1")
    assert "ServiceLedAway" not in told(world)
    check_rest(world)
