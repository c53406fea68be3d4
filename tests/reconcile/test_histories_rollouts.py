"""Whole histories, as a table: candidates that are in the way of each other, and artifacts that change."""

import pytest

from pintle.domain.resources import PODS
from tests.support.fake_cluster import Fault
from tests.support.fake_pods import DIGEST, Failure, Fate
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
from tests.support.world import NAMESPACE, World

SHORT = {"rollout": {"standbySeconds": 60}}
OTHER = Fate(content_digest="sha256:" + "f" * 64)
CHANGED = Fate(failure=Failure("fetch", 11, "ArtifactChanged", "the artifact is not the one that was pinned"))


def lose_a_pod(world: World) -> None:
    """As a node that is drained: one pod of what serves goes."""
    revision = world.status["serving"]["revision"]
    pods = world.api.objects(PODS, labels=f"pintle.dev/revision={revision}")
    world.api.delete(PODS, NAMESPACE, pods[0]["metadata"]["name"])


def edited_meanwhile(world: World) -> Fault:
    """At the moment of the flip, somebody declares version 3."""
    return Fault("patch", "services", meanwhile=lambda: world.apply(version=3))


HISTORIES = [
    History(
        "the standby expires while a candidate proves",
        (
            Edit({"version": 1, "replicas": 2, **SHORT}),
            V2,
            Edit({"version": 3}, seconds=90, fates={"3": PROVING}),
            Edit(seconds=90, fates={"3": Fate()}),
        ),
        served=["1", "2", "3"],
        reason="Serving",
        replicas={"3": 2},
        made={"1": 2, "2": 2, "3": 2},
        gone={"1": 2, "2": 2},
        # Its minute over, version 1 goes in mid-proof; then version 2's minute begins.
        writes=more(FIRST, NEW, FLIP, {STATUS: 3}, NEW, *[GIVE_UP, {STATUS: 1}] * 2, FLIP, {STATUS: 3}),
    ),
    History(
        "five bad edits in a row",
        (
            V1,
            *(Edit({"version": n}, fates={str(n): NAN}) for n in range(2, 7)),
            Edit({"version": 1}),
        ),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 2, "2": 2, "3": 2, "4": 2, "5": 2, "6": 2},
        gone={"2": 2, "3": 2, "4": 2, "5": 2, "6": 2},
        kept=["1", "2", "3", "4", "5", "6"],
        writes=more(FIRST, *[REJECTED, {STATUS: 2}] * 5, {STATUS: 1}),
    ),
    History(
        "five bad edits within two seconds",
        (
            V1,
            *(Edit({"version": n}, seconds=0.4, fates={str(n): NAN}) for n in range(2, 7)),
            Edit({"version": 7}),
        ),
        served=["1", "7"],
        reason="Serving",
        replicas={"1": 2, "7": 2},
        made={"1": 2, "2": 2, "3": 2, "4": 2, "5": 2, "6": 2, "7": 2},
        gone={"2": 2, "3": 2, "4": 2, "5": 2, "6": 2},
        standby="1",
        writes=more(FIRST, *[UNCLEARED, GIVE_UP, {STATUS: 1}] * 5, NEW, FLIP, {STATUS: 3}),
    ),
    History(
        "edit during a flip",
        (V1, Edit({"version": 2}, fault=edited_meanwhile)),
        served=["1", "2", "3"],
        reason="Serving",
        replicas={"2": 2, "3": 2},
        made={"1": 2, "2": 2, "3": 2},
        gone={"1": 2},
        standby="2",
        # The flip that was decided is done; version 2's own status would be of yesterday. The next flip
        # names version 1 as given up by itself.
        writes=more(FIRST, NEW, FLIP, {STATUS: 2}, NEW, FLIP, {"patch deployments/scale": 1, STATUS: 3}),
    ),
    History(
        "two first pods fetch different bytes",
        (V1, Edit({"version": 2}, pods={"2": (Fate(), OTHER)})),
        served=["1"],
        reason="ArtifactChanged",
        words="its artifact changed while it was fetched",
        replicas={"1": 2},
        made={"1": 2, "2": 2},
        gone={"2": 2},
        writes=more(FIRST, REJECTED, {STATUS: 2}),
    ),
    History(
        "a later pod is told that its artifact changed",
        (V1, Edit(seconds=60, pods={"1": (CHANGED,)}, also=lose_a_pod)),
        served=["1"],
        reason="Degraded",
        words="the artifact is not the one that was pinned",
        replicas={"1": 2},
        made={"1": 3},
        gone={"1": 1},
        # Degraded at once, and the pod's own words when they have stood for five seconds.
        writes=more(FIRST, {STATUS: 2}),
    ),
    History(
        "a later pod runs other bytes and is replaced",
        (V1, Edit(pods={"1": (OTHER,)}, also=lose_a_pod)),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 4},
        gone={"1": 2},
        writes=more(FIRST, {"delete pods": 1, STATUS: 2}),
    ),
    History(
        "the artifact changes before a change of shape",
        (V1, Edit({"resources": {"requests": {"cpu": "200m"}}}, fates={"1": OTHER})),
        served=["1"],
        reason="ArtifactChanged",
        words=DIGEST[:19],
        replicas={"1": 2},
        made={"1": 4},
        gone={"1": 2},
        kept=["1", "1"],
        # One status more than another rejection: what the digest has to be is known with the record.
        writes=more(FIRST, REJECTED, {STATUS: 3}),
    ),
    History(
        "an artifact that changed, and back",
        (
            V1,
            V2,
            Edit({"version": 3}, pods={"3": (Fate(), OTHER)}),
            Edit({"version": 2}),
            Edit({"version": 1}),
        ),
        served=["1", "2", "1"],
        reason="Serving",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2, "3": 2},
        gone={"3": 2},
        standby="2",
        writes=more(FIRST, NEW, FLIP, {STATUS: 3}, REJECTED, {STATUS: 3}, BACK),
    ),
    History(
        "edit while a candidate is fetched, again and again",
        (
            V1,
            *(Edit({"version": n}, seconds=2, fates={str(n): FETCHING}) for n in range(2, 6)),
            Edit({"version": 6}),
        ),
        served=["1", "6"],
        reason="Serving",
        replicas={"1": 2, "6": 2},
        made={"1": 2, "2": 2, "3": 2, "4": 2, "5": 2, "6": 2},
        gone={"2": 2, "3": 2, "4": 2, "5": 2},
        standby="1",
        writes=more(FIRST, *[UNCLEARED, GIVE_UP, {STATUS: 1}] * 4, NEW, FLIP, {STATUS: 3}),
    ),
]


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_history(history: History) -> None:
    check(play(history.edits), history)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_at_rest_nothing_is_written(history: History) -> None:
    check_rest(play(history.edits))
