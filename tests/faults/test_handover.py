"""The leader ends in the moment of an edit: how soon the next one acts on it, and that only one writes."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.faults.bench import Bench
from tests.support.faults.lane import Lane, Operator
from tests.support.faults.record import Exchange
from tests.support.waiting import until

# From the end of the leader to the first write of the next one (seconds).
ENDS = {"handed over": (signal.SIGTERM, 3.0), "killed": (signal.SIGKILL, 20.0)}
ROUNDS = 3


@pytest.fixture
def lane(bench: Bench, tmp_path: Path) -> Iterator[Lane]:
    with bench.lane(tmp_path) as lane:
        yield lane


def writes(operator: Operator) -> list[Exchange]:
    """What it wrote, but for its Lease."""
    found = [e for e in operator.proxy.journal if e.target.is_write and e.target.resource != "leases"]
    return [e for e in found if e.target.resource != "events"]


def beginning(lane: Lane, number: int) -> Operator:
    """One more replica, under a name of its own as each pod has."""
    operator = lane.another(POD_NAME=f"pintle-operator-{number}")
    operator.launch()
    operator.process.until("/readyz", 200)
    return operator


def role(operator: Operator) -> str:
    return operator.process.get("/readyz")[1]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("end", ENDS)
def test_the_next_leader_goes_on(end: str, lane: Lane) -> None:
    number, within = ENDS[end]
    leader = beginning(lane, 0)
    until(lambda: "leader" in role(leader), within=30, what="the first one leads")
    subject = lane.subject()
    lane.create(subject, {"version": 1})
    lane.becomes(subject, "Serving")
    took = []
    for turn in range(1, ROUNDS + 1):
        follower = beginning(lane, turn)
        assert "follower" in role(follower)
        ended = leader.retire(number)
        lane.edit(subject, version=1 + turn % 2)
        first = until(lambda: writes(follower), within=60, what="it writes", now=lane.tail)[0]  # noqa: B023 - at once
        took.append(first.at - ended)
        lane.becomes(subject, "Serving")
        assert all(e.at < first.at for e in writes(leader)), "nobody writes beside the leader"
        leader = follower
    print(f"{end}: the next one wrote {', '.join(f'{s:.1f}' for s in took)} s after")
    assert max(took) <= within
