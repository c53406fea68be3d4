"""Whole histories, as a table: which revisions are kept, and those that are declared again."""

import pytest

from tests.support.fake_cluster import Fault
from tests.support.histories import (
    ASKED,
    FIRST,
    FLIP,
    GIVE_UP,
    NAN,
    NEW,
    REJECTED,
    STATUS,
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

# Nothing is kept but what serves, stands by for half a minute, or is declared.
NONE_KEPT = {"revisionHistoryLimit": 0, "rollout": {"standbySeconds": 30}}
V1_ALONE = Edit({"version": 1, "replicas": 2, **NONE_KEPT})
PRUNE = {"delete deployments": 1, "delete configmaps": 1, "delete controllerrevisions": 1}
# A version that takes over, and what was before it given up and pruned.
ONCE = more(NEW, FLIP, {STATUS: 3}, GIVE_UP, {STATUS: 1}, PRUNE)


def declared_meanwhile(resource: str) -> Edit:
    """Version 2, and version 1 declared again when an object of its revision is about to be deleted."""

    def fault(world: World) -> Fault:
        return Fault("delete", resource, meanwhile=lambda: world.apply(version=1))

    return Edit({"version": 2}, seconds=120, fault=fault)


BAD = [Edit({"version": n}, fates={str(n): NAN}) for n in range(2, 9)]
HISTORIES = [
    History(
        "pruned when its time as standby is over",
        (V1_ALONE, Edit({"version": 2}, seconds=60)),
        served=["1", "2"],
        reason="Serving",
        replicas={"2": 2},
        made={"1": 2, "2": 2},
        gone={"1": 2},
        kept=["2"],
        writes=more(FIRST, ONCE),
    ),
    History(
        "pruned, and declared again",
        (V1_ALONE, Edit({"version": 2}, seconds=60), Edit({"version": 1}, seconds=60)),
        served=["1", "2", "1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 4, "2": 2},
        gone={"1": 2, "2": 2},
        kept=["1"],
        # As new, but that its name is still among those given up, and has to be claimed.
        writes=more(FIRST, *[ONCE] * 2, {"patch deployments": 1}),
    ),
    History(
        "declared while suspended is never pruned",
        (
            Edit({"version": 1, "replicas": 2, "rollout": {"standbySeconds": 30}}),
            Edit({"version": 2}, seconds=60),
            Edit({"version": 1, "suspend": True, "revisionHistoryLimit": 0}, seconds=60),
        ),
        served=["1", "2"],
        reason="Suspended",
        replicas={"2": 2},
        made={"1": 2, "2": 2},
        gone={"1": 2},
        kept=["1", "2"],
        writes=more(FIRST, NEW, FLIP, {STATUS: 3}, GIVE_UP, {STATUS: 2}),
    ),
    History(
        "declared when its Deployment is being pruned",
        (V1_ALONE, declared_meanwhile("deployments")),
        served=["1", "2", "1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 4, "2": 2},
        gone={"1": 2, "2": 2},
        kept=["1"],
        # The deletion that was decided is done, and made good: the record is the same, and nobody is asked.
        reads=ASKED,
        writes=more(
            *(FIRST, NEW, FLIP, {STATUS: 3}, GIVE_UP, {STATUS: 1, "delete deployments": 1}),
            *(
                {"create deployments": 1, "patch deployments": 1},
                FLIP,
                {STATUS: 3},
                GIVE_UP,
                {STATUS: 1},
                PRUNE,
            ),
        ),
    ),
    History(
        "declared when its record is being pruned",
        (V1_ALONE, declared_meanwhile("controllerrevisions")),
        served=["1", "2", "1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 4, "2": 2},
        gone={"1": 2, "2": 2},
        kept=["1"],
        writes=more(FIRST, *[ONCE] * 2, {"patch deployments": 1}),
    ),
    History(
        "seven that were rejected: the newest five are kept, and what is declared",
        (V1, *BAD),
        served=["1"],
        reason="ProofFailed",
        replicas={"1": 2},
        made={str(n): 2 for n in range(1, 9)},
        gone={str(n): 2 for n in range(2, 9)},
        kept=["1", "3", "4", "5", "6", "7", "8"],
        writes=more(FIRST, *[REJECTED, {STATUS: 2}] * 7, PRUNE, {STATUS: 1}),
    ),
    History(
        "one that was rejected, pruned and declared again is tried again",
        (V1, *BAD, BAD[0]),
        served=["1"],
        reason="ProofFailed",
        replicas={"1": 2},
        made={"1": 2, "2": 4} | {str(n): 2 for n in range(3, 9)},
        gone={"2": 4} | {str(n): 2 for n in range(3, 9)},
        kept=["1", "2", "4", "5", "6", "7", "8"],
        writes=more(FIRST, *[REJECTED, {STATUS: 2}] * 8, *[PRUNE] * 2, {STATUS: 2}),
    ),
    History(
        "a limit that shrinks",
        (V1, V2, Edit({"version": 3}), Edit({"version": 4}), Edit({"revisionHistoryLimit": 1})),
        served=["1", "2", "3", "4"],
        reason="Serving",
        replicas={"3": 2, "4": 2},
        made={"1": 2, "2": 2, "3": 2, "4": 2},
        gone={"1": 2, "2": 2},
        standby="3",
        kept=["2", "3", "4"],
        # The flips to 3 and 4 give up the standby that they replace.
        writes=more(FIRST, *[NEW, FLIP, {STATUS: 3}] * 3, {"patch deployments/scale": 2, STATUS: 1}, PRUNE),
    ),
]


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_history(history: History) -> None:
    check(play(history.edits), history)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_at_rest_nothing_is_written(history: History) -> None:
    check_rest(play(history.edits))
