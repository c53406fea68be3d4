"""Going back to a warm standby: one edit, that waits for nothing. `make bench` has the quantiles."""

from collections.abc import Iterator

import pytest

from demo.traffic import totals
from tests.e2e.conftest import Figure
from tests.support.rig import Rig
from tests.support.rollbacks import Pair, pair

# Loose: it must hold on the busiest machine.
LIMIT_SECONDS = 2.0


@pytest.fixture(scope="module")
def two(rig: Rig, namespace: str) -> Iterator[Pair]:
    with pair(rig, namespace) as made:
        yield made


def test_rollback(two: Pair, figure: Figure) -> None:
    pods = two.deployed.uids()
    seconds = [two.roll_back() for _ in range(4)]
    two.deployed.ready(two.serving, within=30)
    assert two.deployed.uids() == pods, "a rollback to a warm standby starts and ends no pod"
    _check(two, max(seconds), figure)


def test_rollback_after_a_change_of_resources(two: Pair, figure: Figure) -> None:
    """To the pods that run, whatever their shape; the declared shape follows as a rollout of its own."""
    two.change_resources()
    standby = two.deployed.uids(two.other)
    revision = two.deployed.body()["status"]["standby"]["revision"]
    seconds = two.roll_back()
    assert two.deployed.body()["status"]["serving"]["revision"] == revision
    assert standby <= two.deployed.uids(two.serving)
    body = two.deployed.ready(two.serving)
    assert body["status"]["serving"]["revision"] != revision
    _check(two, seconds, figure)


def test_rollback_after_a_change_of_the_runtimes_image(two: Pair, figure: Figure) -> None:
    two.deployed.ready(two.serving)
    pods = two.deployed.uids(two.other)
    two.change_image()
    seconds = two.roll_back()
    two.deployed.ready(two.serving, within=30)
    assert two.deployed.uids(two.serving) == pods, "what is recorded with a revision is what it runs"
    _check(two, seconds, figure)


def _check(two: Pair, seconds: float, figure: Figure) -> None:
    counts = totals(two.traffic.requests())
    figure(f"{seconds * 1e3:.0f} ms to the last answer from the version before; {counts}")
    assert seconds <= LIMIT_SECONDS
    assert (counts.lost, counts.wrong) == (0, 0)
