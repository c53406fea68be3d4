"""Chains of random edits: after each, the deployment is as one that was made with that spec.

Hypothesis writes the chains, and shortens one that breaks this to the edits that matter.
"""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pintle.domain.resources import MODEL_DEPLOYMENTS
from pintle.naming import ANNOTATION_REJECT
from tests.support.fake_cluster import Fault, Verb
from tests.support.fake_pods import Failure, Fate
from tests.support.fresh import SETTLED, Fresh
from tests.support.watchman import Watchman
from tests.support.world import NAME, NAMESPACE, World

VERSIONS = ("1", "2", "3", "4", "5")
NAN, TAMPERED, ABSENT = "4", "5", "9"
FRESH = Fresh(
    VERSIONS,
    {
        NAN: Fate(failure=Failure("serve", 15, "ProofFailed", "prediction[0] is NaN")),
        TAMPERED: Fate(failure=Failure("fetch", 12, "UnsafeArtifact", "../../etc/passwd")),
    },
)


def edit(**spec: object) -> Callable[[World], None]:
    return lambda world: world.apply(**spec)


def reject(value: str | None) -> Callable[[World], None]:
    return lambda world: world.annotate(**{ANNOTATION_REJECT: value})


def recreate(world: World) -> None:
    body = world.body
    world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, NAME)
    world.apply(**body["spec"])
    reject((body["metadata"].get("annotations") or {}).get(ANNOTATION_REJECT))(world)


def killed(verb: Verb, resource: str) -> Callable[[World], None]:
    """The operator ends at the next such write, once that is done."""

    def act(world: World) -> None:
        world.cluster.faults = [Fault(verb, resource, error=asyncio.CancelledError(), committed=True)]

    return act


def an_hour(world: World) -> None:
    world.run(3700, tick=10)


EDITS: dict[str, Callable[[World], None]] = {
    **{f"version {v}": edit(version=v) for v in (*VERSIONS, ABSENT)},
    **{f"{n} replicas": edit(replicas=n) for n in (0, 1, 2, 5)},
    **{f"cpu {cpu}": edit(resources={"requests": {"cpu": cpu}}) for cpu in ("100m", "200m")},
    "env": edit(env=[{"name": "A", "value": "1"}]),
    "no env": edit(env=[]),
    **{f"token {token}": edit(rolloutToken=token) for token in ("a", "b")},
    "suspend": edit(suspend=True),
    "resume": edit(suspend=False),
    **{f"reject {v}": reject(f"version/{v}") for v in ("1", "2", "3")},
    "reject nothing": reject(None),
    "delete and recreate": recreate,
    "restart": World.start_operator,
    "killed at the next switch": killed("patch", "services"),
    "killed at the next mark": killed("patch", "controllerrevisions"),
    "killed at the next change of replicas": killed("patch", "deployments"),
    "an hour": an_hour,
    "wipe status": World.wipe_status,
}
CHAINS = st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=12)


def _chain(names: list[str]) -> None:
    world = FRESH.world()
    watchman = Watchman(world)
    world.apply(version=1, replicas=2)
    world.run(SETTLED)
    for number, name in enumerate(names):
        EDITS[name](world)
        world.run(SETTLED)
        if world.operator.killed:
            world.start_operator()
            world.run(SETTLED)
        differences = FRESH.differences(world)
        assert not differences, f"after {names[: number + 1]}"
        assert not watchman.wrong, f"after {names[: number + 1]}"


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(CHAINS)
def test_each_state_is_that_of_a_fresh_start(names: list[str]) -> None:
    _chain(names)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(CHAINS)
def test_each_state_is_that_of_a_fresh_start_in_many_chains(names: list[str]) -> None:
    _chain(names)
