"""The name of the Service is somebody else's while what is declared changes: who serves once it is free."""

from collections.abc import Mapping

import pytest

from pintle.domain.resources import SERVICES
from tests.support.by_hand import ByHand
from tests.support.histories import check_rest
from tests.support.pairs import EVENTS
from tests.support.world import NAME, NAMESPACE, World


def taken() -> World:
    """Version 1 has proven itself, and its Service cannot be made."""
    world = World()
    ByHand(world, {})
    world.apply(version=1, replicas=2)
    world.run(20)
    assert (world.condition()["reason"], world.ready_pods("1")) == ("NameTaken", 2)
    return world


# Who serves after what, and what `Ready` says before and after.
AFTER: Mapping[str, tuple[list[str], str, str]] = {
    "operator killed": (["1"], "NameTaken", "Serving"),
    "suspend": ([], "Suspended", "Suspended"),
    "reject": ([], "RejectedByUser", "RejectedByUser"),
    "new version": (["3"], "NameTaken", "Serving"),
}


@pytest.mark.parametrize("event", AFTER)
def test_what_never_served_has_lost_nothing(event: str) -> None:
    """That it has pods which could serve is no reason to give it traffic that it is not to have any more."""
    served, before, after = AFTER[event]
    world = taken()
    EVENTS[event](world)
    world.run(60)
    assert world.condition()["reason"] == before
    world.api.delete(SERVICES, NAMESPACE, NAME)
    world.run(60)
    assert world.served()[1:] == served, "after the one by hand"
    assert world.condition()["reason"] == after
    check_rest(world)


@pytest.mark.parametrize("budget", ["Default", "None"])
def test_what_served_serves_again(budget: str) -> None:
    """The control: with nobody's word but the history that it has, while what is declared is broken."""
    world = World()
    world.apply(version=1, replicas=2, disruptionBudget=budget)
    world.run(20)
    world.apply(version=7)
    world.run(20)
    assert (world.condition()["reason"], world.serving) == ("VersionNotFound", "1")
    world.api.delete(SERVICES, NAMESPACE, NAME)
    ByHand(world, {})
    world.run(60)
    assert world.condition()["reason"] == "NameTaken"
    world.api.delete(SERVICES, NAMESPACE, NAME)
    world.run(60)
    assert (world.serving, world.condition()["reason"]) == ("1", "VersionNotFound")


def test_a_name_that_stays_taken_is_only_looked_at() -> None:
    """Somebody may leave it so for days: until it is free there is nothing to be written for it."""
    world = taken()
    world.cluster.requests.clear()
    world.run(300)
    assert {r.verb for r in world.cluster.requests} == {"get"}
    assert sum(r.resource == "services" for r in world.cluster.requests) == 10, "every half minute"
    world.api.delete(SERVICES, NAMESPACE, NAME)
    world.run(40)
    assert (world.serving, world.condition()["reason"]) == ("1", "Serving")
    made = [(r.verb, r.resource) for r in world.cluster.requests if r.verb != "get"]
    assert made.index(("patch", "deployments")) < made.index(("create", "services")), "claimed first"
    check_rest(world)
