"""What a tenant writes onto objects that it may write, to harm what serves or whoever reads about it."""

import orjson
import pytest

from pintle.conditions import MESSAGE_SHOWN
from pintle.domain.resources import DEPLOYMENTS, SERVICES
from pintle.errors import Invalid
from pintle.naming import ANNOTATION_PROMOTE, ANNOTATION_REJECT
from tests.support.fake_cluster import Fault
from tests.support.world import NAME, NAMESPACE, World

# What the API server lets all annotations of an object be together.
BYTES = 256 * 1024 - 1024


def serving(*versions: int) -> World:
    """A world in which these served one after another; the last one does now, with two pods."""
    world = World()
    for version in versions:
        world.apply(version=version, replicas=2)
        world.run(20)
    assert world.condition()["reason"] == "Serving"
    return world


def unharmed(world: World, version: str) -> None:
    """A version serves with both its pods, and none of them was ended."""
    assert world.serving == version
    assert world.ready_pods(version) == 2
    assert world.pods_gone[world.revision(version)] == 0
    assert world.condition("Available")["status"] == "True"


@pytest.mark.parametrize("command", [ANNOTATION_REJECT, ANNOTATION_PROMOTE])
def test_a_command_of_256_kilobytes(command: str) -> None:
    world = serving(1, 2)
    world.annotate(**{command: "\x1b[2J" + "x" * BYTES})
    world.apply(version=3)
    world.run(30)
    unharmed(world, "3")
    assert len(orjson.dumps(world.status)) < 16 * 1024, "it is repeated nowhere"
    assert all(len(event.message) <= BYTES / 100 for event in world.recorder.events)
    # The control: a command is obeyed.
    world.annotate(**{command: None, ANNOTATION_REJECT: "version/3"})
    world.run(20)
    assert world.serving == "2"


def test_a_shape_that_the_api_server_refuses() -> None:
    """Annotations of pods may be longer together than it takes: the schema bounds each, not their sum."""
    world = serving(1)
    words = f"metadata.annotations: Too long: may not be more than 262144 bytes: {'x' * BYTES}"
    for ordinal in range(1, 100):
        refused = Invalid(words, status=422)
        world.cluster.faults.append(Fault("create", "deployments", ordinal=ordinal, error=refused))
    world.apply(version=2, podMetadata={"annotations": {f"note-{n}": "x" * 8192 for n in range(32)}})
    world.run(30)
    ready = world.condition()
    assert (ready["status"], ready["reason"]) == ("False", "InvalidSpec")
    assert "the API server refuses Deployment" in ready["message"]
    assert len(ready["message"]) <= MESSAGE_SHOWN
    unharmed(world, "1")
    # The control: what it takes is rolled out.
    world.cluster.faults.clear()
    world.apply(version=3, podMetadata=None)
    world.run(30)
    unharmed(world, "3")


@pytest.mark.parametrize("named", ["what serves", "all there are"])
def test_a_service_that_is_made_to_release_what_serves(named: str) -> None:
    """`pintle.dev/released` names revisions whose pods may be taken away, and tenants may edit Services."""
    world = serving(1, 2)
    hashes = {version: world.revision(version).rpartition("-")[2] for version in ("1", "2")}
    released = hashes["2"] if named == "what serves" else ",".join(hashes.values())
    marks = {"pintle.dev/released": released}
    world.api.patch(SERVICES, NAMESPACE, NAME, {"metadata": {"annotations": marks}})
    world.run(60)
    unharmed(world, "2")
    # The control: of a revision that neither serves nor is wanted the pods are taken away.
    world.apply(rollout={"standbySeconds": 0})
    world.run(60)
    assert world.ready_pods("1") == 0


@pytest.mark.parametrize("mark", ["since", "standby", "released"])
@pytest.mark.parametrize(
    "value", ["", "\x1b[2J", "nonsense", "x" * BYTES, "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]
)
def test_a_service_whose_marks_are_garbage(mark: str, value: str) -> None:
    world = serving(1, 2)
    marks = {f"pintle.dev/{mark}": value}
    world.api.patch(SERVICES, NAMESPACE, NAME, {"metadata": {"annotations": marks}})
    world.run(30)
    unharmed(world, "2")
    assert len(orjson.dumps(world.status)) < 16 * 1024
    # The control: what is declared after that is served, as ever.
    world.apply(version=3)
    world.run(30)
    unharmed(world, "3")


def test_a_deployment_that_pretends_to_be_a_revision() -> None:
    """It has our labels and our owner, and no record: it is neither served by, nor scaled, nor deleted."""
    world = serving(1)
    ours = world.api.get(DEPLOYMENTS, NAMESPACE, world.revision("1"))
    name = "iris-v9-deadbeef"
    labels = ours["metadata"]["labels"] | {"pintle.dev/revision": name, "pintle.dev/version": "9"}
    metadata = {"name": name, "labels": labels, "ownerReferences": ours["metadata"]["ownerReferences"]}
    world.api.create(DEPLOYMENTS, NAMESPACE, {"metadata": metadata, "spec": ours["spec"] | {"replicas": 3}})
    world.run(30)
    world.annotate(**{ANNOTATION_REJECT: "version/1"})
    world.run(30)
    forged = world.api.get(DEPLOYMENTS, NAMESPACE, name)
    assert forged["spec"]["replicas"] == 3
    assert world.serving == "1", "there is nothing proven to go back to"
    # The control: to what has a record, and was proven, it goes.
    world.annotate(**{ANNOTATION_REJECT: None})
    world.apply(version=2)
    world.run(30)
    assert world.serving == "2"


def test_a_service_that_is_made_to_name_what_was_never_proven() -> None:
    """A selector that names a candidate, or nothing we know, is put back to what served."""
    world = serving(1)
    for revision in ("iris-v9-deadbeef", "", "../../x"):
        selector = {"selector": {"pintle.dev/revision": revision}}
        world.api.patch(SERVICES, NAMESPACE, NAME, {"spec": selector})
        world.run(10)
        held = world.api.get(SERVICES, NAMESPACE, NAME)["spec"]["selector"]
        assert held["pintle.dev/revision"] == world.revision("1")
    unharmed(world, "1")
    # The control: the operator's own switch stays.
    world.apply(version=2)
    world.run(30)
    assert world.api.get(SERVICES, NAMESPACE, NAME)["spec"]["selector"][
        "pintle.dev/revision"
    ] == world.revision("2")


def test_a_model_with_markup_and_hidden_characters_in_its_name() -> None:
    """It is a name like any other, and is told visibly, to scripts as it is."""
    world = World()
    name = "iris'\"<b>\u202e`$(reboot)`"
    world.apply(model=name, version=9)
    world.run(10)
    told = [condition["message"] for condition in world.status["conditions"]]
    assert any("<b>" in text for text in told)
    assert all(text.isprintable() for text in told)
    # The control: the object has it as it was written.
    assert not world.body["spec"]["model"].isprintable()
