"""Two operators at once, one of them late: what it decided is written after the other's flip back."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from pintle.domain.resources import DEPLOYMENTS, PODS, SERVICES
from pintle.naming import LABEL_REVISION, LABEL_VERSION
from tests.support.faults import oracles
from tests.support.faults.bench import Bench
from tests.support.faults.lane import Lane, Operator
from tests.support.faults.record import Exchange
from tests.support.faults.rules import Effect, Rule
from tests.support.waiting import until
from tests.support.witness import Seen, Subject

V1, V2 = "1", "2"


@pytest.fixture
def lane(bench: Bench, tmp_path: Path) -> Iterator[Lane]:
    """A namespace whose operators do not wait for a Lease, as if each had been told that it leads."""
    with bench.lane(tmp_path, PINTLE_LEADER_ELECTION="false") as lane:
        lane.operator.start()
        yield lane


@contextmanager
def frozen(operator: Operator) -> Iterator[None]:
    """The process does nothing for as long as the block lasts, as in a long pause of its machine."""
    process = operator.process.process
    assert process
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def selected(lane: Lane, subject: Subject) -> str:
    """The version that the Service selects."""
    services = lane.bench.witness.objects(subject, SERVICES)
    revision = services[0]["spec"]["selector"].get(LABEL_REVISION, "") if services else ""
    return str(revision).removeprefix(f"{subject.name}-v").split("-")[0]


def held(lane: Lane, rule: Rule) -> Exchange:
    """Wait until a request is held, and give it."""
    until(lambda: bool(lane.proxy.struck), within=60, what=f"{rule} is held", now=lane.tail)
    return lane.proxy.struck[0][1]


def rolled_out(lane: Lane, **spec: object) -> Subject:
    """A ModelDeployment whose version 2 serves, with version 1 as it is left by that."""
    subject = lane.subject()
    lane.create(subject, {"version": V1, **spec})
    lane.becomes(subject, "Serving")
    lane.edit(subject, version=V2)
    lane.becomes(subject, "Serving")
    return subject


def another_flips_back(lane: Lane, subject: Subject, **spec: object) -> Operator:
    """Edit the version back, and have an operator that knows nothing of the first one act on it."""
    lane.edit(subject, version=V1, **spec)
    another = lane.another()
    another.start()
    until(lambda: selected(lane, subject) == V1, within=30, what="the traffic is back", now=lane.tail)
    flip = Rule("patch", "services", Effect.HOLD, subject.name)
    until(
        lambda: any(exchange.committed for exchange in another.proxy.requests(flip)),
        within=5,
        what="it was the other one that flipped",
    )
    return another


def answered(late: Exchange) -> int:
    until(lambda: late.status, within=30, what="the late request is answered")
    return late.status


def history(lane: Lane, subject: Subject) -> list[Seen]:
    return lane.bench.witness.history(subject)


def versions_served(lane: Lane, subject: Subject) -> list[str]:
    served: list[str] = []
    for seen in history(lane, subject):
        if seen.resource == SERVICES:
            revision = seen.object["spec"]["selector"][LABEL_REVISION]
            version = revision.removeprefix(f"{subject.name}-v").split("-")[0]
            if served[-1:] != [version]:
                served.append(version)
    return served


def pods_lost(lane: Lane, subject: Subject, version: str) -> int:
    """How many pods of a version were told to go."""
    return len(
        {
            seen.uid
            for seen in history(lane, subject)
            if seen.resource == PODS
            and seen.object["metadata"]["labels"].get(LABEL_VERSION) == version
            and seen.object["metadata"].get("deletionTimestamp")
        }
    )


def nothing_lost(lane: Lane, subject: Subject) -> None:
    lane.becomes(subject, "Serving")
    lane.silence([subject])
    assert versions_served(lane, subject) == [V1, V2, V1], "no flip is undone"
    assert list(oracles.broken_promises(history(lane, subject))) == []
    assert pods_lost(lane, subject, V1) == 0


@dataclass(frozen=True)
class Late:
    """A decision that takes pods of the standby, and what makes it wrong before it is written."""

    what: str
    resource: str
    spec: Mapping[str, object]
    edit: Mapping[str, object]
    back: Mapping[str, object]


LATE = (
    Late("its time is over", "deployments/scale", {"rollout": {"standbySeconds": 0}}, {}, {}),
    Late("fewer are declared", "deployments*", {"replicas": 3}, {"replicas": 2}, {"replicas": 3}),
)


@pytest.mark.parametrize("case", LATE, ids=lambda case: case.what)
def test_a_late_decision_takes_no_pods_of_what_serves_again(lane: Lane, case: Late) -> None:
    subject = rolled_out(lane, **case.spec)
    rule = Rule("patch", case.resource, Effect.HOLD, name=f"{subject.name}-v{V1}-*")
    lane.proxy.arm(rule)
    if case.edit:
        lane.edit(subject, **case.edit)
    late = held(lane, rule)
    with frozen(lane.operator):
        another_flips_back(lane, subject, **case.back)
        lane.proxy.release()
        assert answered(late) in (409, 422), late.body
    nothing_lost(lane, subject)


def test_without_its_precondition_the_late_write_would_take_them(lane: Lane) -> None:
    """The control: the same write at the same moment, without the resourceVersion that it was decided at."""
    subject = rolled_out(lane, rollout={"standbySeconds": 0})
    rule = Rule("patch", "deployments/scale", Effect.HOLD, name=f"{subject.name}-v{V1}-*")
    lane.proxy.arm(rule)
    late = held(lane, rule)
    with frozen(lane.operator):
        another = another_flips_back(lane, subject)
        body = orjson.loads(late.body)
        with frozen(another):  # or it has scaled up again before a controller takes the pods
            lane.bench.kube.scale(DEPLOYMENTS, lane.namespace, late.target.name, body["spec"]["replicas"])
            until(lambda: pods_lost(lane, subject, V1) == 2, within=30, what="the pods that serve go")
        lane.proxy.release()
    assert list(oracles.broken_promises(history(lane, subject))) != []
