"""Golden cases: recorded when a revision is made, handed to its pods, and the same from then on."""

import json
from typing import Any

from pintle.domain.resources import CONFIG_MAPS, CONTROLLER_REVISIONS, DEPLOYMENTS
from pintle.errors import Unavailable
from pintle.naming import text_digest
from tests.support.fake_cluster import Fault
from tests.support.fake_pods import Failure, Fate
from tests.support.world import NAMESPACE, World

# A table's columns in an order of their own: what is kept is the text.
FIRST = '[{"request": {"dataframe_records": [{"b": 1, "a": 2}]}, "expect": {"equals": 0}}]'
SECOND = FIRST.replace("0}}", "1}}")
CASES = {"proof": {"cases": {"configMapRef": {"name": "iris-cases"}}}}
NO_EXAMPLE = Fate(example=False)


def give(world: World, text: str) -> None:
    """Make the tenant's ConfigMap, or write it anew."""
    body = {"metadata": {"name": "iris-cases"}, "data": {"cases.json": text}}
    if world.api.find(CONFIG_MAPS, NAMESPACE, "iris-cases"):
        world.api.patch(CONFIG_MAPS, NAMESPACE, "iris-cases", {"data": body["data"]})
    else:
        world.api.create(CONFIG_MAPS, NAMESPACE, body)


def serving(text: str = FIRST) -> World:
    """Version 1, logged without an example, serves with golden cases."""
    world = World()
    world.fate("1", NO_EXAMPLE)
    give(world, text)
    world.apply(version=1, replicas=2, rollout=CASES)
    world.run(20)
    assert (world.condition()["reason"], world.serving) == ("Serving", "1")
    return world


def record(world: World, version: str) -> dict[str, Any]:
    data: dict[str, Any] = world.api.get(CONTROLLER_REVISIONS, NAMESPACE, world.revision(version))["data"]
    return data


def mounted(world: World, version: str) -> dict[str, str]:
    data: dict[str, str] = world.api.get(CONFIG_MAPS, NAMESPACE, world.revision(version))["data"]
    return data


def reads(world: World) -> int:
    return sum(r.verb == "get" and r.name == "iris-cases" for r in world.cluster.requests)


def test_cases_are_recorded_and_handed_to_the_pods() -> None:
    world = serving()
    assert record(world, "1")["cases"] == FIRST
    assert mounted(world, "1")["cases.json"] == FIRST
    assert json.loads(mounted(world, "1")["revision.json"])["casesDigest"] == text_digest(FIRST)
    assert reads(world) == 1
    proven = world.condition("Proven")
    assert (proven["status"], proven["reason"]) == ("True", "Passed")
    assert proven["message"] == "iris version 1 answered the golden cases of spec.rollout.proof.cases"


def test_without_cases_the_same_version_is_not_proven() -> None:
    """The control of the test above."""
    world = World()
    world.fate("1", NO_EXAMPLE)
    give(world, FIRST)
    world.apply(version=1, replicas=2)
    world.run(20)
    assert (world.condition("Proven")["reason"], reads(world)) == ("NoExample", 0)
    assert "cases" not in record(world, "1")
    assert list(mounted(world, "1")) == ["revision.json"]


def test_an_edit_of_the_config_map_changes_nothing_of_a_revision_that_is_made() -> None:
    world = serving()
    made, writes = world.pods_made.copy(), world.cluster.writes()
    give(world, SECOND)
    world.start_operator()
    world.run(700)
    assert (world.pods_made, world.cluster.writes(), reads(world)) == (made, writes, 1)
    world.api.delete(CONFIG_MAPS, NAMESPACE, "iris-cases")
    world.apply(version=2)
    world.run(20)
    assert (world.condition()["reason"], world.serving) == ("InvalidSpec", "1")
    world.apply(version=1)
    world.run(20)
    assert (world.condition()["reason"], world.pods_made) == ("Serving", made), (
        "a rollback needs no ConfigMap"
    )
    give(world, SECOND)
    world.apply(version=2)
    world.run(20)
    assert world.serving == "2"
    assert (record(world, "1")["cases"], record(world, "2")["cases"]) == (FIRST, SECOND)
    world.apply(version=2, rolloutToken="with the cases of today")
    give(world, FIRST)
    world.run(20)
    assert record(world, "2")["cases"] == FIRST, "a new token makes a new revision"


