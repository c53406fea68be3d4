"""What the operator asks of the API server, counted in its audit log (`tests/support/audit.py` says how)."""

import time

import pytest

from pintle.plan import COUNTS_AFTER
from tests.e2e.conftest import Figure
from tests.support.audit import Tally
from tests.support.deployed import Deployed, condition
from tests.support.rig import BOOSTED, LINEAR, Rig
from tests.support.waiting import until

REPLICAS = 2


@pytest.fixture
def iris(rig: Rig, namespace: str) -> Deployed:
    return Deployed(rig.kube, namespace)


def test_requests(rig: Rig, iris: Deployed, figure: Figure) -> None:
    _await_connection(rig, iris.namespace)

    mark, began = rig.audit.mark(), time.monotonic()
    iris.serve(LINEAR)
    slowly = _told_meanwhile(began)
    created = rig.audit.settled(mark, iris.namespace)
    figure(f"create to Ready, 1 replica: {created}")

    iris.edit(replicas=REPLICAS)
    iris.ready(LINEAR)
    rig.audit.settled(mark, iris.namespace)

    mark, began = rig.audit.mark(), time.monotonic()
    iris.edit(version=int(BOOSTED))
    iris.ready(BOOSTED)
    slowly_too = _told_meanwhile(began)
    # Ten seconds after a flip what served before is settled: whatever comes of that is counted too.
    changed = rig.audit.settled(mark, iris.namespace, quiet=12)
    figure(f"version change, {REPLICAS} replicas: {changed}")

    mark = rig.audit.mark()
    iris.edit(version=int(LINEAR))
    iris.ready(LINEAR, within=30)
    back = rig.audit.settled(mark, iris.namespace, quiet=12)
    figure(f"rollback to a warm standby, {REPLICAS} replicas: {back}")

    _check(created, writes=12 + slowly, reads=2)
    _check(changed, writes=12 + REPLICAS + slowly_too, reads=0)
    _check(back, writes=4 + 2 * REPLICAS, reads=0)


def _await_connection(rig: Rig, namespace: str) -> None:
    """What the RegistryConnection costs is written once, before there is a ModelDeployment."""
    until(
        lambda: rig.audit.since(0, namespace).writes,
        within=30,
        what="the operator has made what the RegistryConnection needs",
    )
    rig.audit.settled(0, namespace)


def _told_meanwhile(began: float) -> int:
    """How often a rollout that began then may have told what differs in counts and messages alone."""
    return int((time.monotonic() - began) / COUNTS_AFTER.total_seconds())


def _check(tally: Tally, *, writes: int, reads: int) -> None:
    assert tally.lean_writes <= writes, tally
    assert tally.reads <= reads, tally
    assert tally.reads_of_children == 0, tally


def test_an_edit_that_changes_nothing(rig: Rig, iris: Deployed, figure: Figure) -> None:
    quiet = Deployed(rig.kube, iris.namespace, "quiet")
    mark = rig.audit.mark()
    quiet.serve(LINEAR)
    rig.audit.settled(mark, iris.namespace)
    mark = rig.audit.mark()
    quiet.edit(revisionHistoryLimit=7)
    quiet.ready(LINEAR, within=30)
    tally = rig.audit.settled(mark, iris.namespace)
    assert [r.resource for r in tally.requests if r.is_write] == ["modeldeployments/status"], tally
    assert tally.reads == 0, tally
    assert condition(quiet.body(), "Ready")["status"] == "True"
    figure(f"an edit that changes nothing: {tally}")
    quiet.delete()
