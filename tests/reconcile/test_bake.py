"""What has taken all of the traffic is watched, and the standby gets it back where that does worse."""

import pytest

from pintle.domain.resources import SERVICES
from pintle.naming import ANNOTATION_BAKED, ANNOTATION_FAILED, ANNOTATION_REJECT
from pintle.views import annotation
from tests.support.fake_requests import Manners
from tests.support.histories import check_rest
from tests.support.world import NAME, NAMESPACE, World

RATE = 20.0
FAILING = Manners(failing=0.2)
BAKE = 300


@pytest.fixture
def world() -> World:
    """Version 1 serves, and is asked."""
    made = World("1", "2", "3")
    made.requests.rate = RATE
    made.apply(version=1, replicas=2, rollout={"bakeSeconds": BAKE})
    made.run(60)
    assert made.condition()["reason"] == "Serving"
    assert made.requests.reads == 0, "the first version has nothing to be compared with"
    return made


def marks(world: World) -> list[str]:
    service = world.api.get(SERVICES, NAMESPACE, NAME)
    return [annotation(service, name) for name in (ANNOTATION_BAKED, ANNOTATION_FAILED)]


def at_rest(world: World) -> None:
    world.requests.reads = 0
    check_rest(world)
    assert world.requests.reads == 0, "at rest nothing is read"


@pytest.mark.parametrize(
    ("manners", "words"),
    [(FAILING, "iris version 2 failed"), (Manners(seconds=0.08), "iris version 2 took longer than 0.025 s")],
)
def test_it_does_worse_and_the_standby_gets_the_traffic_back(
    world: World, manners: Manners, words: str
) -> None:
    # Of a version that there is not: it has a say in nothing, and is no cause.
    world.annotate(**{ANNOTATION_REJECT: "version/7"})
    world.requests.behave("2", manners)
    world.apply(version=2)
    world.run(5)
    assert world.serving == "2"
    assert world.condition()["status"] == "True"
    world.run(30)
    assert world.served() == ["1", "2", "1"]
    assert world.condition()["reason"] == "AnalysisFailed"
    assert words in world.condition()["message"]
    assert world.condition()["message"].endswith("version 1 keeps serving")
    assert world.body["spec"]["version"] == 2
    assert world.status["serving"]["version"] == "1"
    told = [(e["version"], e["outcome"]) for e in world.status["history"]]
    assert told == [("1", "Serving"), ("2", "AnalysisFailed"), ("2", "Replaced"), ("1", "Replaced")]
    assert words in world.status["history"][0]["cause"]
    assert world.status["history"][0]["durationSeconds"] < 1, "it was not on its way since the edit"
    assert world.status["wanted"] == "2"
    assert world.requests.lost == 0
    world.run(600)
    assert world.served() == ["1", "2", "1"], "it is not tried again"
    assert marks(world) == ["", ""]
    at_rest(world)


def test_it_does_as_well(world: World) -> None:
    world.apply(version=2)
    world.run(60)
    assert "with version 1 to go back to" in world.condition()["message"]
    assert world.requests.reads > 0
    world.run(BAKE)
    assert world.served() == ["1", "2"]
    assert "go back" not in world.condition()["message"]
    assert marks(world)[0] != ""
    at_rest(world)
    world.requests.behave("2", FAILING)
    world.run(900)
    assert world.served() == ["1", "2"], "its time is over"
    assert world.requests.reads == 0


def test_too_few_requests_are_waited_for(world: World) -> None:
    world.requests.rate = 0.01
    world.apply(version=2)
    world.run(3 * BAKE)
    assert world.served() == ["1", "2"]
    assert marks(world)[0] == "", "it has neither passed"
    assert world.condition()["reason"] == "Serving", "nor failed"
    world.requests.behave("2", FAILING)
    world.requests.rate = RATE
    world.run(60)
    assert world.served() == ["1", "2", "1"]
    assert world.condition()["reason"] == "AnalysisFailed"


def test_too_few_requests_until_there_is_nothing_to_go_back_to(world: World) -> None:
    world.requests.rate = 0
    world.apply(version=2)
    world.run(3700)
    assert world.served() == ["1", "2"]
    assert world.replicas() == {"2": 2}
    at_rest(world)


def test_without_bake_seconds_nothing_is_read(world: World) -> None:
    """The positive control: what would be given up goes on."""
    world.requests.behave("2", FAILING)
    world.apply(version=2, rollout={"bakeSeconds": None})
    world.run(BAKE)
    assert world.served() == ["1", "2"]
    assert world.requests.reads == 0


def test_a_rollback_is_not_watched(world: World) -> None:
    """Somebody had a reason to go back that no counter knows."""
    world.apply(version=2)
    world.run(30)
    world.requests.behave("1", FAILING)
    world.apply(version=1)
    world.run(1)
    world.requests.reads = 0
    world.run(BAKE)
    assert world.served() == ["1", "2", "1"]
    assert world.condition()["reason"] == "Serving"
    assert world.requests.reads == 0


def test_suspended_while_it_is_watched(world: World) -> None:
    world.requests.behave("2", FAILING)
    world.apply(version=2)
    world.run(5)
    world.apply(suspend=True)
    world.run(600)
    assert world.served() == ["1", "2"]
    world.apply(suspend=False)
    world.run(60)
    assert world.served() == ["1", "2", "1"]


def test_another_version_is_declared_while_it_is_watched(world: World) -> None:
    world.apply(version=2)
    world.run(30)
    world.apply(version=3)
    world.run(400)
    assert world.served() == ["1", "2", "3"]
    assert world.condition()["reason"] == "Serving"
    at_rest(world)


def test_after_it_was_given_up_another_one(world: World) -> None:
    world.requests.behave("2", FAILING)
    world.apply(version=2)
    world.run(60)
    assert world.served() == ["1", "2", "1"]
    world.apply(version=3)
    world.run(400)
    assert world.served() == ["1", "2", "1", "3"]
    assert world.condition()["reason"] == "Serving"
    at_rest(world)


def test_after_it_was_given_up_the_one_that_serves(world: World) -> None:
    world.requests.behave("2", FAILING)
    world.apply(version=2)
    world.run(60)
    world.apply(version=1)
    world.run(60)
    assert world.condition()["reason"] == "Serving"
    assert world.served() == ["1", "2", "1"]
    at_rest(world)
