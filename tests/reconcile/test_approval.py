"""What a connection requires of a version: asked before it is pinned, and never again."""

from dataclasses import replace

import pytest

from pintle.domain import Query, Requirement
from pintle.domain.resources import REGISTRY_CONNECTIONS
from tests.support.world import NAMESPACE, World

REQUIRE = {"tags": {"validation_status": "approved"}, "aliases": ["released"]}
APPROVED = {"tags": {"validation_status": "approved"}, "aliases": frozenset({"released", "other"})}


def requiring(require: object = REQUIRE) -> World:
    world = World()
    require_of(world, require)
    return world


def require_of(world: World, require: object) -> None:
    """Edit what the connection requires."""
    world.api.patch(REGISTRY_CONNECTIONS, NAMESPACE, "mlflow", {"spec": {"require": require}})


def say(world: World, version: str, **said: object) -> None:
    """Change what people say of a version in the registry, and have the resolver tell the operator."""
    found = world.answers.versions[version]
    world.answers.versions[version] = replace(found, **{"tags": {}, "aliases": frozenset()} | said)  # type: ignore[arg-type]
    world.operator.dirty.update(world.answers.wanted)


def serving() -> World:
    """Version 1 is approved and serves."""
    world = requiring()
    say(world, "1", **APPROVED)
    world.apply(version=1, replicas=2)
    world.run(20)
    assert (world.condition()["reason"], world.serving) == ("Serving", "1")
    return world


def test_a_version_that_lacks_something_is_not_pinned() -> None:
    world = serving()
    made = world.pods_made.copy()
    world.apply(version=2)
    world.run(20)
    ready = world.condition()
    assert (ready["reason"], world.condition("Stalled")["reason"]) == ("NotApproved", "NotApproved")
    assert ready["message"] == (
        "iris version 2 is not approved: it has no tag validation_status=approved, no alias released; "
        "registry mlflow requires that (spec.require of the connection): set it in MLflow; "
        "version 1 keeps serving"
    )
    assert world.condition("Resolved")["status"] == "True"
    assert (world.pods_made, world.revision("2"), world.serving) == (made, "", "1")
    say(world, "2", tags={"validation_status": "rejected"}, aliases=frozenset({"released"}))
    world.run(20)
    assert "no tag validation_status=approved; registry" in world.condition()["message"]
    assert "rejected" not in world.condition()["message"], "what the registry has is not repeated"
    say(world, "2", **APPROVED)
    world.run(20)
    assert (world.condition()["reason"], world.served()) == ("Serving", ["1", "2"])


def test_what_was_pinned_is_not_asked_again() -> None:
    world = serving()
    say(world, "2", **APPROVED)
    world.apply(version=2)
    world.run(20)
    for version in ("1", "2"):
        say(world, version)
    world.run(20)
    assert world.condition()["status"] == "True"
    world.apply(version=1)
    world.run(20)
    assert (world.serving, world.condition()["status"]) == ("1", "True"), "a rollback needs no approval"
    world.apply(resources={"requests": {"cpu": "200m"}})
    world.run(20)
    assert (world.served(), world.condition()["status"]) == (["1", "2", "1", "1"], "True")


def test_a_requirement_that_is_added_stops_nothing() -> None:
    world = World()
    world.apply(version=1, replicas=2)
    world.run(20)
    require_of(world, REQUIRE)
    world.run(20)
    assert (world.condition()["status"], sum(world.pods_gone.values())) == ("True", 0)
    world.apply(version=2)
    world.run(20)
    assert world.condition()["reason"] == "NotApproved"
    require_of(world, None)
    world.run(20)
    assert (world.condition()["status"], world.serving) == ("True", "2"), "the control"


def test_an_alias_that_moves_to_what_is_not_approved() -> None:
    world = serving()
    world.answers.aliases["champion"] = "1"
    world.apply(version=None, alias="champion")
    world.run(20)
    assert world.condition()["status"] == "True"
    world.answers.aliases["champion"] = "2"
    say(world, "2")
    world.run(20)
    assert (world.condition()["reason"], world.status["wanted"]) == ("NotApproved", "champion->2")
    assert (world.serving, sum(world.pods_gone.values())) == ("1", 0)
    say(world, "1")
    world.answers.aliases["champion"] = "1"
    say(world, "1")
    world.run(20)
    assert (world.condition()["reason"], world.serving) == ("Serving", "1"), "pinned before"
    world.answers.aliases["champion"] = "2"
    say(world, "2", **APPROVED)
    world.run(20)
    assert world.served() == ["1", "2"]


def test_the_registry_is_asked_until_it_is_approved() -> None:
    """By the resolver, which has to know what is required for that."""
    world = serving()
    world.apply(version=2)
    world.run(20)
    required = Requirement((("validation_status", "approved"),), ("released",))
    asked = [query for query, _ in world.answers.wanted.values()]
    assert asked == [Query("mlflow", "iris", version="2", required=required)]


@pytest.mark.parametrize("require", [{"tags": {"a": "b"}}, {"aliases": ["released"]}])
def test_either_alone(require: dict[str, object]) -> None:
    world = requiring(require)
    world.apply(version=1)
    world.run(20)
    assert world.condition()["reason"] == "NotApproved"
    say(world, "1", tags={"a": "b"}, aliases=frozenset({"released"}))
    world.run(20)
    assert world.condition()["reason"] == "Serving"


def test_another_shape_of_what_an_alias_pinned_needs_no_approval() -> None:
    """Though the registry is asked of an alias all the time, and says that the tag is gone."""
    world = serving()
    world.answers.aliases["champion"] = "1"
    world.apply(version=None, alias="champion")
    world.run(20)
    say(world, "1")
    world.apply(resources={"requests": {"cpu": "200m"}})
    world.run(20)
    assert (world.served(), world.condition()["reason"]) == (["1", "1"], "Serving")
