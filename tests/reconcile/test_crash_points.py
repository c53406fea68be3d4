"""Every write of every workload, and what may happen to it: killed before it, after it, answer lost, errors.

A clean run says what is written. Each run after it has one of these writes go wrong, and has to end as the
clean one: the same state, each object made and deleted as often, nothing that serves scaled down, silence.
`tests/faults` does the same with processes and a real API server.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pintle.domain.resources import CONFIG_MAPS, MODEL_DEPLOYMENTS
from tests.support.by_hand import ByHand
from tests.support.crash_points import assert_survived, writes
from tests.support.disturbed import reject
from tests.support.fake_pods import Failure, Fate, Stage
from tests.support.faults.in_memory import FakeWitness
from tests.support.faults.oracles import broken_promises, difference, end_state, made_and_gone, orphans
from tests.support.restarting import Restarting
from tests.support.witness import Subject
from tests.support.world import NAME, NAMESPACE, World

SUBJECT = Subject(NAMESPACE, NAME)
NAN = Failure("serve", 15, "ProofFailed", "prediction[0] is NaN")
BAD, STUCK = "8", "9"

Act = Callable[[World], None]


@dataclass(frozen=True)
class Workload:
    """What is typed before, in order, and what is typed when the fault is there."""

    name: str
    before: tuple[Act, ...]
    act: Act


def apply(**spec: object) -> Act:
    return lambda world: world.apply(**spec)


def delete(world: World) -> None:
    world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, NAME)


def delete_amid_a_change(world: World) -> None:
    world.apply(version=STUCK)
    world.run(35)  # what was refused is tried again after 30 s
    delete(world)


def delete_and_recreate(world: World) -> None:
    delete(world)
    world.apply(version=1, replicas=2)


def serve_by_hand(world: World) -> None:
    """A Service and a Deployment that somebody else made, to be adopted."""
    ByHand(world)


def wait(_: World) -> None:
    """Time passes."""


def give_cases(world: World) -> None:
    """A tenant's ConfigMap, which nothing watches."""
    text = '[{"request": {"inputs": [1]}, "expect": {"equals": [0]}}]'
    body = {"metadata": {"name": "iris-cases"}, "data": {"cases.json": text}}
    world.api.create(CONFIG_MAPS, NAMESPACE, body)


V1, V2 = apply(version=1, replicas=2), apply(version=2)
WORKLOADS = (
    Workload("create", (), V1),
    Workload("version change", (V1,), V2),
    Workload("rollback", (V1, V2), apply(version=1)),
    Workload("scale up", (V1, V2), apply(replicas=3)),
    Workload("scale down", (V1, V2), apply(replicas=1)),
    Workload("bad version", (V1,), apply(version=BAD)),
    Workload("third version", (apply(version=1, replicas=2, revisionHistoryLimit=0), V2), apply(version=3)),
    Workload("new shape", (V1,), apply(resources={"requests": {"cpu": "200m"}})),
    Workload("adoption", (serve_by_hand,), V1),
    Workload("delete", (V1, V2), delete),
    Workload("delete amid a change", (V1,), delete_amid_a_change),
    Workload("delete and recreate", (V1,), delete_and_recreate),
)
CASES = {"proof": {"cases": {"configMapRef": {"name": "iris-cases"}}}}
NO_SURGE = {"surge": "None"}
# The time of a standby is over in the second wait of 20 s.
SHORT = {"rollout": {"standbySeconds": 30}}
RARE = (
    Workload(
        "rollback to what has no pods",
        (apply(version=1, replicas=2, **SHORT), V2, wait),
        apply(version=1, rollout={"standbySeconds": 3600}),
    ),
    Workload("a standby's time is over", (apply(version=1, replicas=2, **SHORT), V2), wait),
    Workload("rejected by annotation", (V1, V2), reject),
    Workload("back from 0 replicas", (V1, apply(version=2, replicas=0)), apply(replicas=2)),
    Workload("resumed", (V1, apply(version=2, suspend=True)), apply(suspend=False)),
    Workload("golden cases", (V1, give_cases), apply(version=2, rollout=CASES)),
    Workload("replaced first", (apply(version=1, replicas=2, rollout=NO_SURGE),), V2),
    Workload(
        "replaced first, and back", (apply(version=1, replicas=2, rollout=NO_SURGE),), apply(version=BAD)
    ),
)


class Run:
    """One run of a workload in a world of its own."""

    def __init__(self, workload: Workload) -> None:
        self.world = Restarting(*map(str, range(1, 10)))
        self.world.fate(BAD, Fate(failure=NAN))
        self.world.fate(STUCK, Fate(until=Stage.SCHEDULED))
        self.witness = FakeWitness(self.world.api)
        for edit in workload.before:
            edit(self.world)
            self.world.run(20)
        self._workload = workload
        self.world.cluster.requests.clear()

    def act(self) -> None:
        self._workload.act(self.world)
        self.world.run(60)

    def same_as(self, clean: "Run") -> list[str]:
        """What is otherwise than in a clean run, or wrong by itself."""
        found = difference(end_state(self.witness, SUBJECT), end_state(clean.witness, SUBJECT))
        made, wanted = (made_and_gone(run.witness.history(SUBJECT), SUBJECT) for run in (self, clean))
        found += difference(dict(made), dict(wanted), "made and gone")
        found += difference(self.world.served(), clean.world.served(), "served")
        found += [f"an orphan: {name}" for name in orphans(self.witness, SUBJECT)]
        found += broken_promises(self.witness.history(SUBJECT))
        self.world.cluster.requests.clear()
        self.world.run(60, tick=5)
        found += [f"written at rest: {request}" for request in self.world.cluster.requests]
        return found


@pytest.mark.parametrize(
    "workload",
    [*WORKLOADS, *(pytest.param(w, marks=pytest.mark.slow) for w in RARE)],
    ids=lambda w: w.name,
)
def test_every_write_of(workload: Workload) -> None:
    clean = Run(workload)
    clean.act()
    written = writes(clean)
    # Of a deletion the operator writes nothing: garbage collection takes the children.
    assert bool(written) == (workload.name != "delete"), "what is tried is what is written"
    assert clean.same_as(clean) == []
    assert_survived(workload.name, written, lambda: Run(workload), lambda run, _: run.same_as(clean))
