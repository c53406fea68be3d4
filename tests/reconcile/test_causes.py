"""The causes that `status.history` tells of: in whose words, and of which edit."""

from pintle.domain.resources import SERVICES
from pintle.errors import Unavailable
from pintle.naming import ANNOTATION_REJECT, timestamp
from tests.support.fake_cluster import Fault
from tests.support.fake_pods import Failure, Fate
from tests.support.world import NAME, NAMESPACE, World

BUSY = Unavailable("overloaded", status=503)


def told(world: World) -> list[tuple[str, str, str | None]]:
    """The history: version, outcome and cause, the newest first."""
    return [(e["version"], e["outcome"], e["cause"]) for e in world.status["history"]]


def explain(world: World, words: str | None) -> None:
    world.annotate(**{"kubernetes.io__change-cause": words})


def test_words_are_of_the_edit_that_they_came_with() -> None:
    world = World()
    world.apply(version=1, replicas=2)
    explain(world, "the first")
    world.run(20)
    explain(world, "retrained on November")
    world.apply(version=2)
    world.run(20)
    world.apply(version=1)
    world.run(20)
    explain(world, "and forth again")
    world.apply(version=2)
    world.run(20)
    world.annotate(**{"pintle.dev__reject-revision": "version/2"})
    world.run(20)
    assert told(world) == [
        ("1", "Serving", "pintle.dev/reject-revision: version/2"),
        ("2", "Replaced", "and forth again"),
        ("1", "Replaced", "version 1 was declared"),
        ("2", "Replaced", "retrained on November"),
        ("1", "Replaced", "the first"),
    ]


def test_a_move_of_an_alias_is_not_told_in_the_words_of_the_edit_before() -> None:
    world = World()
    world.answers.aliases["champion"] = "1"
    world.apply(alias="champion", replicas=2)
    explain(world, "follow the champion")
    world.run(20)
    world.answers.aliases["champion"] = "2"
    world.operator.dirty.update(world.answers.wanted)
    world.run(20)
    assert told(world) == [
        ("2", "Serving", "alias champion names version 2"),
        ("1", "Replaced", "follow the champion"),
    ]
    assert [e["alias"] for e in world.status["history"]] == ["champion", "champion"]


def test_back_and_forth_within_a_second() -> None:
    """Times are whole seconds: that a revision took the traffic then does not say that it has it still."""
    world = World()
    for version in (1, 2):
        world.apply(version=version, replicas=2)
        world.run(20)
    for version in (1, 2, 1, 2):
        world.apply(version=version)
        world.run(0.1, tick=0.02)
        assert world.serving == str(version)
        assert told(world)[0] == (str(version), "Serving", f"version {version} was declared")
        assert [outcome for _, outcome, _ in told(world)].count("Serving") == 1
    times = [entry["promotedTime"] for entry in world.status["history"]]
    assert times[0] == times[3], "all within one second, else nothing is tried here"
    assert [version for version, *_ in told(world)] == ["2", "1", "2", "1", "2", "1"]
    world.start_operator()
    world.run(60)
    assert [entry["promotedTime"] for entry in world.status["history"]] == times


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
    world = World()
    for version in (1, 2):
        world.apply(version=version, replicas=2)
        world.run(20)
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
