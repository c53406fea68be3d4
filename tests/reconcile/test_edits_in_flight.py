"""An edit that is stored right before an own write, whose answer tells of it before the watch does.

The event of the edit comes after that and is no news to the cache any more, so that it wakes nobody.
"""

from collections.abc import Callable

import pytest

from pintle.naming import ANNOTATION_REJECT
from tests.support.fake_cluster import Fault
from tests.support.world import World, rolled

EDITS: dict[str, Callable[[World], None]] = {
    "spec": lambda world: world.apply(version=2),
    "command": lambda world: world.annotate(**{ANNOTATION_REJECT: "version/1"}),
}


@pytest.fixture
def world() -> World:
    """Version 2 serves, and version 1 stands by."""
    return rolled()


def _during(world: World, edit: Callable[[World], None]) -> Fault:
    """Have an edit made right before the next status is stored, by a watch that is behind its answer."""

    def meanwhile() -> None:
        world.operator.watch.hold()
        edit(world)

    fault = Fault("patch", "modeldeployments/status", meanwhile=meanwhile)
    world.cluster.faults.append(fault)
    return fault


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_right_before_a_status(world: World, edit: Callable[[World], None]) -> None:
    fault = _during(world, edit)
    world.apply(version=1)
    world.run(2)
    assert fault.seen, "version 1 was told of"
    assert world.serving == "2", "the edit is acted upon, though no event of it has come"
    world.operator.watch.release()
    world.run(8)
    assert world.status["observedGeneration"] == world.body["metadata"]["generation"]
    assert world.status["serving"]["version"] == "2"


def test_an_object_that_is_mended_right_before_it_is_told_of(world: World) -> None:
    """What was stored under another schema could not be read, until somebody edited it."""
    fault = _during(world, lambda w: w.apply(replicas=2, version=1))
    world.apply(replicas="two")
    world.run(2)
    assert fault.seen, "it was told that the object cannot be read"
    assert world.serving == "1"


def test_a_late_status_of_another_operator_takes_nothing_from_the_history(world: World) -> None:
    """It was held up in telling of version 1, while the other one moved on and told of all that it did."""
    first = world.operator

    def meanwhile() -> None:
        world.overlap()
        for version in (2, 3, 2):
            world.apply(version=version)
            world.run(10)

    late = Fault("patch", "modeldeployments/status", meanwhile=meanwhile)
    first.cluster.faults.append(late)
    world.apply(version=1)
    world.run(60)
    assert late.seen
    assert world.served() == ["1", "2", "1", "2", "3", "2"]
    # That it was version 1 for a moment the other cannot know: nobody had told of it when it took over.
    assert [e["version"] for e in world.status["history"]] == ["2", "3", "2", "2", "1"]
    promoted = [e.message for e in world.recorder.events if e.reason == "Promoted"]
    assert len(promoted) == len(set(promoted)), "each is told once"
