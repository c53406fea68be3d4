"""Every state x all that may happen in it: what serves then, what `Ready` says, and who had the traffic.

A row of TABLE is a state, a column what happens. A cell is the version that serves 30 s later (`-` for none)
and the reason of `Ready`; `~` is that of the state itself, and `=` says that nothing at all has changed.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import pytest

from pintle.domain.resources import (
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    MODEL_DEPLOYMENTS,
    PODS,
    SERVICES,
)
from pintle.naming import LABEL_REVISION
from tests.support.fake_pods import Failure, Fate, Stage
from tests.support.world import NAME, NAMESPACE, World

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


def reject(world: World) -> None:
    """Reject the version that is declared."""
    world.annotate(**{"pintle.dev__reject-revision": f"version/{world.body['spec']['version']}"})


EVENTS: Mapping[str, Callable[[World], None]] = {
    "new version": lambda world: world.apply(version=3),
    "back to 1": lambda world: world.apply(version=1),
    "suspend": lambda world: world.apply(suspend=True),
    "reject": reject,
    "new token": lambda world: world.apply(rolloutToken="again"),
    "delete": lambda world: world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, NAME),
    "operator killed": World.start_operator,
    "status wiped": World.wipe_status,
}

TABLE = """
                     | new version    | back to 1 | suspend     | reject           | new token
first Starting       | 3 Serving      | =         | - Suspended | - RejectedByUser | ~
first Proving        | 3 Serving      | =         | - Suspended | - RejectedByUser | ~
first ProofFailed    | 3 Serving      | =         | - Suspended | - RejectedByUser | ~
Serving              | 3 Serving      | =         | ~           | 1 RejectedByUser | ~
Serving, a standby   | 3 Serving      | 1 Serving | ~           | 1 RejectedByUser | ~
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
ALIKE = {"delete": "gone", "operator killed": "=", "status wiped": "="}


def cells() -> dict[tuple[str, str], str]:
    """(state, event) -> cell."""
    head, *rows = ([cell.strip() for cell in line.split("|")] for line in TABLE.strip("\n").splitlines())
    told = {(row[0], event): cell for row in rows for event, cell in zip(head[1:], row[1:], strict=True)}
    return told | {(row[0], event): cell for row in rows for event, cell in ALIKE.items()}


CELLS = cells()
# Of the others none may change who serves.
CHANGES_WHO_SERVES = ("new version", "back to 1", "reject", "new token")


def outcome(world: World) -> str:
    if world.api.find(MODEL_DEPLOYMENTS, NAMESPACE, NAME):
        return f"{world.serving or '-'} {world.condition()['reason']}"
    kinds = (SERVICES, DEPLOYMENTS, CONTROLLER_REVISIONS, CONFIG_MAPS, PODS)
    return ", ".join(o["metadata"]["name"] for kind in kinds for o in world.api.objects(kind)) or "gone"


def cluster(world: World) -> dict[str, object]:
    """All that the operator has made, but for what says when."""
    return {
        "conditions": [
            {k: v for k, v in c.items() if k in ("type", "status", "reason", "message")}
            for c in world.status["conditions"]
        ],
        "replicas": world.replicas(),
        "selector": world.serving,
        "records": [r["metadata"]["name"] for r in world.api.objects(CONTROLLER_REVISIONS)],
        "made": world.pods_made.copy(),
        "gone": world.pods_gone.copy(),
    }


def test_the_table_is_whole() -> None:
    assert {state for state, _ in CELLS} == {*STATES}
    assert {event for _, event in CELLS} == {*EVENTS}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", STATES)
def test_what_becomes_of_a_state(state: str, event: str) -> None:
    world = STATES[state]()
    wanted = state.removeprefix("first ").split()[0].rstrip(",")
    assert world.condition()["reason"] == wanted, "the state is the one that is meant"
    before, served, is_now = cluster(world), world.served(), outcome(world)
    EVENTS[event](world)
    world.run(30)
    cell = CELLS[state, event]
    if cell == "=":
        assert cluster(world) == before
    else:
        assert outcome(world) == (is_now if cell == "~" else cell)
    if event in CHANGES_WHO_SERVES:
        assert len(world.served()) <= len(served) + 1, "what serves changes once at most"
        assert world.served()[len(served) :] in ([], [cell[0]], [is_now[0]])
    elif event != "delete":
        assert world.served() == served
    silent(world)


def silent(world: World) -> None:
    """Afterwards, nothing is written but what waits for its time."""
    world.cluster.requests.clear()
    world.run(5)
    assert [r for r in world.cluster.requests if r.verb != "get" and r.resource != "events"] == []
