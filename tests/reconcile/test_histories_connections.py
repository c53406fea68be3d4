"""Whole histories, as a table: the RegistryConnection is deleted, and what is known serves on."""

import pytest

from pintle.domain.resources import REGISTRY_CONNECTIONS
from tests.support.fake_pods import Fate
from tests.support.histories import (
    BACK,
    FETCHING,
    FIRST,
    FLIP,
    GIVE_UP,
    NEW,
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
from tests.support.world import NAMESPACE, World


def delete(world: World) -> None:
    world.api.delete(REGISTRY_CONNECTIONS, NAMESPACE, "mlflow")


def create(world: World) -> None:
    body = {"metadata": {"name": "mlflow"}, "spec": {"uri": "http://mlflow:5000"}}
    world.api.create(REGISTRY_CONNECTIONS, NAMESPACE, body)


def use_a_secret(world: World) -> None:
    spec = {"secretRef": {"name": "mlflow-credentials"}}
    world.api.patch(REGISTRY_CONNECTIONS, NAMESPACE, "mlflow", {"spec": spec})


def give_up_the_standby(world: World) -> None:
    """An hour passes."""
    world.run(3700, tick=10)


DELETED = Edit(also=delete)
HISTORIES = [
    History(
        "deleted while a version serves",
        (V1, DELETED),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 2},
        writes=FIRST,
    ),
    History(
        "deleted, and replicas change",
        (V1, DELETED, Edit({"replicas": 3})),
        served=["1"],
        reason="Serving",
        replicas={"1": 3},
        made={"1": 3},
        writes=more(FIRST, {"patch deployments": 1, STATUS: 2}),
    ),
    History(
        "deleted while a version serves that was fetched with a Secret",
        (Edit(also=use_a_secret), V1, DELETED),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 2},
        writes=FIRST,
    ),
    History(
        "deleted while a candidate starts",
        (V1, Edit({"version": 2}, fates={"2": FETCHING}), DELETED, Edit(fates={"2": Fate()})),
        served=["1", "2"],
        reason="Serving",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="1",
        writes=more(FIRST, NEW, FLIP, {STATUS: 4}),
    ),
    History(
        "deleted, and rolled back to the standby",
        (V1, V2, DELETED, Edit({"version": 1})),
        served=["1", "2", "1"],
        reason="Serving",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="2",
        writes=more(FIRST, NEW, FLIP, {STATUS: 3}, BACK),
    ),
    History(
        "deleted, and rolled back to what has no pods",
        (V1, V2, Edit(also=give_up_the_standby), DELETED, Edit({"version": 1})),
        served=["1", "2", "1"],
        reason="Serving",
        replicas={"1": 2, "2": 2},
        made={"1": 4, "2": 2},
        gone={"1": 2},
        standby="2",
        writes=more(FIRST, NEW, FLIP, GIVE_UP, {STATUS: 4}, {"patch deployments": 2}, FLIP, {STATUS: 3}),
    ),
    History(
        "deleted, and a version declared that nobody knows",
        (V1, DELETED, V2),
        served=["1"],
        reason="RegistryNotFound",
        words="there is no RegistryConnection mlflow in namespace ml",
        replicas={"1": 2},
        made={"1": 2},
        writes=more(FIRST, {STATUS: 1}),
    ),
    History(
        "deleted, a version declared that nobody knows, and made again",
        (V1, DELETED, V2, Edit(also=create)),
        served=["1", "2"],
        reason="Serving",
        replicas={"1": 2, "2": 2},
        made={"1": 2, "2": 2},
        standby="1",
        writes=more(FIRST, {STATUS: 1}, NEW, FLIP, {STATUS: 3}),
    ),
    History(
        "deleted before the first deploy",
        (DELETED, V1),
        served=[],
        reason="RegistryNotFound",
        words="nothing serves yet",
        replicas={},
        made={},
        writes={STATUS: 1},
    ),
]


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_history(history: History) -> None:
    check(play(history.edits), history)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_at_rest_nothing_is_written(history: History) -> None:
    check_rest(play(history.edits))
