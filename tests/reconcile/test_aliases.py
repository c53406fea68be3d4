"""An alias that is followed, held, lost and found again: what that costs, and what it must not touch."""

from collections import Counter
from dataclasses import replace

import orjson
import pytest

from pintle.domain import Json, Query
from pintle.domain.resources import BUDGETS, CONTROLLER_REVISIONS, PODS, REGISTRY_CONNECTIONS, SERVICES
from pintle.naming import ANNOTATION_ALIAS, ANNOTATION_ROLE, LABEL_REVISION, parse_time
from tests.support.fake_pods import Failure, Fate, Stage
from tests.support.histories import FIRST, FLIP, NEW, STATUS, more
from tests.support.world import NAME, NAMESPACE, World, version_of

ALIAS = Query("mlflow", "iris", alias="champion")
FETCHING = Fate(until=Stage.SCHEDULED)


def following(version: str = "1", **spec: object) -> World:
    """A world in which two pods serve what `champion` names."""
    world = World()
    move(world, version)
    world.apply(alias="champion", replicas=2, **spec)
    world.run(20)
    assert (world.condition()["reason"], world.serving) == ("Serving", version), world.condition()
    return world


def move(world: World, version: str | None) -> None:
    """Move the alias, or take it away; the resolver tells the operator."""
    if version:
        world.answers.aliases["champion"] = version
    else:
        world.answers.aliases.clear()
    told(world)


def told(world: World) -> None:
    """The resolver has news for whoever follows."""
    world.operator.dirty.update(world.answers.wanted)


def writes(world: World) -> Counter[str]:
    return Counter(f"{r.verb} {r.resource}" for r in world.cluster.requests if r.verb != "get")


def role(pod: Json) -> str:
    return str(pod["metadata"].get("annotations", {}).get(ANNOTATION_ROLE, ""))


def marks(world: World) -> dict[str, str]:
    """Version -> the alias that the mark on its newest record names."""
    found = {}
    for record in world.api.objects(CONTROLLER_REVISIONS):
        mark = orjson.loads(record["metadata"].get("annotations", {}).get(ANNOTATION_ALIAS, "{}"))
        if mark:
            assert parse_time(mark["time"])
            found[version_of(record["metadata"]["name"])] = mark["name"]
    return found


def made(world: World) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for revision, count in world.pods_made.items():
        counts[version_of(revision)] += count
    return dict(counts)


def serves_still(world: World, reason: str, resolved: str) -> None:
    """Version 1 serves with the pods that it had."""
    assert (world.condition()["reason"], world.condition("Resolved")["status"]) == (reason, resolved)
    assert (world.serving, world.ready_pods("1"), sum(world.pods_gone.values())) == ("1", 2, 0)
    assert world.condition("Available")["status"] == "True"


def test_an_alias_costs_what_its_version_would() -> None:
    world = following()
    assert world.status["wanted"] == "champion->1"
    assert world.status["resolved"]["alias"] == "champion"
    assert (world.status["history"][0]["alias"], world.status["history"][0]["cause"]) == (
        "champion",
        "alias champion names version 1",
    )
    assert writes(world) == FIRST
    assert marks(world) == {"1": "champion"}


def test_a_move_is_a_version_change_like_any_other() -> None:
    world = following()
    world.clock.advance(3600)
    move(world, "2")
    world.run(20)
    assert (world.served(), world.status["wanted"]) == (["1", "2"], "champion->2")
    assert writes(world) == more(FIRST, NEW, FLIP, {STATUS: 3})
    entry = world.status["history"][0]
    assert (entry["version"], entry["cause"]) == ("2", "alias champion names version 2")
    assert entry["durationSeconds"] < 60, "it began with the move, not with the edit of an hour before"
    move(world, "1")
    world.operate()
    assert (world.served(), made(world)) == (["1", "2", "1"], {"1": 2, "2": 2}), "the standby, at once"
    world.run(20)
    # As a rollback, and one mark.
    back = more(FLIP, {"patch pods": 2, STATUS: 1, "patch controllerrevisions": 1})
    assert writes(world) == more(FIRST, NEW, FLIP, {STATUS: 3}, back)
    world.cluster.requests.clear()
    world.run(60, tick=5)
    told(world)
    world.start_operator()
    world.run(60, tick=5)
    assert writes(world) == {}


def test_a_move_that_is_seen_by_a_clock_that_is_behind() -> None:
    """The leader before had a clock that was ahead, and marks tell by time what was named last."""
    world = following()
    move(world, "2")
    world.run(20)
    world.clock.advance(-30)  # more than since the move
    world.start_operator()
    world.run(5)
    move(world, "1")
    world.run(5)
    world.cluster.requests.clear()
    world.run(30)
    assert world.serving == "1"
    assert ("patch", "controllerrevisions") not in world.cluster.writes(), "it is marked once"
    world.answers.failure = ("RegistryUnavailable", "it is down")
    world.start_operator()
    world.run(20)
    assert world.serving == "1", "the alias named it last"


