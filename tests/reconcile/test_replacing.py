"""`rollout.surge: None`: one revision's pods at a time, and the old one again where a new one fails."""

from collections.abc import Callable

import pytest

from pintle.domain.resources import MODEL_DEPLOYMENTS, PODS
from pintle.naming import LABEL_REVISION
from tests.support.fake_api_server import Body, WatchType
from tests.support.fake_pods import Failure, Fate, Stage
from tests.support.world import NAME, NAMESPACE, World, version_of

ONE = {"rollout": {"surge": "None"}}
NAN = Fate(failure=Failure("serve", 15, "ProofFailed", "prediction[0] is NaN"))
STUCK = Fate(until=Stage.SCHEDULED)


class Narrow(World):
    """A world that sees when pods of two versions are there at once."""

    def __init__(self) -> None:
        self.together: set[frozenset[str]] = set()
        super().__init__()
        self.api.listeners.append(self._look)

    def _look(self, change: WatchType, resource: object, _: Body) -> None:
        if resource == PODS and change == "ADDED":
            versions = {version_of(p["metadata"]["labels"][LABEL_REVISION]) for p in self.api.objects(PODS)}
            if len(versions) > 1:
                self.together.add(frozenset(versions))


def serving(**spec: object) -> Narrow:
    """Version 1 serves with two pods, and what replaces it has to wait for them to end."""
    world = Narrow()
    world.apply(version=1, replicas=2, **ONE | spec)
    world.run(20)
    assert (world.condition()["reason"], world.serving) == ("Serving", "1")
    return world


def reasons(world: World) -> list[str]:
    """The reasons of Ready, as Events told them."""
    return [e.reason for e in world.recorder.events if e.reason != "Promoted"]


def test_what_serves_is_stopped_first() -> None:
    world = serving()
    world.recorder.events.clear()
    world.apply(version=2)
    world.run(1)
    ready, available = world.condition(), world.condition("Available")
    assert (ready["reason"], world.condition("Reconciling")["reason"]) == ("Replacing", "Replacing")
    assert ready["message"].startswith(
        "iris version 2 replaces version 1, which is stopped first (spec.rollout.surge is None)"
    )
    assert (available["status"], available["reason"]) == ("False", "Replacing")
    assert world.status["serving"]["version"] == "1", "it has the traffic, though no pods"
    world.run(20)
    assert (world.condition()["reason"], world.condition("Available")["status"]) == ("Serving", "True")
    assert (world.served(), world.replicas(), world.together) == (["1", "2"], {"2": 2}, set())
    assert reasons(world) == ["Replacing", "Proving", "Serving"]
    assert dict(world.pods_made) == {world.revision("1"): 2, world.revision("2"): 2}


def test_with_full_surge_both_are_there() -> None:
    """The control, and the default."""
    world = serving(rollout={"surge": "Full"})
    world.apply(version=2)
    world.run(20)
    assert world.together == {frozenset("12")}
    assert "Replacing" not in reasons(world)


def test_a_first_version_has_nobody_to_stop() -> None:
    assert "Replacing" not in reasons(serving())


def test_the_old_one_comes_back_when_the_new_one_is_refused() -> None:
    world = serving()
    world.fate("2", NAN)
    world.apply(version=2)
    world.run(60)
    ready = world.condition()
    assert (ready["reason"], world.condition("Stalled")["status"]) == ("ProofFailed", "True")
    assert ready["message"].endswith("version 1 keeps serving")
    assert world.condition("Available")["status"] == "True"
    assert (world.served(), world.replicas(), world.ready_pods("1")) == (["1"], {"1": 2}, 2)
    assert world.pods_made[world.revision("2")] == 2, "it is not tried again"


MIDDLES: dict[str, Callable[[World], None]] = {
    "declared again": lambda world: world.apply(version=1),
    "suspended": lambda world: world.apply(suspend=True),
    "the new one rejected by command": lambda world: world.annotate(
        **{"pintle.dev__reject-revision": "version/2"}
    ),
}


@pytest.mark.parametrize("act", MIDDLES.values(), ids=MIDDLES)
@pytest.mark.parametrize("seconds", [0.25, 1, 2, 5])
def test_the_old_one_comes_back_when_it_is_wanted_again(act: Callable[[World], None], seconds: float) -> None:
    world = serving()
    world.fate("2", STUCK)
    world.apply(version=2)
    world.run(seconds)
    act(world)
    world.run(40)
    assert world.condition("Available")["status"] == "True"
    assert (world.serving, world.replicas(), world.ready_pods("1")) == ("1", {"1": 2}, 2)


def test_back_and_forth_is_one_at_a_time_too() -> None:
    world = serving()
    for version in (2, 1, 2, 3, 1):
        world.apply(version=version)
        world.run(40)
        assert (world.condition()["reason"], world.serving) == ("Serving", str(version))
        assert world.replicas() == {str(version): 2}
    assert world.together == set()
    assert "RepairConflict" not in reasons(world)


def test_an_alias_that_moves_often_is_no_fight() -> None:
    world = Narrow()
    world.answers.aliases["champion"] = "1"
    world.apply(alias="champion", replicas=1, **ONE)
    world.run(20)
    for version in "212121212":
        world.answers.aliases["champion"] = version
        world.operator.dirty.update(world.answers.wanted)
        world.run(30)
        assert (world.serving, world.condition()["status"]) == (version, "True")
    assert (world.together, "RepairConflict" in reasons(world)) == (set(), False)


def test_a_standby_of_before_makes_room_too() -> None:
    world = serving(rollout={"surge": "Full"})
    world.apply(version=2)
    world.run(20)
    assert world.replicas() == {"1": 2, "2": 2}
    world.together.clear()
    world.apply(version=3, **ONE)
    world.run(40)
    assert (world.serving, world.replicas(), world.together) == ("3", {"3": 2}, set())


def test_to_a_standby_that_runs_is_one_write() -> None:
    """Its pods are there: nothing is to be stopped for them."""
    world = serving(rollout={"surge": "Full"})
    world.apply(version=2)
    world.run(20)
    made = world.pods_made.copy()
    world.apply(version=1, **ONE)
    world.operate()
    assert (world.serving, world.pods_made) == ("1", made)


@pytest.mark.parametrize("seconds", [0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3])
def test_another_process_goes_on(seconds: float) -> None:
    world = serving()
    world.apply(version=2)
    world.run(seconds)
    world.start_operator()
    world.run(40)
    assert (world.served(), world.replicas(), world.together) == (["1", "2"], {"2": 2}, set())


def test_pods_that_do_not_end_are_waited_for() -> None:
    """As on a node that is gone: what they hold may be held still."""
    world = serving()
    world.apply(version=2)
    world.controllers.kubelet.holds = True
    world.run(20)
    assert world.condition()["reason"] == "Replacing"
    assert "waiting for 2 pods to end" in world.condition()["message"]
    assert "2" not in world.replicas()


def test_at_rest_nothing_is_written() -> None:
    world = serving()
    world.apply(version=2)
    world.run(60)
    world.cluster.requests.clear()
    world.run(3000)
    world.start_operator()
    world.run(3000)
    quiet = {key: n for key, n in world.cluster.writes().items() if key[1] != "modeldeployments/status"}
    assert quiet == {("patch", "services"): 1}, "the standby without pods is forgotten after its hour"
    assert world.api.get(MODEL_DEPLOYMENTS, NAMESPACE, NAME)["status"]["serving"]["version"] == "2"
