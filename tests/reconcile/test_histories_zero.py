"""Whole histories, as a table: replicas go to 0 and come back, in mid-rollout too."""

import pytest

from tests.support.fake_pods import Fate
from tests.support.histories import (
    ASKED,
    FETCHING,
    FIRST,
    FLIP,
    NEW,
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

FETCHED = Edit({"version": 2}, fates={"2": FETCHING})
ROLLED = more(FIRST, NEW, FLIP, {STATUS: 3})
SCALE = "patch deployments"
# What does not serve is named as released before its pods are taken, and claimed before it is switched to.
SHRUNK = {"patch services": 1, "patch deployments/scale": 1}
CLAIMED = {SCALE: 1}
# There are no pods that a mark could be put on.
FLIP_AT_ZERO = more(FLIP, {"patch pods": -2})

HISTORIES = [
    History(
        "0 replicas from the beginning",
        (Edit({"version": 1, "replicas": 0}),),
        served=[],
        reason="ScaledToZero",
        replicas={},
        made={},
        reads=ASKED,
        writes={"create controllerrevisions": 1, "create configmaps": 1, STATUS: 1},
    ),
    History(
        "0 replicas from the beginning, and more",
        (Edit({"version": 1, "replicas": 0}), Edit({"replicas": 2})),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 2},
        reads=more(ASKED, ASKED),
        writes=more(FIRST, {STATUS: 1}),
    ),
    History(
        "to 0 in mid-rollout, and back",
        (V1, FETCHED, Edit({"replicas": 0}), Edit({"replicas": 2}, fates={"2": Fate()})),
        served=["1", "2"],
        reason="Serving",
        replicas={"2": 2},
        made={"1": 2, "2": 4},
        gone={"1": 2, "2": 2},
        standby="1",
        # Both to 0, and what is declared up again.
        writes=more(FIRST, NEW, {SCALE: 2}, SHRUNK, CLAIMED, FLIP_AT_ZERO, {STATUS: 7}),
    ),
    History(
        "to 0 in mid-rollout, and back with another version",
        (V1, FETCHED, Edit({"replicas": 0}), Edit({"version": 3, "replicas": 2})),
        served=["1", "3"],
        reason="Serving",
        replicas={"3": 2},
        made={"1": 2, "2": 2, "3": 2},
        gone={"1": 2, "2": 2},
        standby="1",
        writes=more(FIRST, UNCLEARED, NEW, {SCALE: 1}, SHRUNK, FLIP_AT_ZERO, {STATUS: 7}),
    ),
    History(
        "to 0 in mid-rollout, and back with the version that served",
        (V1, FETCHED, Edit({"replicas": 0}), Edit({"version": 1, "replicas": 2})),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 4, "2": 2},
        gone={"1": 2, "2": 2},
        writes=more(FIRST, UNCLEARED, {SCALE: 2, STATUS: 6}, SHRUNK),
    ),
    History(
        "to 0 and back at once, in mid-rollout",
        (V1, FETCHED, Edit({"replicas": 0}, seconds=0.25), Edit({"replicas": 2}, fates={"2": Fate()})),
        served=["1", "2"],
        reason="Serving",
        replicas={"2": 2},
        made={"1": 2, "2": 4},
        gone={"1": 2, "2": 2},
        standby="1",
        writes=more(FIRST, NEW, {SCALE: 2}, SHRUNK, CLAIMED, FLIP_AT_ZERO, {STATUS: 6}),
    ),
    History(
        "at 0, rolled back to what has proven itself",
        (V1, V2, Edit({"replicas": 0}), Edit({"version": 1})),
        served=["1", "2", "1"],
        reason="Serving",
        words="spec.replicas is 0",
        replicas={},
        made={"1": 2, "2": 2},
        gone={"1": 2, "2": 2},
        standby="2",
        writes=more(ROLLED, {SCALE: 1}, SHRUNK, CLAIMED, FLIP_AT_ZERO, {STATUS: 3}),
    ),
    History(
        "at 0, rolled back, and back",
        (V1, V2, Edit({"replicas": 0}), Edit({"version": 1}), Edit({"replicas": 2})),
        served=["1", "2", "1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 4, "2": 2},
        gone={"1": 2, "2": 2},
        standby="2",
        writes=more(ROLLED, {SCALE: 2}, SHRUNK, CLAIMED, FLIP_AT_ZERO, {STATUS: 5}),
    ),
    History(
        "to 0 with another version, that has proven nothing",
        (V1, Edit({"version": 2, "replicas": 0})),
        served=["1"],
        reason="ScaledToZero",
        replicas={},
        made={"1": 2},
        gone={"1": 2},
        reads=ASKED,
        writes=more(FIRST, {"create controllerrevisions": 1, "create configmaps": 1, SCALE: 1, STATUS: 2}),
    ),
]


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_history(history: History) -> None:
    check(play(history.edits), history)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_at_rest_nothing_is_written(history: History) -> None:
    check_rest(play(history.edits))
