"""When something happened, and how long it took, as the status tells of it."""

from pintle.domain.resources import SERVICES
from pintle.errors import Unavailable
from pintle.naming import ANNOTATION_REJECT, timestamp
from tests.support.fake_cluster import Fault
from tests.support.fake_pods import Failure, Fate
from tests.support.world import NAME, NAMESPACE, World, rolled

BUSY = Unavailable("overloaded", status=503)


def test_what_nobody_asked_for_did_not_begin_with_the_last_edit() -> None:
    world = World()
    world.apply(version=1, replicas=2)
    world.run(3600)
    world.api.delete(SERVICES, NAMESPACE, NAME)
    world.run(20)
    assert world.serving == "1"
    newest, first = world.status["history"]
    assert newest["promotedTime"] > first["promotedTime"]
    assert newest["durationSeconds"] < 1


def test_a_rejection_by_command_has_a_time_of_its_own() -> None:
    """The version failed by itself an hour before."""
    world = World()
    world.fate("2", Fate(failure=Failure("serve", 15, "ProofFailed", "prediction[0] is NaN")))
    for version in (1, 2):
        world.apply(version=version, replicas=2)
        world.run(20)
    (failed,) = world.status["rejected"]
    assert failed["reason"] == "ProofFailed"
    world.clock.advance(3600)
    now = timestamp(world.clock.now())
    world.annotate(**{ANNOTATION_REJECT: "version/2"})
    world.run(20)
    (rejected,) = world.status["rejected"]
    assert (rejected["reason"], rejected["time"]) == ("RejectedByUser", now)
    world.run(700)
    assert world.status["rejected"] == [rejected]


def test_a_rollout_took_as_long_as_it_took_wherever_in_a_second_it_began() -> None:
    found = []
    for fraction in (0.0, 0.9):
        world = World()
        world.clock.advance(fraction)
        world.apply(version=1, replicas=2)
        world.run(20)
        found.append(world.status["history"][0]["durationSeconds"])
    assert found[0] == found[1] > 1


def test_a_move_took_no_longer_for_a_status_that_could_not_be_written() -> None:
    world = rolled()
    busy = [Fault("patch", "modeldeployments/status", "", n, error=BUSY) for n in range(1, 80)]
    world.cluster.faults.extend(busy)
    world.apply(version=1)
    world.run(10)
    assert (world.serving, world.status["serving"]["version"]) == ("1", "2"), "it cannot be told yet"
    for fault in busy:
        world.cluster.faults.remove(fault)
    world.run(20)
    assert world.status["history"][0]["version"] == "1"
    assert world.status["history"][0]["durationSeconds"] < 1


def test_a_wiped_status_is_told_anew_with_the_time_that_it_took() -> None:
    world = World()
    world.apply(version=1, replicas=2)
    world.run(3600)
    (told,) = world.status["history"]
    world.wipe_status()
    world.run(20)
    assert world.status["history"] == [told]
