"""Every state x all that may happen in it: what serves then, what `Ready` says, and who had the traffic.

A row of TABLE is a state, a column what happens. A cell is the version that serves 30 s later (`-` for none)
and the reason of `Ready`; `~` is that of the state itself, and `=` says that nothing at all has changed.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import pytest

from pintle.domain.resources import PODS
from pintle.naming import LABEL_REVISION
from tests.support.fake_pods import Failure, Fate, Stage
from tests.support.pairs import EVENTS, cells, happens, reject
from tests.support.world import NAMESPACE, World

Make: TypeAlias = Callable[[], World]

BROKEN = Fate(failure=Failure("serve", 15, "ProofFailed", "prediction[0] is NaN"))
FETCHING, PROVING = Fate(until=Stage.SCHEDULED), Fate(until=Stage.SERVING)
NO_ROOM = Fate(unschedulable="0/1 nodes are available: 1 Insufficient memory.")


def first(fate: Fate) -> World:
    """Nothing serves yet, and the pods of the first version go like this."""
    world = World()
    world.fate("1", fate)
    world.apply(version=1, replicas=2)
    world.run(20)
    return world


def rolled() -> World:
    """Version 2 serves, version 1 stands by."""
    world = first(Fate())
    world.apply(version=2)
    world.run(20)
    return world


def changing(fate: Fate = Fate(), *, seconds: float = 20, **spec: object) -> World:  # noqa: B008 - frozen
    """Version 1 serves, and another is declared, whose pods go like this."""
    world = first(Fate())
    world.fate("2", fate)
    world.apply(**{"version": 2, **spec})
    world.run(seconds)
    return world


def without_answer(*, hangs: bool) -> World:
    world = first(Fate())
    world.answers.hangs = hangs
    world.answers.failure = None if hangs else ("RegistryUnavailable", "down")
    world.apply(version=2)
    world.run(20)
    return world


def degraded() -> World:
    """All pods of what serves have stopped being ready, and do not become it again."""
    world = rolled()
    world.fate("2", PROVING)
    for pod in world.api.objects(PODS, labels=f"{LABEL_REVISION}={world.revision('2')}"):
        world.controllers.kubelet.unready(NAMESPACE, pod["metadata"]["name"])
    world.run(20)
    return world


def unproven_at_zero() -> World:
    world = World()
    world.apply(version=1, replicas=0)
    world.run(20)
    return world


def served_at_zero() -> World:
    world = rolled()
    world.apply(replicas=0)
    world.run(20)
    return world


def autoscaled() -> World:
    """Version 2 serves with more pods than are declared, version 1 stands by."""
    world = first(Fate())
    world.controllers.autoscaler.load = 3
    world.apply(autoscaling={"minReplicas": 1, "maxReplicas": 4})
    world.run(20)
    world.apply(version=2)
    world.run(20)
    assert world.replicas() == {"1": 3, "2": 3}
    return world


def rejected_by_user() -> World:
    world = rolled()
    reject(world)
    world.run(20)
    return world


STATES: Mapping[str, Make] = {
    "first Starting": lambda: first(FETCHING),
    "first Proving": lambda: first(PROVING),
    "first ProofFailed": lambda: first(BROKEN),
    "Serving": lambda: first(Fate()),
    "Serving, a standby": rolled,
    "Serving, autoscaled": autoscaled,
    "Starting": lambda: changing(FETCHING),
    "Proving": lambda: changing(PROVING),
    "InsufficientCapacity": lambda: changing(NO_ROOM, seconds=200),
    "ProofFailed": lambda: changing(BROKEN),
    "VersionNotFound": lambda: changing(version=7),
    "RegistryUnavailable": lambda: without_answer(hangs=False),
    "Resolving": lambda: without_answer(hangs=True),
    "Degraded": degraded,
    "Suspended": lambda: changing(suspend=True),
    "ScaledToZero": unproven_at_zero,
    "Serving at zero": served_at_zero,
    "RejectedByUser": rejected_by_user,
}


TABLE = """
                     | new version    | back to 1 | suspend     | reject           | new token
first Starting       | 3 Serving      | =         | - Suspended | - RejectedByUser | ~
first Proving        | 3 Serving      | =         | - Suspended | - RejectedByUser | ~
first ProofFailed    | 3 Serving      | =         | - Suspended | - RejectedByUser | ~
Serving              | 3 Serving      | =         | ~           | 1 RejectedByUser | ~
Serving, a standby   | 3 Serving      | 1 Serving | ~           | 1 RejectedByUser | ~
Serving, autoscaled  | 3 Serving      | 1 Serving | ~           | 1 RejectedByUser | ~
Starting             | 3 Serving      | 1 Serving | 1 Suspended | 1 RejectedByUser | ~
Proving              | 3 Serving      | 1 Serving | 1 Suspended | 1 RejectedByUser | ~
InsufficientCapacity | 3 Serving      | 1 Serving | 1 Suspended | 1 RejectedByUser | 1 Starting
ProofFailed          | 3 Serving      | 1 Serving | 1 Suspended | 1 RejectedByUser | ~
VersionNotFound      | 3 Serving      | 1 Serving | ~           | =                | ~
RegistryUnavailable  | ~              | 1 Serving | ~           | =                | ~
Resolving            | ~              | 1 Serving | ~           | =                | ~
Degraded             | 3 Serving      | 1 Serving | ~           | 1 RejectedByUser | 2 Proving
Suspended            | ~              | 1 Serving | =           | 1 RejectedByUser | ~
ScaledToZero         | ~              | =         | - Suspended | - RejectedByUser | ~
Serving at zero      | 2 ScaledToZero | 1 Serving | ~           | 1 RejectedByUser | 2 ScaledToZero
RejectedByUser       | 3 Serving      | 1 Serving | ~           | =                | ~
"""
ALIKE = {"promote": "=", "delete": "gone", "operator killed": "=", "status wiped": "="}
CELLS = cells(TABLE, ALIKE)


def test_the_table_is_whole() -> None:
    assert {state for state, _ in CELLS} == {*STATES}
    assert {event for _, event in CELLS} == {*EVENTS}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", STATES)
def test_what_becomes_of_a_state(state: str, event: str) -> None:
    world = STATES[state]()
    wanted = state.removeprefix("first ").split()[0].rstrip(",")
    assert world.condition()["reason"] == wanted, "the state is the one that is meant"
    happens(world, event, CELLS[state, event])
