"""Whole histories, as a table: objects and namespaces that go, and names that somebody else holds."""

import pytest

from pintle.domain.resources import CONFIG_MAPS, MODEL_DEPLOYMENTS, NAMESPACES, SERVICES
from pintle.ports import Resource
from tests.support.fake_pods import Fate
from tests.support.histories import (
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
from tests.support.world import NAME, NAMESPACE, World


def recreate(version: int) -> Edit:
    """`kubectl replace --force`, or a GitOps agent that prunes and applies at once."""

    def act(world: World) -> None:
        world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, NAME)
        world.apply(version=version, replicas=2)

    return Edit(seconds=60, also=act)


def delete(world: World) -> None:
    world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, NAME)


def delete_namespace(world: World) -> None:
    world.api.delete(NAMESPACES, "", NAMESPACE)


def take(resource: Resource, name: str) -> Edit:
    """Somebody else makes an object of a name that is needed."""
    body = {"metadata": {"name": name}, "spec": {"selector": {"app": "theirs"}}}

    def act(world: World) -> None:
        world.api.create(resource, NAMESPACE, body)

    return Edit(also=act)


def free(resource: Resource, name: str) -> Edit:
    return Edit(seconds=60, also=lambda world: world.api.delete(resource, NAMESPACE, name))


FETCHED = Edit({"version": 2}, fates={"2": FETCHING})
COPY = "iris-v1-f06735d4"
HISTORIES = [
    History(
        "deleted",
        (V1, V2, Edit(also=delete)),
        served=["1", "2"],
        reason="",
        replicas={},
        made={"1": 2, "2": 2},
        gone={"1": 2, "2": 2},
        kept=[],
        writes=more(FIRST, NEW, FLIP, {STATUS: 3}),
    ),
    History(
        "deleted, and made again a minute later",
        (V1, V2, Edit(also=delete, seconds=60), V1),
        served=["1", "2", "1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 4, "2": 2},
        gone={"1": 2, "2": 2},
        kept=["1"],
        writes=more(FIRST, NEW, FLIP, {STATUS: 3}, FIRST),
    ),
    History(
        "deleted and made again at once",
        (V1, recreate(1)),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 4},
        gone={"1": 2},
        kept=["1"],
        reads={"get controllerrevisions": 1},
        # The record of the one before is found, and waited for.
        writes=more(FIRST, FIRST, {"create controllerrevisions": 1}),
    ),
    History(
        "deleted and made again at once, with another version",
        (V1, recreate(2)),
        served=["1", "2"],
        reason="Serving",
        replicas={"2": 2},
        made={"1": 2, "2": 2},
        gone={"1": 2},
        kept=["2"],
        writes=more(FIRST, FIRST),
    ),
    History(
        "deleted and made again at once, in mid-change",
        (V1, FETCHED, Edit(fates={"2": Fate()}, seconds=0.5), recreate(2)),
        served=["1", "2"],
        reason="Serving",
        replicas={"2": 2},
        made={"1": 2, "2": 4},
        gone={"1": 2, "2": 2},
        kept=["2"],
        reads={"get controllerrevisions": 1},
        writes=more(FIRST, UNCLEARED, {STATUS: 2}, FIRST, {"create controllerrevisions": 1}),
    ),
    History(
        "its namespace deleted while it serves",
        (V1, Edit(also=delete_namespace)),
        served=["1"],
        reason="",
        replicas={},
        made={"1": 2},
        gone={"1": 2},
        kept=[],
        writes=FIRST,
    ),
    History(
        "its namespace deleted in mid-change",
        (V1, FETCHED, Edit(fates={"2": Fate()}, also=delete_namespace)),
        served=["1"],
        reason="",
        replicas={},
        made={"1": 2, "2": 2},
        gone={"1": 2, "2": 2},
        kept=[],
        writes=more(FIRST, UNCLEARED, {STATUS: 2}),
    ),
    History(
        "its namespace deleted right after an edit",
        (V1, Edit({"version": 2}, also=delete_namespace)),
        served=["1"],
        reason="",
        replicas={},
        made={"1": 2},
        gone={"1": 2},
        kept=[],
        writes=FIRST,
    ),
    History(
        "a Service of its name belongs to somebody else",
        (take(SERVICES, NAME), V1),
        served=[""],
        reason="NameTaken",
        words="kubectl -n ml delete service iris",
        replicas={"1": 2},
        made={"1": 2},
        reads={"get services": 1, "get modeldeployments": 1},
        writes=more(FIRST, {"create poddisruptionbudgets": -1}),
    ),
    History(
        "a Service of its name belongs to somebody else, and is freed",
        (take(SERVICES, NAME), V1, free(SERVICES, NAME)),
        served=["", "1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 2},
        # The switch is tried again from its beginning, once the name is seen to be free.
        reads={"get services": 2, "get modeldeployments": 2},
        writes=more(FIRST, {"patch deployments": 1, "create services": 1, STATUS: 1}),
    ),
    History(
        "a ConfigMap of its revision's name belongs to somebody else: no pod is started with it",
        (take(CONFIG_MAPS, COPY), V1),
        served=[],
        reason="NameTaken",
        words=f"kubectl -n ml delete configmap {COPY}",
        replicas={},
        made={},
        reads={"get configmaps": 1, "get modeldeployments": 1},
        writes={"create controllerrevisions": 1, "create configmaps": 1, STATUS: 1},
    ),
    History(
        "a ConfigMap of its revision's name belongs to somebody else, and is freed",
        (take(CONFIG_MAPS, COPY), V1, free(CONFIG_MAPS, COPY)),
        served=["1"],
        reason="Serving",
        replicas={"1": 2},
        made={"1": 2},
        reads={"get configmaps": 1, "get modeldeployments": 2},
        writes=more(FIRST, {"create configmaps": 1, STATUS: 1}),
    ),
]


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_history(history: History) -> None:
    check(play(history.edits), history)


# A name that is taken is tried again every half minute.
RESTING = [h for h in HISTORIES if h.reason != "NameTaken"]


@pytest.mark.parametrize("history", RESTING, ids=lambda h: h.name)
def test_at_rest_nothing_is_written(history: History) -> None:
    check_rest(play(history.edits))
