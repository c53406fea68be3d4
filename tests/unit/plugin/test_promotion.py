"""`promote`: what is written, and what waiting makes of each state on the way, as the operator tells it."""

import pytest

from kubectl_pintle import deployment, overview, progress, promotion
from kubectl_pintle.deployment import ModelDeployment
from kubectl_pintle.names import ANNOTATION_PROMOTE, Json
from kubectl_pintle.overview import Overview
from kubectl_pintle.progress import Outcome
from kubectl_pintle.rollback import Refused
from pintle.domain.resources import MODEL_DEPLOYMENTS
from pintle.errors import Conflict
from tests.support.canary_world import CanaryWorld, canary
from tests.support.histories import NAN, PROVING
from tests.support.world import NAME, NAMESPACE

HELD = canary({"weight": 10, "pause": True}, {"weight": 50, "pauseSeconds": 60})


@pytest.fixture
def world() -> CanaryWorld:
    """Version 2 has 10 %, and waits to be promoted."""
    made = CanaryWorld("1", "2", "3")
    made.start(**HELD)
    made.apply(version=2)
    made.run(20)
    return made


def read(world: CanaryWorld) -> ModelDeployment:
    return deployment.parse(world.body)


def write(world: CanaryWorld, patch: list[Json]) -> None:
    world.api.patch(MODEL_DEPLOYMENTS, NAMESPACE, NAME, patch, patch_type="json")


def lines(world: CanaryWorld) -> str:
    return "\n".join(overview.lines(Overview(read(world)), world.clock.now()))


def test_what_waits_is_promoted(world: CanaryWorld) -> None:
    shown = read(world)
    assert progress.ready(shown).outcome is Outcome.FAILED, "nothing goes on by itself"
    chosen = promotion.choose(shown)
    assert (chosen.version, chosen.revision) == ("2", world.revision("2"))
    judge = progress.promoted(chosen.revision)
    write(world, promotion.patch(shown, chosen))
    assert judge(read(world)).outcome is Outcome.GOES_ON, "the operator has not seen it"
    world.run(20)
    assert world.serving == "2"
    assert judge(read(world)).outcome is Outcome.DONE


def test_before_it_has_proven_itself(world: CanaryWorld) -> None:
    world.fate("3", PROVING)
    world.apply(version=3)
    world.run(5)
    assert promotion.choose(read(world)).version == "3"


def test_before_the_operator_has_seen_an_edit(world: CanaryWorld) -> None:
    """What the status calls the candidate is not what is declared any more, and never takes the traffic."""
    world.apply(version=3)
    with pytest.raises(Refused, match="has not seen the last edit of ml/iris yet: try again"):
        promotion.choose(read(world))
    world.run(5)
    assert promotion.choose(read(world)).version == "3"


@pytest.mark.parametrize("annotations", [{}, {"team": "flowers"}])
def test_an_edit_in_between_wins(world: CanaryWorld, annotations: dict[str, str]) -> None:
    world.annotate(**annotations)
    shown = read(world)
    patch = promotion.patch(shown, promotion.choose(shown))
    world.apply(version=3)
    with pytest.raises(Conflict):
        write(world, patch)
    assert world.body["metadata"]["annotations"] == annotations


@pytest.mark.parametrize("annotations", [{}, {"team": "flowers"}])
def test_annotations_of_others_stay(world: CanaryWorld, annotations: dict[str, str]) -> None:
    world.annotate(**annotations)
    shown = read(world)
    chosen = promotion.choose(shown)
    write(world, promotion.patch(shown, chosen))
    assert world.body["metadata"]["annotations"] == {**annotations, ANNOTATION_PROMOTE: chosen.hash}


def test_the_first_annotation_in_between_stays(world: CanaryWorld) -> None:
    shown = read(world)
    world.annotate(team="flowers")
    with pytest.raises(Conflict):
        write(world, promotion.patch(shown, promotion.choose(shown)))
    assert world.body["metadata"]["annotations"] == {"team": "flowers"}


def test_what_fails_meanwhile_is_not_waited_for(world: CanaryWorld) -> None:
    judge = progress.promoted(world.revision("2"))
    world.fate("2", NAN)
    world.lose_pods("2")
    world.run(20)
    assert judge(read(world)).outcome is Outcome.FAILED


def test_what_is_not_declared_any_more_is_not_waited_for(world: CanaryWorld) -> None:
    judge = progress.promoted(world.revision("2"))
    world.apply(version=1)
    world.run(20)
    verdict = judge(read(world))
    assert verdict.outcome is Outcome.FAILED
    assert verdict.words.startswith("another revision serves")


def test_what_there_is_nothing_to_promote_of(world: CanaryWorld) -> None:
    world.apply(suspend=True)
    world.run(5)
    with pytest.raises(Refused, match="holds back every change"):
        promotion.choose(read(world))
    world.apply(suspend=False, version=1)
    world.run(20)
    with pytest.raises(Refused, match="nothing is on its way to the traffic: version 1 serves"):
        promotion.choose(read(world))
    world.apply(version=3, rollout={"strategy": "Switch"})
    world.operate()
    with pytest.raises(Refused, match="ml/iris has no canary"):
        promotion.choose(read(world))


def test_the_status_tells_of_its_share(world: CanaryWorld) -> None:
    assert "AwaitingPromotion for 20s, 2 of 2 pods ready, 10 % of what comes through the route" in lines(
        world
    )
    world.apply(**canary({"weight": 10, "pauseSeconds": 600}, {"weight": 50}))
    world.run(20)
    shown = lines(world)
    assert "Canary for " in shown
    assert "10 % of what comes through the route; its next step is at 20" in shown
    assert "refused" not in shown
