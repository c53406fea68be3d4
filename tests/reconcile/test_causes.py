"""The causes that `status.history` tells of: in whose words, and of which edit."""

from tests.support.world import World, rolled


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
    world = rolled()
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
