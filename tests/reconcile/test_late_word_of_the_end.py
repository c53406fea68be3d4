"""The object itself is gone, and this process has not heard of it: its children go, and stay gone.

Each kind has a watch of its own, so garbage collection may be heard of before what it follows from. What is
made again then is garbage at once, or in the way of an object that is made again under the same name.
"""

from collections.abc import Callable

import pytest

from pintle.domain.resources import (
    BUDGETS,
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    HTTP_ROUTES,
    MODEL_DEPLOYMENTS,
    SERVICES,
)
from pintle.ports import Json, Resource
from tests.support.canary_world import CanaryWorld
from tests.support.world import NAME, NAMESPACE, World, version_of

KINDS = (SERVICES, DEPLOYMENTS, CONTROLLER_REVISIONS, CONFIG_MAPS, BUDGETS)


def serving() -> World:
    """Version 1 serves with two pods, and has done so for a while."""
    world = World()
    world.apply(version=1, replicas=2)
    world.run(60)
    assert world.condition()["reason"] == "Serving"
    return world


def owner(obj: Json) -> str:
    """The uid of who owns an object, or ""."""
    references = obj["metadata"].get("ownerReferences") or [{}]
    return str(references[0].get("uid", ""))


def mid_canary() -> World:
    """Version 2 has a share of the requests at a gateway."""
    world = CanaryWorld()
    world.start()
    world.apply(version=2)
    world.run(30)
    assert world.condition()["reason"] == "Canary"
    return world


CASES = [*((serving, kind) for kind in KINDS), *((mid_canary, kind) for kind in (*KINDS, HTTP_ROUTES))]


@pytest.mark.parametrize("made_again", [False, True], ids=["deleted", "made again"])
@pytest.mark.parametrize(
    ("make", "kind"), CASES, ids=lambda case: getattr(case, "kind", None) or case.__name__
)
def test_nothing_is_made_again_for_what_is_gone(
    make: Callable[[], World], kind: Resource, made_again: bool
) -> None:
    """`kind` is heard of first."""
    world = make()
    watch = world.operator.watch
    watch.hold()
    made: list[str] = []
    world.api.listeners.append(lambda change, _, obj: made.append(owner(obj)) if change == "ADDED" else None)
    before = world.body["metadata"]["uid"]
    world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, NAME)
    if made_again:
        world.apply(version=2, replicas=2)
    while world.controllers.step():
        pass  # garbage collection
    first = [event for event in watch.pending if event[1] == kind]
    others = [event for event in watch.pending if event[1] != kind]
    assert {change for change, _, _ in first} == {"DELETED"}
    watch.pending.clear()
    watch.pending.extend(first + others)
    watch.deliver(len(first))
    world.operate()
    assert before not in made
    watch.release()
    world.run(20)
    if made_again:
        assert (world.serving, world.condition()["reason"]) == ("2", "Serving")
        assert [version_of(r["metadata"]["name"]) for r in world.api.objects(CONTROLLER_REVISIONS)] == ["2"]
    else:
        assert [o["metadata"]["name"] for k in KINDS for o in world.api.objects(k)] == []
