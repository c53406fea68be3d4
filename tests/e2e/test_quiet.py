"""At rest: nothing changes, so nothing is written, and nothing read but what a resync and the Lease cost."""

import time

import pytest

from pintle.domain.resources import NAMESPACES
from pintle.resync import OPTIONAL, WATCHED
from tests.e2e.conftest import Figure
from tests.support import install
from tests.support.audit import Tally
from tests.support.deployed import Deployed
from tests.support.kube import MINE
from tests.support.rig import LINEAR, Rig
from tests.support.waiting import until

RESYNCS = 3
# What starts together on two cores.
BATCH = 5
# All of them have to fit on one small node.
RESOURCES = {"requests": {"cpu": "10m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}


@pytest.mark.parametrize(
    ("deployments", "resync_seconds"),
    [(3, 10), pytest.param(20, 60, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])],
)
def test_at_rest(rig: Rig, figure: Figure, deployments: int, resync_seconds: int) -> None:
    with rig.namespace("at-rest") as namespace:
        began = time.time()
        _make(rig, namespace, deployments)
        assert rig.mlflow.asked(began), "the log of MLflow tells who asks"
        with install.operator_with(rig.kube, PINTLE_RESYNC_SECONDS=str(resync_seconds)):
            _await_silence(rig)
            _await_resyncs(rig, 1, resync_seconds)  # so that what is counted begins between two of them
            quiet = time.time()
            tally = _await_resyncs(rig, RESYNCS, resync_seconds)
            seconds = time.time() - quiet
            asked = rig.mlflow.asked(quiet)
        watches = sum(r.verb == "watch" for r in tally.requests)
        figure(
            f"{deployments} deployments, {seconds:.0f} s with {RESYNCS} resyncs: {tally.writes} writes, "
            f"{tally.reads} gets, {tally.lists.total()} lists, {watches} watches that began anew, "
            f"{len(asked)} questions to the registry"
        )
        assert [r for r in tally.requests if r.is_write or r.is_read] == []
        assert tally.lists == {resource.plural: RESYNCS for resource, _ in (*OPTIONAL, *WATCHED)}
        assert asked == []


def _make(rig: Rig, namespace: str, count: int) -> None:
    made = [Deployed(rig.kube, namespace, f"m{number:02}") for number in range(count)]
    for start in range(0, count, BATCH):
        batch = made[start : start + BATCH]
        for deployed in batch:
            deployed.create(version=int(LINEAR), resources=RESOURCES)
        for deployed in batch:
            deployed.ready(LINEAR)


def _await_silence(rig: Rig) -> None:
    """Wait until namespaces of earlier tests are gone, and the operator has written nothing for a while."""

    def leaving() -> list[str]:
        labels = ",".join(f"{k}={v}" for k, v in MINE.items())
        found = rig.kube.list(NAMESPACES, labels=labels)
        return [body["metadata"]["name"] for body in found if "deletionTimestamp" in body["metadata"]]

    until(lambda: not leaving(), within=180, what="earlier namespaces are gone", now=leaving)
    mark, since = rig.audit.mark(), time.time()

    def silent() -> bool:
        writes = [r.answered for r in rig.audit.everywhere(mark).without_lease.requests if r.is_write]
        return time.time() > max([since, *writes]) + 12

    until(silent, within=120, what="the operator writes nothing", now=lambda: rig.audit.everywhere(mark))


def _await_resyncs(rig: Rig, count: int, seconds: int) -> Tally:
    """Wait until everything has been listed so often from now on; what the operator asked until then."""
    mark, last = rig.audit.mark(), WATCHED[-1][0].plural

    def tally() -> Tally:
        return rig.audit.everywhere(mark).without_lease

    return until(
        lambda: (found := tally()) and found.lists[last] >= count and found,
        within=(count + 1) * (seconds + 10),
        what=f"{count} resyncs are over",
        now=lambda: tally().lists,
    )
