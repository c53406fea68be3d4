"""Going back to a warm standby: one edit, that waits for nothing. `make bench` has the quantiles."""

from collections.abc import Iterator

import pytest

from demo.traffic import totals
from tests.e2e.conftest import Figure
from tests.support.deployed import Deployed, condition
from tests.support.rig import NAMES, Rig
from tests.support.rollbacks import Pair, Rollback, applying, pair

# Until nobody asks the version before any more. Loose: it must hold on the busiest machine.
LIMIT_SECONDS = 2.0
# Until its last answer is there, which a busy machine may keep waiting.
ANSWERED_SECONDS = 5.0


@pytest.fixture(scope="module")
def two(rig: Rig, namespace: str) -> Iterator[Pair]:
    with pair(rig, namespace) as made:
        yield made


def test_rollback(two: Pair, figure: Figure) -> None:
    pods = two.settled()
    rollbacks = [two.roll_back() for _ in range(4)]
    two.deployed.ready(two.serving, within=30)
    assert two.deployed.uids() == pods, "a rollback to a warm standby starts and ends no pod"
    _check(two, figure, *rollbacks)


def test_rollback_after_a_change_of_resources(two: Pair, figure: Figure) -> None:
    """To the pods that run, whatever their shape; the declared shape follows as a rollout of its own."""
    two.change_resources()
    standby = two.deployed.uids(two.other)
    revision = two.deployed.body()["status"]["standby"]["revision"]
    rollback = two.roll_back()
    # By now the rollout of the declared shape may be through, so that another one serves.
    assert revision in _promoted(two)[:2]
    assert standby <= two.deployed.uids(two.serving)
    body = two.deployed.ready(two.serving)
    assert body["status"]["serving"]["revision"] != revision
    _check(two, figure, rollback)


def test_rollback_after_a_change_of_the_runtimes_image(two: Pair, figure: Figure) -> None:
    two.deployed.ready(two.serving)
    pods = two.deployed.uids(two.other)
    two.change_image()
    rollback = two.roll_back()
    two.deployed.ready(two.serving, within=30)
    assert two.deployed.uids(two.serving) == pods, "what is recorded with a revision is what it runs"
    _check(two, figure, rollback)


def test_rollback_while_the_registry_accepts_and_never_answers(two: Pair, figure: Figure) -> None:
    pods = two.settled()
    asking = Deployed(two.rig.kube, two.deployed.namespace, "asking")
    with two.rig.mlflow.hanging():
        asking.create(version=int(NAMES))
        waiting = condition(asking.refused("RegistryUnavailable", within=60), "Ready")
        assert "did not answer" in waiting["message"], waiting
        rollbacks = [two.roll_back() for _ in range(4)]
        two.deployed.ready(two.serving, within=30)
        assert two.deployed.uids() == pods, "a rollback to a warm standby starts and ends no pod"
        asking.refused("RegistryUnavailable", within=5)
    asking.delete()
    _check(two, figure, *rollbacks)


def test_rejected_while_the_old_spec_is_applied_again_and_again(two: Pair, figure: Figure) -> None:
    """Where Git owns the spec, an annotation is the one edit; what a GitOps agent applies undoes nothing."""
    pods = two.settled()
    with applying(two.deployed, seconds=5) as agent:
        rollbacks = []
        for _ in range(2):
            rejected = two.serving
            rollbacks.append(two.reject())
            agent.again()
            body = two.deployed.refused("RejectedByUser", within=10)
            assert body["status"]["serving"]["version"] == two.serving
            assert str(body["spec"]["version"]) == rejected, "the operator never writes spec"
            two.accept_again()
            two.deployed.ready(rejected, within=10)
        assert agent.times >= 3
    assert two.deployed.uids() == pods, "a rollback to a warm standby starts and ends no pod"
    _check(two, figure, *rollbacks)


def _promoted(two: Pair) -> list[str]:
    """The revisions that have taken the traffic, the last one first."""
    entries = two.deployed.body()["status"]["history"]
    return [entry["revision"] for entry in entries if "promotedTime" in entry]


def _check(two: Pair, figure: Figure, *rollbacks: Rollback) -> None:
    counts = totals(two.traffic.requests())
    shown = ", ".join(f"{r.seconds * 1e3:.0f} (asked {r.asked * 1e3:.0f})" for r in rollbacks)
    figure(f"the last answer from the version before {shown} ms after the edit; {counts}")
    assert max(r.asked for r in rollbacks) <= LIMIT_SECONDS
    assert max(r.seconds for r in rollbacks) <= ANSWERED_SECONDS
    assert (counts.lost, counts.wrong) == (0, 0)