def test_a_config_map_that_is_missing_is_waited_for() -> None:
    world = World()
    world.apply(version=1, replicas=2)
    world.run(20)
    made = world.pods_made.copy()
    world.apply(version=2, rollout=CASES)
    world.run(20)
    ready = world.condition()
    assert (ready["reason"], world.condition("Stalled")["reason"]) == ("InvalidSpec", "InvalidSpec")
    assert ready["message"] == (
        "there is no ConfigMap iris-cases in namespace ml, which spec.rollout.proof.cases names: "
        "kubectl -n ml create configmap iris-cases --from-file=cases.json; version 1 keeps serving"
    )
    assert (world.pods_made, world.revision("2"), world.serving) == (made, "", "1")
    give(world, "[]")
    world.run(16)
    assert "there are 0 cases: write 1 to 32" in world.condition()["message"]
    give(world, FIRST)
    world.run(30)
    assert (world.condition()["reason"], world.serving) == ("Serving", "2"), "nobody had to touch the object"
    assert record(world, "2")["cases"] == FIRST


def test_a_wrong_answer_is_told_in_the_pods_words() -> None:
    world = serving()
    words = 'case 1 ("setosa"): expected 0 within 0.1, got 2'
    world.fate("2", Fate(failure=Failure("serve", 15, "ProofFailed", words)))
    world.apply(version=2)
    world.run(30)
    ready = world.condition()
    assert ready["reason"] == "ProofFailed"
    assert words in ready["message"]
    assert (world.serving, world.status["rejected"][0]["reason"]) == ("1", "ProofFailed")


def test_what_somebody_does_to_the_pods_copy_is_put_back() -> None:
    world = serving()
    world.api.patch(CONFIG_MAPS, NAMESPACE, world.revision("1"), {"data": {"cases.json": SECOND}})
    world.run(5)
    assert mounted(world, "1")["cases.json"] == FIRST
    world.api.delete(CONFIG_MAPS, NAMESPACE, world.revision("1"))
    world.run(5)
    assert mounted(world, "1")["cases.json"] == FIRST


def test_a_record_that_is_deleted_has_its_cases_again() -> None:
    """They are too long for the annotation that the record is made again from."""
    world = serving(FIRST + " " * 200_000)
    text, made = record(world, "1")["cases"], world.pods_made.copy()
    annotations = world.api.get(DEPLOYMENTS, NAMESPACE, world.revision("1"))["metadata"]["annotations"]
    assert len(str(annotations)) < 10_000
    world.api.delete(CONTROLLER_REVISIONS, NAMESPACE, world.revision("1"))
    world.run(20)
    assert (record(world, "1")["cases"], world.pods_made) == (text, made)
    assert world.condition("Proven")["reason"] == "Passed"
    assert world.condition()["reason"] == "Serving"


def test_a_record_and_its_copy_deleted_at_once_lose_the_cases_and_no_pod() -> None:
    world = serving()
    made, revision = world.pods_made.copy(), world.revision("1")
    world.operator.stop()
    world.api.delete(CONTROLLER_REVISIONS, NAMESPACE, revision)
    world.api.delete(CONFIG_MAPS, NAMESPACE, revision)
    world.start_operator()
    world.run(20)
    assert "cases" not in record(world, "1")
    assert "casesDigest" not in mounted(world, "1")["revision.json"], (
        "later pods are not told to wait for them"
    )
    assert (world.condition()["reason"], world.pods_made) == ("Serving", made)
    assert world.condition("Proven")["reason"] == "NoExample", "what cannot be told is not claimed"


def test_an_api_server_in_trouble_delays_the_new_revision_only() -> None:
    world = serving()
    for ordinal in (1, 2, 3):
        trouble = Unavailable("overloaded", status=503)
        world.cluster.faults.append(Fault("get", "configmaps", "iris-cases", ordinal, error=trouble))
    world.apply(version=2)
    world.run(2)
    assert world.condition()["reason"] == "Resolving"
    assert world.condition("Available")["status"] == "True"
    assert "cannot look at ConfigMap iris-cases: overloaded" in world.condition()["message"]
    world.run(30)
    assert (world.condition()["reason"], world.serving, reads(world)) == ("Serving", "2", 5)
