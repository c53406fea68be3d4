"""Whole canaries and switches whose requests are looked at: who is given up, how fast, and who is not."""

import pytest

from tests.support.canary_world import CanaryWorld, canary
from tests.support.fake_requests import Manners
from tests.support.histories import check_rest
from tests.support.world import NAME

RATE = 20.0
TERMS = {"minRequests": 100, "maxErrorIncreasePercent": 2, "maxLatencyIncreasePercent": 100}
FAILING = Manners(failing=0.2)
SLOW = Manners(seconds=0.08)
BY_STEPS = [("", 0), ("2", 10), ("2", 50), ("2", 100), ("", 0)]


def analysed(**rollout: object) -> dict[str, object]:
    wanted = canary()
    return wanted | {"rollout": wanted["rollout"] | {"analysis": TERMS} | rollout}


@pytest.fixture
def world() -> CanaryWorld:
    """Version 1 serves, and is asked."""
    made = CanaryWorld("1", "2", "3")
    made.requests.rate = RATE
    made.start(**analysed())
    made.run(30)
    assert made.condition()["reason"] == "Serving"
    return made


def check_given_up(world: CanaryWorld, words: str) -> None:
    """Version 1 has everything; version 2 is rejected in these words, and not tried again."""
    assert world.condition()["reason"] == "AnalysisFailed"
    assert words in world.condition()["message"]
    assert world.condition()["message"].endswith("version 1 keeps serving")
    assert world.condition("Stalled")["status"] == "True"
    assert [r["reason"] for r in world.status["rejected"]] == ["AnalysisFailed"]
    assert world.status["serving"]["version"] == "1"
    assert world.body["spec"]["version"] == 2, "the spec is nobody's but its writer's"
    assert world.requests.lost == 0
    assert world.wrong == []
    world.run(120)
    assert world.serving == "1"
    assert world.condition()["reason"] == "AnalysisFailed"
    world.requests.reads = 0
    check_rest(world)
    assert world.requests.reads == 0, "at rest nothing is read"


@pytest.mark.parametrize(
    ("manners", "words"),
    [
        (FAILING, "iris version 2 failed"),
        (SLOW, "iris version 2 took longer than 0.025 s for"),
    ],
)
def test_a_canary_that_does_worse(world: CanaryWorld, manners: Manners, words: str) -> None:
    world.requests.behave("2", manners)
    world.apply(version=2)
    world.run(240)
    assert world.shares == [("", 0), ("2", 10), ("", 0)]
    assert world.sends == {NAME: 100}
    check_given_up(world, words)


def check_served(world: CanaryWorld, *served: str) -> None:
    """The end of a history that went well, with nothing read any more."""
    assert world.condition()["reason"] == "Serving", world.condition()["message"]
    assert world.served() == list(served)
    assert world.status.get("rejected", []) == []
    assert world.requests.lost == 0
    assert world.wrong == []
    world.requests.reads = 0
    check_rest(world)
    assert world.requests.reads == 0, "at rest nothing is read"


def test_a_canary_that_does_as_well(world: CanaryWorld) -> None:
    world.apply(version=2)
    world.run(400)
    assert world.shares == BY_STEPS
    assert world.requests.reads > 0
    check_served(world, "1", "2")


def test_what_both_do_badly_is_not_held_against_one(world: CanaryWorld) -> None:
    """As when what both of them ask is down."""
    world.requests.behave("1", FAILING)
    world.requests.behave("2", FAILING)
    world.apply(version=2)
    world.run(400)
    assert world.shares == BY_STEPS
    check_served(world, "1", "2")


def test_what_has_answered_badly_for_ever_is_no_excuse_while_it_does_well(world: CanaryWorld) -> None:
    """Version 1 has a past. What counts is what both do now."""
    world.requests.behave("1", Manners(failing=0.9))
    world.run(600)
    world.requests.behave("1", Manners())
    world.requests.behave("2", FAILING)
    world.apply(version=2)
    world.run(240)
    assert world.shares == [("", 0), ("2", 10), ("", 0)]
    check_given_up(world, "iris version 2 failed")