def test_an_alias_that_moves_often_is_no_fight() -> None:
    """Marks and the budget follow each move: nobody else has changed them."""
    world = following()
    for version in ("2", "1", "2", "1", "2", "1", "2"):
        move(world, version)
        world.run(20)
        assert world.serving == version
        (budget,) = world.api.objects(BUDGETS)
        assert version_of(budget["spec"]["selector"]["matchLabels"][LABEL_REVISION]) == version
        roles = {
            version_of(p["metadata"]["labels"][LABEL_REVISION]): role(p) for p in world.api.objects(PODS)
        }
        assert roles == {v: "" if v == version else "standby" for v in roles}
    assert "RepairConflict" not in {event.reason for event in world.recorder.events}


def test_a_standby_with_too_few_pods_is_scaled_before_it_takes_over() -> None:
    """However long ago the spec was edited."""
    world = following()
    move(world, "2")
    world.run(20)
    world.clock.advance(600)
    pod = next(p for p in world.api.objects(PODS, labels=f"{LABEL_REVISION}={world.revision('1')}"))
    world.fate("1", Fate(until=Stage.SERVING))
    world.controllers.kubelet.unready(NAMESPACE, pod["metadata"]["name"])
    world.operate()
    move(world, "1")
    world.run(5)
    assert world.served() == ["1", "2"]
    world.run(10)
    assert world.served() == ["1", "2", "1"]


def test_there_and_back_during_a_rollout_ends_where_it_was() -> None:
    world = following()
    world.fate("2", FETCHING)
    move(world, "2")
    world.run(5)
    assert (world.condition()["reason"], world.replicas()) == ("Starting", {"1": 2, "2": 2})
    move(world, "1")
    world.run(20)
    assert (world.served(), made(world), world.replicas()) == (["1"], {"1": 2, "2": 2}, {"1": 2})
    assert world.condition()["status"] == "True"
    world.cluster.requests.clear()
    world.run(60, tick=5)
    assert writes(world) == {}


def test_there_and_back_before_anybody_looked_is_nothing() -> None:
    world = following()
    world.cluster.requests.clear()
    for version in ("2", "1"):
        move(world, version)
    world.run(20)
    assert (writes(world), made(world)) == ({}, {"1": 2})


def test_an_alias_that_is_gone_leaves_what_serves() -> None:
    world = following()
    move(world, None)
    world.run(20)
    serves_still(world, "AliasNotFound", "False")
    assert world.condition()["message"].endswith("version 1 keeps serving")
    assert world.condition("Stalled")["reason"] == "AliasNotFound"
    world.start_operator()
    world.run(20)
    serves_still(world, "AliasNotFound", "False")
    move(world, "1")
    world.run(20)
    serves_still(world, "Serving", "True")
    assert made(world) == {"1": 2}


def test_a_model_that_is_gone_leaves_what_serves() -> None:
    world = following()
    world.answers.failure = ("VersionNotFound", "there is no model iris in registry mlflow: register it")
    told(world)
    world.run(20)
    serves_still(world, "VersionNotFound", "False")


def test_a_model_made_again_under_the_same_name_is_another_revision() -> None:
    world = following()
    before = world.revision("1")
    again = world.answers.versions["1"]
    world.answers.versions["1"] = replace(again, created_time=again.created_time + 86_400_000)
    told(world)
    world.run(20)
    after = world.revision("1")
    assert before != after
    service = world.api.get(SERVICES, NAMESPACE, NAME)
    assert service["spec"]["selector"]["pintle.dev/revision"] == after
    assert world.status["standby"]["revision"] == before
    assert world.condition()["status"] == "True"


@pytest.mark.parametrize(
    ("reason", "resolved"),
    [
        ("RegistryUnavailable", "True"),
        ("Resolving", "True"),
        ("RegistryForbidden", "Unknown"),
        ("HostHeaderRefused", "Unknown"),
        ("CredentialsForbidden", "Unknown"),
        ("InvalidSpec", "Unknown"),
    ],
)
def test_a_registry_that_cannot_be_asked_after_a_restart(reason: str, resolved: str) -> None:
    """What the alias named last is on record: nothing that is declared waits for the registry."""
    world = following()
    world.cluster.requests.clear()
    world.answers.failure = (reason, "the registry says no")
    world.start_operator()
    world.run(60, tick=5)
    serves_still(world, "Serving", resolved)
    assert world.status["wanted"] == "champion->1"
    if resolved == "True":
        assert writes(world) == {}
    else:
        assert world.condition("Resolved")["reason"] == reason
        assert "the registry says no" in world.condition("Resolved")["message"]
    world.answers.failure = None
    move(world, "2")
    world.run(20)
    assert (world.served(), world.condition("Resolved")["status"]) == (["1", "2"], "True")


def test_a_registry_that_hangs_after_a_restart_says_nothing_new() -> None:
    world = following()
    world.cluster.requests.clear()
    world.answers.hangs = True
    world.answers.wanted.clear()
    world.start_operator()
    world.run(60, tick=5)
    serves_still(world, "Serving", "True")
    assert writes(world) == {}


