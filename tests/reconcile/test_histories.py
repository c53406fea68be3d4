"""Whole histories of one ModelDeployment, as a table: versions, shapes and replicas that change."""

import pytest

from tests.support.fake_pods import Fate
from tests.support.histories import (
    FETCHING,
    FIRST,
    FLIP,
    NAN,
    NEW,
    STATUS,
    V1,
    Edit,
    History,
    check,
    check_rest,
    more,
    play,
)

HISTORIES = [
    History(
        "create",
        (V1,),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 2},
        writes=FIRST,
    ),
    History(
        "good to good",
        (V1, Edit({"version": 2})),
        served=["1", "2"],
        reason="Serving",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="1",
        writes=more(FIRST, NEW, FLIP, {STATUS: 3}),
    ),
    History(
        "good, bad, good",
        (V1, Edit({"version": 3}, fates={"3": NAN}), Edit({"version": 1})),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 2, "3": 2},
        gone={"3": 2},
        # The bad one: no digest to tell, a mark on the Service before its pods go.
        writes=more(
            FIRST,
            NEW,
            {"patch configmaps": -1, "patch services": 1, "patch deployments/scale": 1, STATUS: 3},
        ),
    ),
    History(
        "roll back to the standby",
        (V1, Edit({"version": 2}), Edit({"version": 1})),
        served=["1", "2", "1"],
        reason="Serving",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="2",
        # The way back: the flip, its two marks put and two taken, the budget, one status.
        writes=more(FIRST, NEW, FLIP, {STATUS: 3}, FLIP, {"patch pods": 2, STATUS: 1}),
    ),
    History(
        "A, B, A within a second",
        (V1, Edit({"version": 2}, seconds=0.5), Edit({"version": 1})),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 2, "2": 2},
        gone={"2": 2},
        writes=more(
            FIRST,
            NEW,
            {
                "patch configmaps": -1,
                "patch controllerrevisions": -1,
                "patch services": 1,
                "patch deployments/scale": 1,
                STATUS: 2,
            },
        ),
    ),
    History(
        "edit during Starting",
        (V1, Edit({"version": 2}, fates={"2": FETCHING}), Edit({"version": 3})),
        served=["1", "3"],
        reason="Serving",
        replicas={"1": 2, "3": 2},
        made={"1": 2, "2": 2, "3": 2},
        gone={"2": 2},
        standby="1",
        writes=more(
            FIRST,
            NEW,
            {"patch configmaps": -1, "patch controllerrevisions": -1, "patch services": 1},
            {"patch deployments/scale": 1, STATUS: 2},
            NEW,
            FLIP,
            {STATUS: 3},
        ),
    ),
    History(
        "replicas changed in mid-rollout",
        (V1, Edit({"version": 2}, fates={"2": FETCHING}), Edit({"replicas": 3}, fates={"2": Fate()})),
        served=["1", "2"],
        reason="Serving",
        replicas={"1": 3, "2": 3},
        made={"1": 3, "2": 3},
        standby="1",
        writes=more(FIRST, NEW, FLIP, {"patch deployments": 2, "patch pods": 1, STATUS: 5}),
    ),
    History(
        "resources only",
        (V1, Edit({"version": 2}), Edit({"resources": {"requests": {"cpu": "200m"}}}, seconds=30)),
        served=["1", "2", "2"],
        reason="Serving",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 4},
        gone={"2": 2},
        # The version before stays the standby; the earlier shape of the same version goes.
        standby="1",
        writes=more(
            FIRST,
            NEW,
            FLIP,
            {STATUS: 3},
            NEW,
            {"patch services": 2, "patch poddisruptionbudgets": 1, "patch deployments/scale": 1, STATUS: 4},
        ),
    ),
    History(
        "0 replicas and back",
        (V1, Edit({"replicas": 0}), Edit({"replicas": 2})),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 4},
        gone={"1": 2},
        writes=more(FIRST, {"patch deployments": 2, STATUS: 4}),
    ),
]


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_history(history: History) -> None:
    check(play(history.edits), history)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_at_rest_nothing_is_written(history: History) -> None:
    check_rest(play(history.edits))
