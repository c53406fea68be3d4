"""Chains of random edits and mishaps in mid-canary: no share goes where it must not, and the end is reached.

Hypothesis writes the chains, and shortens one that breaks this to the edits that matter.
"""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pintle.domain.resources import HTTP_ROUTES
from pintle.naming import ANNOTATION_PROMOTE, ANNOTATION_REJECT
from tests.support.canary_world import STEPS, CanaryWorld, canary
from tests.support.fake_cluster import Fault, Verb
from tests.support.histories import NAN
from tests.support.world import NAME, NAMESPACE, World

BROKEN = "4"
Act = Callable[[CanaryWorld], object]


def edit(**spec: object) -> Act:
    return lambda world: world.apply(**spec)


def annotate(name: str, value: str | None) -> Act:
    return lambda world: world.annotate(**{name: value})


def killed(verb: Verb, resource: str) -> Act:
    """The operator ends at the next such write, once that is done."""

    def act(world: CanaryWorld) -> None:
        world.cluster.faults = [Fault(verb, resource, error=asyncio.CancelledError(), committed=True)]

    return act


def lose_the_candidates_pods(world: CanaryWorld) -> None:
    if candidate := world.status.get("candidate"):
        world.lose_pods(candidate["version"])


def delete_the_route(world: CanaryWorld) -> None:
    if world.route:
        world.api.delete(HTTP_ROUTES, NAMESPACE, NAME)


def silence(world: CanaryWorld) -> None:
    world.controllers.gateway.silent = not world.controllers.gateway.silent


def overlap(world: CanaryWorld) -> None:
    """Another process works beside the first from now on."""
    if len(world.operators) == 1:
        world.overlap()


ACTS: dict[str, Act] = {
    **{f"version {v}": edit(version=v) for v in ("1", "2", "3", BROKEN)},
    **{f"{n} replicas": edit(replicas=n) for n in (0, 1, 3)},
    "cpu": edit(resources={"requests": {"cpu": "200m"}}),
    "suspend": edit(suspend=True),
    "resume": edit(suspend=False),
    "other steps": edit(**canary({"weight": 30, "pauseSeconds": 30}, {"weight": 60, "pause": True})),
    "the steps": edit(**canary(*STEPS)),
    "switch": edit(rollout={"strategy": "Switch"}),
    "promote": lambda w: w.promote((w.status.get("candidate") or {}).get("version", "1")),
    "reject 2": annotate(ANNOTATION_REJECT, "version/2"),
    "reject nothing": annotate(ANNOTATION_REJECT, None),
    "lose its pods": lose_the_candidates_pods,
    "delete the route": delete_the_route,
    "a silent gateway, or no longer": silence,
    "restart": World.start_operator,
    "two operators": overlap,
    "wipe status": World.wipe_status,
    "killed at the next share": killed("patch", "httproutes"),
    "killed at the next switch": killed("patch", "services"),
    "a minute": lambda world: world.run(60, tick=2),
}
CHAINS = st.lists(
    st.tuples(st.sampled_from(sorted(ACTS)), st.sampled_from([0.5, 5.0, 20.0])), min_size=1, max_size=10
)


def _run(world: CanaryWorld, seconds: float) -> None:
    world.run(seconds, tick=1)
    if world.operator.killed:
        world.start_operator()
        world.run(seconds, tick=1)


def _chain(chain: list[tuple[str, float]]) -> None:
    world = CanaryWorld("1", "2", "3", BROKEN)
    world.fate(BROKEN, NAN)
    world.start()
    for name, seconds in chain:
        ACTS[name](world)
        _run(world, seconds)
        assert world.wrong == [], f"after {chain}"
    world.cluster.faults = []
    world.controllers.gateway.silent = False
    world.annotate(**{ANNOTATION_REJECT: None, ANNOTATION_PROMOTE: None})
    world.apply(version=3, replicas=2, suspend=False, **canary(*STEPS))
    _run(world, 600)
    assert world.condition()["reason"] == "Serving", world.condition()["message"]
    assert world.serving == "3"
    assert world.sends == {NAME: 100}
    assert world.entrances == []
    assert world.wrong == []
    for operator in world.operators:
        operator.cluster.requests.clear()
    world.run(60, tick=5)
    assert [request for operator in world.operators for request in operator.cluster.requests] == []


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(CHAINS)
def test_no_share_goes_astray_and_the_end_is_reached(chain: list[tuple[str, float]]) -> None:
    _chain(chain)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(CHAINS)
def test_no_share_goes_astray_in_many_chains(chain: list[tuple[str, float]]) -> None:
    _chain(chain)