def test_without_the_mark_a_restart_has_to_ask() -> None:
    """The control: it is the mark, and nothing else, that tells."""
    world = following()
    record = world.revision("1")
    body = {"metadata": {"annotations": {ANNOTATION_ALIAS: None}}}
    world.api.patch(CONTROLLER_REVISIONS, NAMESPACE, record, body)
    world.answers.failure = ("RegistryUnavailable", "the registry is down")
    world.start_operator()
    world.run(20)
    serves_still(world, "RegistryUnavailable", "Unknown")
    world.answers.failure = None
    told(world)
    world.run(20)
    serves_still(world, "Serving", "True")
    assert marks(world) == {"1": "champion"}


def test_the_newest_mark_counts() -> None:
    """A move back is on record too."""
    world = following()
    for version in ("2", "1"):
        move(world, version)
        world.run(20)
    world.answers.failure = ("RegistryUnavailable", "the registry is down")
    world.start_operator()
    world.run(20)
    assert (world.status["wanted"], world.condition()["reason"]) == ("champion->1", "Serving")


@pytest.mark.parametrize("hangs", [True, False])
def test_a_restart_in_the_middle_of_a_rollout_with_the_registry_down(hangs: bool) -> None:
    world = following()
    world.fate("2", FETCHING)
    move(world, "2")
    world.run(5)
    world.answers.hangs = hangs
    world.answers.failure = None if hangs else ("RegistryUnavailable", "the registry is down")
    world.answers.wanted.clear()
    world.start_operator()
    world.run(5)
    assert (world.replicas(), sum(world.pods_gone.values())) == ({"1": 2, "2": 2}, 0)
    world.answers.hangs = False
    world.answers.failure = ("RegistryUnavailable", "the registry is down")
    told(world)
    world.fate("2", Fate())
    world.run(20)
    assert (world.served(), made(world)) == (["1", "2"], {"1": 2, "2": 2})
    assert world.condition()["status"] == "True"


def test_another_shape_while_the_registry_is_down() -> None:
    world = following()
    world.answers.failure = ("RegistryUnavailable", "the registry is down")
    world.start_operator()
    world.apply(resources={"requests": {"cpu": "200m"}})
    world.run(20)
    assert (world.served(), world.condition()["reason"]) == (["1", "1"], "Serving")


def test_a_connection_that_is_deleted() -> None:
    world = following()
    connection = world.api.get(REGISTRY_CONNECTIONS, NAMESPACE, "mlflow")
    world.api.delete(REGISTRY_CONNECTIONS, NAMESPACE, "mlflow", uid=connection["metadata"]["uid"])
    world.start_operator()
    world.run(20)
    serves_still(world, "Serving", "Unknown")
    assert world.condition("Resolved")["reason"] == "RegistryNotFound"


def test_a_version_beside_the_alias_holds_it() -> None:
    world = following("2")
    world.apply(version=1)
    world.run(20)
    assert (world.serving, world.status["wanted"]) == ("1", "1 (held)")
    move(world, "3")
    world.run(20)
    assert (world.serving, world.status["wanted"]) == ("1", "1 (held)")
    assert ALIAS not in dict(world.answers.wanted.values()), "nobody asks for it"
    world.apply(version=None)
    world.run(20)
    assert (world.serving, world.status["wanted"]) == ("3", "champion->3")
    assert world.served() == ["2", "1", "3"]


def test_nothing_is_started_on_old_news() -> None:
    """What the alias named before it was held may be long over: the answer is waited for."""
    world = following("2")
    world.apply(version=1)
    world.run(4000)
    assert world.replicas() == {"1": 2}
    move(world, "3")
    world.answers.hangs = True
    world.apply(version=None)
    world.run(5)
    assert (world.condition()["reason"], world.replicas()) == ("Resolving", {"1": 2})
    world.answers.hangs = False
    told(world)
    world.run(20)
    assert (world.served(), world.pods_made[world.revision("2")]) == (["2", "1", "3"], 2)


def test_another_alias_is_no_news_of_this_one() -> None:
    world = following()
    world.answers.aliases["canary"] = "2"
    world.apply(alias="canary")
    world.run(20)
    assert (world.serving, world.status["wanted"]) == ("2", "canary->2")
    assert marks(world) == {"1": "champion", "2": "canary"}
    world.answers.failure = ("RegistryUnavailable", "the registry is down")
    world.start_operator()
    world.run(20)
    assert world.condition()["status"] == "True"
    world.apply(alias="champion")
    world.run(20)
    assert (world.serving, world.status["wanted"]) == ("1", "champion->1"), "what it named last"
    world.apply(alias="nobody")
    world.run(20)
    assert world.condition()["reason"] == "RegistryUnavailable"


def test_a_broken_version_behind_an_alias() -> None:
    world = following()
    world.fate("2", Fate(failure=Failure("serve", 15, "ProofFailed", "prediction[0] is NaN")))
    move(world, "2")
    world.run(20)
    serves = (world.condition()["reason"], world.serving, world.status["wanted"])
    assert serves == ("ProofFailed", "1", "champion->2")
    entry = world.status["history"][0]
    assert (entry["outcome"], entry["cause"]) == ("ProofFailed", "alias champion names version 2")
    move(world, "1")
    world.run(20)
    assert (world.condition()["status"], made(world)["1"]) == ("True", 2)
