"""Whole histories, as a table: the operator is killed between two writes that belong together.

Another process starts ten seconds later, and carries on from what the cluster holds.
"""

import asyncio
from collections.abc import Callable

import pytest

from tests.support.fake_cluster import Fault, Verb
from tests.support.histories import (
    ASKED,
    BACK,
    FETCHING,
    FIRST,
    FLIP,
    GIVE_UP,
    NAN,
    NEW,
    REJECTED,
    STATUS,
    UNCLEARED,
    V1,
    V2,
    Edit,
    History,
    check,
    check_rest,
    more,
    play,
)
from tests.support.world import World


def killed(verb: Verb, resource: str, *, before: bool = False, ordinal: int = 1) -> Callable[[World], Fault]:
    """The operator is killed at a write: right after it, or before it is sent."""
    return lambda _: Fault(
        verb, resource, ordinal=ordinal, error=asyncio.CancelledError(), committed=not before
    )


SHORT = {"rollout": {"standbySeconds": 30}}
ROLL = (V1, V2)
ROLLED = more(FIRST, NEW, FLIP, {STATUS: 3})


def row(
    name: str, edit: Edit, writes: dict[str, int], *, before: tuple[Edit, ...] = (V1,), asked: bool = False
) -> History:
    """Killed while version 2 takes over from version 1."""
    return History(
        name,
        (*before, edit),
        served=["1", "2"],
        reason="Serving",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="1",
        reads=ASKED if asked else {},
        writes=more(ROLLED, writes),
    )


TO_2 = {"version": 2}
HISTORIES = [
    row("after the flip, before the marks", Edit(TO_2, fault=killed("patch", "services")), {}),
    row("before the flip", Edit(TO_2, fault=killed("patch", "services", before=True)), {"patch services": 1}),
    row("after the mark that clears", Edit(TO_2, fault=killed("patch", "controllerrevisions")), {}),
    row(
        "after the record of a revision",
        Edit(TO_2, fault=killed("create", "controllerrevisions")),
        {},
        asked=True,
    ),
    row(
        "before the budget moves",
        Edit(TO_2, fault=killed("patch", "poddisruptionbudgets", before=True)),
        {"patch poddisruptionbudgets": 1},
    ),
    row(
        "before a pod is marked",
        Edit(TO_2, fault=killed("patch", "pods", before=True)),
        {"patch pods": 1},
    ),
    # What the API server makes of the template was forgotten, and is asked by a PUT that stores nothing.
    row(
        "after the first status",
        Edit(TO_2, fault=killed("patch", "modeldeployments/status")),
        {"update deployments": 1},
    ),
    History(
        "before the first Service, when the Deployment is claimed",
        (Edit({"version": 1, "replicas": 2}, fault=killed("create", "services", before=True)),),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 2},
        reads=ASKED,
        writes=more(FIRST, {"patch deployments": 1, "create services": 1}),
    ),
    History(
        "after the first Service, before its budget",
        (Edit({"version": 1, "replicas": 2}, fault=killed("create", "services")),),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 2},
        reads=ASKED,
        writes=FIRST,
    ),
    History(
        "after a candidate is named as given up, before its pods go",
        (
            V1,
            Edit({"version": 2}, fates={"2": FETCHING}),
            Edit({"version": 1}, fault=killed("patch", "deployments/scale", before=True)),
        ),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 2, "2": 2},
        gone={"2": 2},
        writes=more(FIRST, UNCLEARED, *[GIVE_UP] * 2, {STATUS: 3}),
    ),
    History(
        "after the standby is given up",
        (
            Edit({"version": 1, "replicas": 2, **SHORT}),
            Edit({"version": 2}, seconds=120, fault=killed("patch", "deployments/scale")),
        ),
        served=["1", "2"],
        reason="Serving",
        replicas={"2": 2},
        made={"1": 2, "2": 2},
        gone={"1": 2},
        writes=more(ROLLED, GIVE_UP, {STATUS: 1}),
    ),
    History(
        "after a flip that replaces a standby, before its pods go",
        (*ROLL, Edit({"version": 3}, fault=killed("patch", "services"))),
        served=["1", "2", "3"],
        reason="Serving",
        replicas={"2": 2, "3": 2},
        made={"1": 2, "2": 2, "3": 2},
        gone={"1": 2},
        standby="2",
        writes=more(ROLLED, NEW, FLIP, GIVE_UP, {STATUS: 3}),
    ),
    History(
        "after a cold revision is claimed, before the flip",
        (
            Edit({"version": 1, "replicas": 2, **SHORT}),
            Edit({"version": 2}, seconds=60),
            Edit({"version": 1}, seconds=90, fault=killed("patch", "deployments", ordinal=2)),
        ),
        served=["1", "2", "1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 4, "2": 2},
        gone={"1": 2, "2": 2},
        # Scaled up, claimed, and claimed again by the next process.
        writes=more(ROLLED, *[GIVE_UP, {STATUS: 1}] * 2, {"patch deployments": 3}, FLIP, {STATUS: 3}),
    ),
    History(
        "after a roll back",
        (*ROLL, Edit({"version": 1}, fault=killed("patch", "services"))),
        served=["1", "2", "1"],
        reason="Serving",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="2",
        writes=more(ROLLED, BACK),
    ),
    History(
        "after the mark that rejects",
        (V1, Edit({"version": 2}, fates={"2": NAN}, fault=killed("patch", "controllerrevisions"))),
        served=["1"],
        reason="ProofFailed",
        replicas={"1": 2},
        made={"1": 2, "2": 2},
        gone={"2": 2},
        writes=more(FIRST, REJECTED, {STATUS: 2}),
    ),
]


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_history(history: History) -> None:
    check(play(history.edits), history)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_at_rest_nothing_is_written(history: History) -> None:
    check_rest(play(history.edits))
