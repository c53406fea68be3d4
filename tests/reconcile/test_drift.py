"""What others change on children: put back, but not for ever, and with whom it is told (design section 4)."""

from collections.abc import Callable
from typing import Any

import pytest

from pintle.domain.resources import BUDGETS, CONFIG_MAPS, CONTROLLER_REVISIONS, DEPLOYMENTS, PODS, SERVICES
from pintle.errors import ClusterError, Conflict, Unavailable
from pintle.ports import Resource
from tests.support.fake_api_server import Body
from tests.support.fake_cluster import Fault
from tests.support.fake_pods import Fate, Stage
from tests.support.world import NAME, NAMESPACE, World

SIDECAR = {"name": "sidecar", "image": "spy"}


def serving(version: int = 1) -> World:
    world = World()
    world.apply(version=version, replicas=2)
    world.run(20)
    assert world.condition()["reason"] == "Serving"
    return world


def template(world: World, version: str) -> Body:
    found: Body = world.api.get(DEPLOYMENTS, NAMESPACE, world.revision(version))["spec"]["template"]
    return found


def meddle(world: World, version: str) -> None:
    """Add a container, as a service mesh does that was told to."""
    containers = [*template(world, version)["spec"]["containers"], SIDECAR]
    body = {"spec": {"template": {"spec": {"containers": containers}}}}
    world.api.patch(DEPLOYMENTS, NAMESPACE, world.revision(version), body)


def puts(world: World) -> int:
    return sum(r.verb == "update" and r.status == 200 for r in world.cluster.requests)


def told(world: World, reason: str) -> list[str]:
    return [e.message for e in world.recorder.events if e.reason == reason]


# What somebody changes, the kind of its object, and the path that is told.
FIGHTS: dict[str, tuple[Resource, Body, str]] = {
    "replicas": (DEPLOYMENTS, {"spec": {"replicas": 5}}, "spec.replicas"),
    "fewer replicas": (DEPLOYMENTS, {"spec": {"replicas": 1}}, "spec.replicas"),
    "selector": (SERVICES, {"spec": {"selector": {"app": "mine"}}}, "spec.selector"),
    "ports": (SERVICES, {"spec": {"ports": [{"port": 81}]}}, "spec.ports"),
    "labels": (SERVICES, {"metadata": {"labels": {"app.kubernetes.io/name": "mine"}}}, "metadata.labels"),
    "budget": (BUDGETS, {"spec": {"maxUnavailable": 2}}, "spec.maxUnavailable"),
    "budget's pods": (
        BUDGETS,
        {"spec": {"selector": {"matchLabels": {"pintle.dev/revision": "none"}}}},
        "spec.selector",
    ),
    "copy": (CONFIG_MAPS, {"data": {"revision.json": "{}"}}, "data"),
}


@pytest.mark.parametrize("fight", FIGHTS)
def test_a_fight_ends_after_three_times_and_is_taken_up_an_hour_later(fight: str) -> None:
    kind, change, path = FIGHTS[fight]
    world = serving()
    world.run(700, tick=30)  # what the rollout itself wrote does not count any more
    name = NAME if kind in (SERVICES, BUDGETS) else world.revision("1")
    wanted = _field(world.api.get(kind, NAMESPACE, name), path)

    def changed() -> bool:
        world.api.patch(kind, NAMESPACE, name, change)
        world.run(5)
        return bool(_field(world.api.get(kind, NAMESPACE, name), path) != wanted)

    assert [changed() for _ in range(6)] == [False, False, False, True, True, True]
    (message,) = told(world, "RepairConflict")
    assert f"{path} of {kind.kind} {name}" in message
    world.run(3700, tick=30)
    assert _field(world.api.get(kind, NAMESPACE, name), path) == wanted, "tried again after an hour"


@pytest.mark.parametrize("fight", FIGHTS)
def test_a_controller_that_answers_at_once_makes_no_loop(fight: str) -> None:
    kind, change, _ = FIGHTS[fight]
    world = serving()
    name = NAME if kind in (SERVICES, BUDGETS) else world.revision("1")

    def correct(_: str, resource: Resource, obj: Body) -> None:
        if (resource, obj["metadata"]["name"]) != (kind, name):
            return
        if not _holds(obj, change):
            world.api.patch(kind, NAMESPACE, name, change)

    world.api.patch(kind, NAMESPACE, name, change)
    world.api.listeners.append(correct)
    world.cluster.requests.clear()
    world.run(600, tick=1)
    assert world.cluster.writes().total() <= 8, "three times, and the status"
    assert len(told(world, "RepairConflict")) == 1


@pytest.mark.parametrize("error", [Conflict("changed"), Unavailable("down")], ids=["409", "no answer"])
def test_what_could_not_be_put_back_was_not_put_back(error: ClusterError) -> None:
    """An API server that refuses for a while is nobody who fights."""
    world = serving()
    wanted = template(world, "1")
    world.cluster.faults += [Fault("update", "deployments", ordinal=n, error=error) for n in range(1, 6)]
    meddle(world, "1")
    world.run(60)
    assert template(world, "1") == wanted
    assert told(world, "RepairConflict") == []


