"""Whole histories of one ModelDeployment, as a table: what is typed, and what that must cost.

Each row states the end, every pod that was made and taken away on the way, who had the traffic
in which order, and the writes. A row that needs more than it states fails as one that does less.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tests.support.fake_pods import Failure, Fate, Stage
from tests.support.world import World, version_of

FETCHING = Fate(until=Stage.SCHEDULED)
NAN = Failure("serve", 15, "ProofFailed", "prediction[0] is NaN")


@dataclass(frozen=True)
class Edit:
    """One edit, and how long the world goes on after it. `fates` by version."""

    spec: Mapping[str, object]
    seconds: float = 20
    fates: Mapping[str, Fate] = field(default_factory=dict)


@dataclass(frozen=True)
class History:
    """A row. `made` and `gone` count pods by version; `writes` count by verb and kind over all edits."""

    name: str
    edits: tuple[Edit, ...]
    served: list[str]
    reason: str
    replicas: Mapping[str, int]
    made: Mapping[str, int]
    writes: Mapping[str, int]
    gone: Mapping[str, int] = field(default_factory=dict)
    standby: str = ""


V1 = Edit({"version": 1, "replicas": 2})
# What every new revision costs: its record (written, then marked), its ConfigMap (written, then told
# the digest), its Deployment.
NEW = Counter(
    {
        "create controllerrevisions": 1,
        "create configmaps": 1,
        "create deployments": 1,
        "patch controllerrevisions": 1,
        "patch configmaps": 1,
    }
)
# The first flip claims the Deployment, then makes the Service.
FIRST = NEW + Counter(
    {
        "patch deployments": 1,
        "create services": 1,
        "create poddisruptionbudgets": 1,
        "patch modeldeployments/status": 3,
    }
)
# A flip: the Service, then the budget, the two old pods' marks.
FLIP = Counter({"patch services": 1, "patch poddisruptionbudgets": 1, "patch pods": 2})
STATUS = "patch modeldeployments/status"


def more(*parts: Mapping[str, int]) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return +total


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
        (V1, Edit({"version": 3}, fates={"3": Fate(failure=NAN)}), Edit({"version": 1})),
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
    world = World()
    for edit in history.edits:
        for version, fate in edit.fates.items():
            world.fate(version, fate)
        world.apply(**edit.spec)
        world.run(edit.seconds)
    assert world.condition()["reason"] == history.reason, world.condition()["message"]
    assert world.served() == history.served
    assert world.replicas() == history.replicas
    assert _by_version(world.pods_made) == history.made
    assert _by_version(world.pods_gone) == history.gone
    assert (world.status.get("standby") or {}).get("version", "") == history.standby
    writes = Counter(f"{r.verb} {r.resource}" for r in world.cluster.requests if r.verb != "get")
    assert writes == history.writes
    assert not [r for r in world.cluster.requests if r.verb == "get"], "children are read from the watch"


@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_at_rest_nothing_is_written(history: History) -> None:
    world = World()
    for edit in history.edits:
        for version, fate in edit.fates.items():
            world.fate(version, fate)
        world.apply(**edit.spec)
        world.run(edit.seconds)
    world.cluster.requests.clear()
    world.run(60, tick=5)
    world.start_operator()
    world.run(60, tick=5)
    assert world.cluster.requests == []


def _by_version(pods: Counter[str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for revision, count in pods.items():
        counts[version_of(revision)] += count
    return dict(counts)