def test_without_an_analysis_nothing_is_read(world: CanaryWorld) -> None:
    """The positive control of the ones above: what would be given up takes all of the traffic."""
    world.requests.behave("2", FAILING)
    world.apply(version=2, **canary())
    world.apply(rollout={"analysis": None})
    world.requests.reads = 0
    world.run(400)
    assert world.shares == BY_STEPS
    assert world.requests.reads == 0
    check_served(world, "1", "2")


def test_too_few_requests_are_waited_for(world: CanaryWorld) -> None:
    world.requests.rate = 0.05
    world.apply(version=2)
    world.run(1800)
    assert world.shares == [("", 0), ("2", 10)], "neither passed nor failed"
    assert world.condition()["reason"] == "Canary"
    assert "iris version 2 has to answer 100 requests before" in world.condition()["message"]
    writes = world.cluster.writes().total()
    world.run(600)
    assert world.cluster.writes().total() == writes, "and nothing is written meanwhile"
    world.requests.rate = RATE
    world.run(400)
    assert world.shares == BY_STEPS
    check_served(world, "1", "2")


def test_it_turns_bad_with_more_of_the_traffic(world: CanaryWorld) -> None:
    world.apply(version=2)
    world.run(100)
    assert world.shares == [("", 0), ("2", 10), ("2", 50)]
    world.requests.behave("2", FAILING)
    world.run(60)
    assert world.shares == [("", 0), ("2", 10), ("2", 50), ("", 0)]
    check_given_up(world, "iris version 2 failed")


def test_it_turns_bad_after_hours_of_waiting_to_be_promoted(world: CanaryWorld) -> None:
    """What it did before does not speak for it."""
    world.apply(version=2, **canary({"weight": 10, "pause": True}))
    world.apply(rollout={"analysis": TERMS})
    world.run(7200)
    assert world.condition()["reason"] == "AwaitingPromotion"
    began = world.clock.now()
    world.requests.behave("2", FAILING)
    while world.sends != {NAME: 100}:
        world.run(1)
        assert (world.clock.now() - began).total_seconds() < 120
    world.run(60)
    check_given_up(world, "iris version 2 failed")


def test_promoted_before_it_has_passed(world: CanaryWorld) -> None:
    """Somebody knows better: a command waits for no requests."""
    world.requests.rate = 0
    world.apply(version=2)
    world.run(30)
    world.promote("2")
    world.run(60)
    check_served(world, "1", "2")


@pytest.mark.parametrize("which", ["1", "2"])
def test_an_image_that_counts_nothing(world: CanaryWorld, which: str) -> None:
    """An older one of the runtime, or none of ours. It waits, and says what for, until it is promoted."""
    world.requests.behave(which, Manners(unreadable="does not tell its requests"))
    world.apply(version=2)
    world.run(1800)
    assert world.shares == [("", 0), ("2", 10)]
    assert f"pod {world.revision(which)}" in world.condition()["message"]
    assert "does not tell its requests" in world.condition()["message"]
    world.promote("2")
    world.run(60)
    check_served(world, "1", "2")


def test_the_way_back_is_declared_in_mid_canary(world: CanaryWorld) -> None:
    world.requests.rate = 0
    world.apply(version=2)
    world.run(30)
    world.apply(version=1)
    world.run(60)
    assert world.shares == [("", 0), ("2", 10), ("", 0)]
    check_served(world, "1")


def test_given_up_and_tried_again_with_a_token(world: CanaryWorld) -> None:
    world.requests.behave("2", FAILING)
    world.apply(version=2)
    world.run(240)
    world.requests.behave("2", Manners())
    world.apply(version=1)
    world.run(60)
    world.apply(version=2)
    world.run(240)
    assert world.condition()["reason"] == "AnalysisFailed", "the same revision is not tried again"
    world.apply(rolloutToken="again")
    world.run(400)
    assert world.condition()["reason"] == "Serving"
    assert world.served() == ["1", "2"]
    assert world.wrong == []
