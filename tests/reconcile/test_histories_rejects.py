"""Whole histories, as a table: a revision is rejected by annotation, in each state that it may be in."""

from collections.abc import Callable, Mapping

import pytest

from pintle.naming import ANNOTATION_REJECT
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


def reject(value: str | None) -> Callable[[World], None]:
    return lambda world: world.annotate(**{ANNOTATION_REJECT: value})


def an_hour(world: World) -> None:
    world.run(3700, tick=10)


REJECT = Edit(also=reject("version/2"))
LIFT = Edit(also=reject(None))
FETCHED = Edit({"version": 2}, fates={"2": FETCHING})
PROVED = Edit({"version": 2}, fates={"2": PROVING})
ROLLED = more(FIRST, NEW, FLIP, {STATUS: 3})
CLEAR = {"patch controllerrevisions": 1, "patch configmaps": 1}
# Version 2 got as far as to have pods.
TRIED = more(FIRST, UNCLEARED, GIVE_UP, {STATUS: 3})


def stays(
    name: str, edits: tuple[Edit, ...], writes: Mapping[str, int], reason: str, **more_of: object
) -> History:
    """Version 1 serves on; version 2 has had pods and has none."""
    end: dict[str, object] = {
        "served": ["1"],
        "replicas": {"1": 2},
        "made": {"1": 2, "2": 2},
        "gone": {"2": 2},
        "words": "version 1 keeps serving" if reason != "Serving" else "",
    }
    return History(name, edits, reason=reason, writes=writes, **end | more_of)  # type: ignore[arg-type] # a row


HISTORIES = [
    stays("while it is fetched", (V1, FETCHED, REJECT), TRIED, "RejectedByUser"),
    stays("while it proves itself", (V1, PROVED, REJECT), TRIED, "RejectedByUser"),
    stays(
        "while it is fetched, and lifted",
        (V1, FETCHED, REJECT, Edit(also=reject(None), fates={"2": Fate()})),
        # Its pods are started again and claimed.
        more(TRIED, {"patch deployments": 2}, CLEAR, FLIP, {STATUS: 3}),
        "Serving",
        served=["1", "2"],
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 4},
        standby="1",
    ),
    stays(
        "before it is declared",
        (V1, REJECT, V2),
        more(FIRST, {STATUS: 1}),
        "RejectedByUser",
        made={"1": 2},
        gone={},
    ),
    stays(
        "before it is declared, and lifted",
        (V1, REJECT, V2, LIFT),
        more(FIRST, {STATUS: 1}, NEW, FLIP, {STATUS: 3}),
        "Serving",
        served=["1", "2"],
        replicas={"1": 2, "2": 2},
        gone={},
        standby="1",
    ),
    stays(
        "when its proof has failed",
        (V1, Edit({"version": 2}, fates={"2": NAN}), REJECT),
        more(FIRST, REJECTED, {STATUS: 3}),
        "RejectedByUser",
    ),
    stays(
        "when its proof has failed, and lifted",
        (V1, Edit({"version": 2}, fates={"2": NAN}), REJECT, LIFT),
        more(FIRST, REJECTED, {STATUS: 4}),
        "ProofFailed",
    ),
    stays(
        "and another is declared",
        (V1, FETCHED, REJECT, Edit({"version": 1})),
        more(TRIED, {STATUS: 1}),
        "Serving",
    ),
    History(
        "when it serves, with a standby",
        (V1, V2, REJECT),
        served=["1", "2", "1"],
        reason="RejectedByUser",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="2",
        writes=more(ROLLED, BACK),
    ),
    History(
        "when it serves, with a standby, and lifted",
        (V1, V2, REJECT, LIFT),
        served=["1", "2", "1", "2"],
        reason="Serving",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="1",
        writes=more(ROLLED, BACK, BACK),
    ),
    History(
        "when it serves, by its hash",
        (V1, V2, Edit(also=lambda world: reject(world.revision("2").rsplit("-", 1)[1])(world))),
        served=["1", "2", "1"],
        reason="RejectedByUser",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="2",
        writes=more(ROLLED, BACK),
    ),
    History(
        "when it serves, without a standby",
        (V1, V2, Edit(also=an_hour), REJECT),
        served=["1", "2", "1"],
        reason="RejectedByUser",
        replicas={"1": 2, "2": 2},
        made={"1": 4, "2": 2},
        gone={"1": 2},
        standby="2",
        # Scaled up, claimed, switched to.
        writes=more(ROLLED, GIVE_UP, {STATUS: 1}, {"patch deployments": 2}, FLIP, {STATUS: 2}),
    ),
    History(
        "when it serves, and there is no other",
        (Edit({"version": 2, "replicas": 2}), REJECT),
        served=["2"],
        reason="RejectedByUser",
        words="there is no other cleared revision to go back to",
        replicas={"2": 2},
        made={"2": 2},
        writes=more(FIRST, {STATUS: 1}),
    ),
    History(
        "when it serves and another is declared: it serves until that takes over",
        (
            Edit({"version": 2, "replicas": 2}),
            Edit({"version": 3}, fates={"3": FETCHING}),
            REJECT,
            Edit(fates={"3": Fate()}),
        ),
        served=["2", "3"],
        reason="Serving",
        replicas={"2": 2, "3": 2},
        made={"2": 2, "3": 2},
        standby="2",
        writes=more(FIRST, NEW, FLIP, {STATUS: 5}),
    ),
    History(
        "when it stands by",
        (V1, V2, Edit({"version": 1}), REJECT),
        served=["1", "2", "1"],
        reason="Serving",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="2",
        # `status.rejected` tells of it.
        writes=more(ROLLED, BACK, {STATUS: 1}),
    ),
    History(
        "when it stands by, and is declared",
        (V1, V2, Edit(also=reject("version/1")), Edit({"version": 1})),
        served=["1", "2"],
        reason="RejectedByUser",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="1",
        writes=more(ROLLED, {STATUS: 2}),
    ),
    History(
        "when it serves and changes are suspended: nothing is switched until they go on",
        (V1, V2, Edit({"suspend": True}), REJECT, Edit({"suspend": False})),
        served=["1", "2", "1"],
        reason="RejectedByUser",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="2",
        writes=more(ROLLED, BACK, {STATUS: 2}),
    ),
    History(
        "at 0 replicas",
        (V1, V2, Edit({"replicas": 0}), REJECT, Edit({"replicas": 2})),
        served=["1", "2", "1"],
        reason="RejectedByUser",
        replicas={"1": 2},
        made={"1": 4, "2": 2},
        gone={"1": 2, "2": 2},
        standby="2",
        # Two to 0, the standby's behind its mark; the selector and the budget go to 1, which alone starts.
        writes=more(
            ROLLED,
            {
                "patch deployments": 3,
                "patch deployments/scale": 1,
                "patch services": 2,
                "patch poddisruptionbudgets": 1,
                STATUS: 5,
            },
        ),
    ),
]


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_history(history: History) -> None:
    check(play(history.edits), history)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_at_rest_nothing_is_written(history: History) -> None:
    check_rest(play(history.edits))
