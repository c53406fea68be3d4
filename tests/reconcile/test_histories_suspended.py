"""Whole histories, as a table: changes are suspended, in each state."""

from collections.abc import Callable

import pytest

from tests.support.fake_pods import Fate
from tests.support.histories import (
    BACK,
    FETCHING,
    FIRST,
    FLIP,
    GIVE_UP,
    NAN,
    NEW,
    PROVING,
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

FETCHED = Edit({"version": 2}, fates={"2": FETCHING})
PROVED = Edit({"version": 2}, fates={"2": PROVING})
SUSPEND = Edit({"suspend": True})
RESUME = Edit({"suspend": False})
ROLLED = more(FIRST, NEW, FLIP, {STATUS: 3})
SCALE = "patch deployments"


def after(seconds: float) -> Callable[[World], None]:
    return lambda world: world.run(seconds, tick=10)


HISTORIES = [
    History(
        "suspended before the first deploy",
        (Edit({"version": 1, "replicas": 2, "suspend": True}),),
        served=[],
        reason="Suspended",
        words="nothing serves yet",
        replicas={},
        made={},
        writes={STATUS: 1},
    ),
    History(
        "suspended before the first deploy, and resumed",
        (Edit({"version": 1, "replicas": 2, "suspend": True}), RESUME),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 2},
        writes=more(FIRST, {STATUS: 1}),
    ),
    History(
        "suspended while declared is what serves",
        (V1, SUSPEND),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 2},
        writes=more(FIRST, {STATUS: 1}),
    ),
    History(
        "suspended with the edit: no revision is made",
        (V1, Edit({"version": 2, "suspend": True})),
        served=["1"],
        reason="Suspended",
        words="version 1 keeps serving",
        replicas={"1": 2},
        made={"1": 2},
        writes=more(FIRST, {STATUS: 1}),
    ),
    History(
        "suspended while a candidate is fetched: it goes on, and takes no traffic",
        (V1, FETCHED, SUSPEND, Edit(fates={"2": Fate()})),
        served=["1"],
        reason="Suspended",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        writes=more(FIRST, UNCLEARED, {STATUS: 3}),
    ),
    History(
        "suspended while a candidate is fetched, and resumed",
        (V1, FETCHED, SUSPEND, Edit(fates={"2": Fate()}), RESUME),
        served=["1", "2"],
        reason="Serving",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="1",
        writes=more(FIRST, NEW, FLIP, {STATUS: 4}),
    ),
    History(
        "suspended while a candidate proves itself, and another is declared",
        (V1, PROVED, SUSPEND, Edit({"version": 3}), RESUME),
        served=["1", "3"],
        reason="Serving",
        replicas={"1": 2, "3": 2},
        made={"1": 2, "2": 2, "3": 2},
        gone={"2": 2},
        standby="1",
        writes=more(FIRST, UNCLEARED, {STATUS: 3}, GIVE_UP, {STATUS: 1}, NEW, FLIP, {STATUS: 3}),
    ),
    History(
        "suspended when a proof has failed",
        (V1, Edit({"version": 2}, fates={"2": NAN}), SUSPEND),
        served=["1"],
        reason="Suspended",
        replicas={"1": 2},
        made={"1": 2, "2": 2},
        gone={"2": 2},
        writes=more(FIRST, UNCLEARED, GIVE_UP, {"patch controllerrevisions": 1, STATUS: 3}),
    ),
    History(
        "suspended with a standby: its time is over, and its pods stay",
        (V1, V2, Edit({"suspend": True}, also=after(7200))),
        served=["1", "2"],
        reason="Serving",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="1",
        writes=more(ROLLED, {STATUS: 1}),
    ),
    History(
        "resumed after the standby's time",
        (V1, V2, Edit({"suspend": True}, also=after(7200)), RESUME),
        served=["1", "2"],
        reason="Serving",
        replicas={"2": 2},
        made={"1": 2, "2": 2},
        gone={"1": 2},
        writes=more(ROLLED, {STATUS: 3}, GIVE_UP),
    ),
    History(
        "suspended, and rolled back to the standby: not until it is resumed",
        (V1, V2, SUSPEND, Edit({"version": 1}), RESUME),
        served=["1", "2", "1"],
        reason="Serving",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="2",
        writes=more(ROLLED, {STATUS: 2}, BACK),
    ),
    History(
        "suspended, and replicas change",
        (V1, V2, SUSPEND, Edit({"replicas": 3})),
        served=["1", "2"],
        reason="Serving",
        replicas={"1": 3, "2": 3},
        made={"1": 3, "2": 3},
        standby="1",
        writes=more(ROLLED, {STATUS: 1, SCALE: 2, "patch pods": 1}, {STATUS: 2}),
    ),
]


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_history(history: History) -> None:
    check(play(history.edits), history)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_at_rest_nothing_is_written(history: History) -> None:
    check_rest(play(history.edits))