def test_what_was_declared_anew_is_no_fight() -> None:
    """Somebody who edits replicas five times gets what was asked for the fifth time."""
    world = serving()
    for replicas in (3, 2, 4, 1, 3):
        world.apply(replicas=replicas)
        world.run(5)
    assert world.replicas() == {"1": 3}
    assert not told(world, "RepairConflict")


@pytest.mark.parametrize("restarted", [False, True])
def test_a_template_changed_before_it_was_cleared_is_put_back(restarted: bool) -> None:
    """What is cleared is what was recorded, whoever got at the Deployment while it started."""
    world = serving()
    world.fate("2", Fate(until=Stage.SERVING))
    world.apply(version=2)
    world.run()
    wanted = template(world, "2")
    if restarted:
        world.start_operator()
    meddle(world, "2")
    world.fate("2", Fate())
    world.run(20)
    assert template(world, "2") == wanted
    assert (world.serving, world.condition()["reason"]) == ("2", "Serving")


def test_after_a_restart_the_stored_form_of_a_template_is_asked_for_once() -> None:
    world = serving()
    world.fate("2", Fate(until=Stage.SERVING))
    world.apply(version=2)
    world.run()
    before = template(world, "2")
    world.start_operator()
    world.cluster.requests.clear()
    world.run(60)
    assert puts(world) == 1
    assert template(world, "2") == before, "nothing is stored by asking"


def inject(at: str) -> Callable[[Resource, Body], None]:
    """A mutating webhook that puts a label into every pod template."""

    def webhook(resource: Resource, obj: Body) -> None:
        if resource == DEPLOYMENTS:
            obj["spec"]["template"]["metadata"].setdefault("labels", {})["mesh"] = at

    return webhook


@pytest.mark.parametrize("restarted", [False, True])
def test_a_template_that_is_rewritten_on_its_way_in_becomes_what_is_compared(restarted: bool) -> None:
    world = serving()
    world.api.webhooks.append(inject("v1"))
    meddle(world, "1")
    world.cluster.requests.clear()
    world.run(60)
    assert puts(world) == 1
    assert SIDECAR not in template(world, "1")["spec"]["containers"]
    assert len(told(world, "TemplateMutated")) == 1
    if restarted:
        world.start_operator()
    world.run(3700, tick=30)
    assert puts(world) == 1, "never a second PUT for the same difference"
    meddle(world, "1")
    world.run(20)
    assert puts(world) == 2
    assert SIDECAR not in template(world, "1")["spec"]["containers"], "another difference is put back"


def test_a_webhook_that_is_there_from_the_start_is_no_drift() -> None:
    world = World()
    world.api.webhooks.append(inject("v1"))
    world.apply(version=1, replicas=2)
    world.run(20)
    assert world.condition()["reason"] == "Serving"
    assert (puts(world), world.recorder.events[-1].reason) == (0, "Serving")


def write_null(resource: Resource, obj: Body) -> None:
    """What Kubernetes 1.32 writes into every pod template, and later ones leave out."""
    if resource == DEPLOYMENTS:
        obj["spec"]["template"]["metadata"]["creationTimestamp"] = None


@pytest.mark.parametrize("restarted", [False, True])
def test_an_upgrade_of_kubernetes_that_leaves_nulls_out_is_no_drift(restarted: bool) -> None:
    world = World()
    world.api.webhooks.append(write_null)
    world.apply(version=1, replicas=2)
    world.run(20)
    assert world.condition()["reason"] == "Serving"
    assert template(world, "1")["metadata"]["creationTimestamp"] is None
    world.api.webhooks.remove(write_null)
    if restarted:
        world.start_operator()
    world.cluster.requests.clear()
    body = {"spec": {"template": {"metadata": {"creationTimestamp": None}}}}  # in a patch: to be taken out
    world.api.patch(DEPLOYMENTS, NAMESPACE, world.revision("1"), body)
    world.run(60)
    assert "creationTimestamp" not in template(world, "1")["metadata"]
    assert [r for r in world.cluster.requests if r.verb in ("update", "patch", "create")] == []
    meddle(world, "1")
    world.run(20)
    assert puts(world) == 1, "a real difference is put back"


@pytest.mark.parametrize("kind", [CONTROLLER_REVISIONS, DEPLOYMENTS, PODS], ids=lambda k: k.kind)
def test_a_restart_finds_no_drift_where_there_is_none(kind: Resource) -> None:
    world = serving()
    world.start_operator()
    world.cluster.requests.clear()
    world.run(60)
    assert not [r for r in world.cluster.requests if r.resource == kind.plural]


def _field(obj: Body, path: str) -> Any:  # noqa: ANN401 - any JSON value
    found: Any = obj
    for part in path.split("."):
        found = found[part]
    return found


def _holds(obj: Any, change: Any) -> bool:  # noqa: ANN401 - any JSON values
    """Whether a merge patch would change nothing."""
    if isinstance(change, dict):
        return all(_holds(obj.get(key), value) for key, value in change.items())
    return bool(obj == change)
