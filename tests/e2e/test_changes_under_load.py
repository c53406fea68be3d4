"""Version changes while predictions are asked for all the time, a new connection for each."""

import time
from dataclasses import dataclass
from itertools import pairwise

import pytest

from demo.traffic import Declared, flip_backs, latencies
from pintle.domain.resources import MODEL_DEPLOYMENTS, SERVICES
from tests.e2e.conftest import Figure
from tests.support import install
from tests.support.deployed import Deployed, condition
from tests.support.load import FOLLOW_SECONDS, assert_faultless, load
from tests.support.rig import BOOSTED, LINEAR, NAMES, NAN, Rig, version_of
from tests.support.watching import Watch, watching

RATE = 120.0
ENOUGH_REQUESTS = 20_000
CRASH = version_of("crash-on-load")


@dataclass(frozen=True)
class Change:
    """An edit of spec.version. `serves` is what serves after it: if that is broken, still the one before."""

    to: str
    serves: str
    rollback: bool = False

    @property
    def broken(self) -> bool:
        return self.to != self.serves


CHANGES = (
    Change(BOOSTED, BOOSTED),
    Change(NAN, BOOSTED),
    Change(BOOSTED, BOOSTED, rollback=True),
    Change(LINEAR, LINEAR, rollback=True),
    Change(BOOSTED, BOOSTED),
    Change(LINEAR, LINEAR, rollback=True),
    Change(NAMES, NAMES),
    Change(LINEAR, LINEAR, rollback=True),
    Change(CRASH, LINEAR),
    Change(NAMES, NAMES),
    Change(LINEAR, LINEAR, rollback=True),
    Change(BOOSTED, BOOSTED),  # given up meanwhile: its pods start again
)


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Deployed:
    """Version 1 serves, with two pods."""
    return Deployed(rig.kube, namespace).serve(LINEAR, replicas=2)


def test_changes_under_load(rig: Rig, iris: Deployed, figure: Figure) -> None:
    assert len(CHANGES) >= 10
    assert sum(change.rollback for change in CHANGES) >= 5
    with (
        watching(rig.api_client, MODEL_DEPLOYMENTS, iris.namespace) as watch,
        load(iris, rate=RATE) as traffic,
    ):
        declared, edits, before = Declared(time.time(), {LINEAR}), [], LINEAR
        # What served before `before`, and from when on it may answer no more, be it in the midst of an edit.
        late, alone = LINEAR, 0.0
        for change in CHANGES:
            edited = time.time()
            declared.allow(edited, {late, before, change.serves})
            edits.append((edited, change.serves))
            iris.edit(version=int(change.to))
            _settle(iris, change)
            declared.allow(max(edited, min(alone, time.time())), {before, change.serves})
            late, alone, before = before, time.time() + FOLLOW_SECONDS, change.serves
        declared.allow(max(alone, time.time()), {before})
        traffic.wait(
            lambda log: len(log.requests) >= ENOUGH_REQUESTS, 300, f"record of {ENOUGH_REQUESTS} requests"
        )
        requests = traffic.stop()
    said = assert_faultless(requests, declared)
    assert len(requests) >= ENOUGH_REQUESTS
    assert not flip_backs(requests, edits)
    assert _served(watch) == [
        LINEAR,
        *(b.serves for a, b in pairwise((CHANGES[0], *CHANGES)) if _flips(a, b)),
    ]
    p50, p99 = latencies(requests, 0.5, 0.99)
    figure(f"{said}, {len(CHANGES)} changes, no flip-back; p50 {p50 * 1e3:.0f} ms, p99 {p99 * 1e3:.0f} ms")


def _settle(iris: Deployed, change: Change) -> None:
    if not change.broken:
        iris.ready(change.to, within=10 if change.rollback else 240)
        return
    body = iris.refused("ProofFailed", "LoadFailed", within=240)
    assert body["status"]["serving"]["version"] == change.serves
    assert condition(body, "Available")["status"] == "True"


def _flips(before: Change, change: Change) -> bool:
    return change.serves != before.serves or change is before


def _served(watch: Watch) -> list[str]:
    """The versions that `status.serving` named, in order, without repetitions."""
    named = [c.object.get("status", {}).get("serving", {}).get("version") for c in watch.of("iris")]
    return [v for i, v in enumerate(named) if v and (i == 0 or v != named[i - 1])]


def test_lost_and_undeclared_answers_are_noticed(rig: Rig, iris: Deployed, figure: Figure) -> None:
    """The control of the test above: without endpoints requests are lost, and the record says so."""
    declared = iris.body()["spec"]["version"]
    iris.ready(str(declared))
    with load(iris, rate=50) as traffic:
        # As somebody would who edits the Service by hand. The operator puts it back within milliseconds,
        # which no request may notice: so there is none until one has.
        empty = {"spec": {"selector": {"pintle.dev/revision": "none"}}}
        with install.no_operator(rig.kube):
            edited = time.time()
            rig.kube.merge(SERVICES, iris.namespace, iris.name, empty)
            traffic.wait(lambda log: any(r.outcome == "lost" for r in log.requests), 60, "lost request")
        back = time.time()
        traffic.wait(
            lambda log: any(r.outcome == "ok" and r.began > back for r in log.requests[-5:]),
            60,
            "answer after the Service was put back",
        )
        requests = traffic.stop()
    lost = [r for r in requests if r.outcome == "lost"]
    with pytest.raises(AssertionError, match="lost"):
        assert_faultless(requests, Declared(edited - 60, {str(declared)}))
    answered = [r for r in requests if r.outcome == "ok"]
    with pytest.raises(AssertionError, match="version"):
        assert_faultless(answered, Declared(edited - 60, {"0"}))
    iris.ready(str(declared))
    figure(f"a Service without endpoints lost {len(lost)} requests until it was put back")
