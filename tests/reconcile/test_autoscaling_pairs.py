"""Autoscaling turned on, and off again, in every state that there is."""

import pytest

from pintle.domain.resources import AUTOSCALERS
from tests.reconcile.test_pairs import STATES
from tests.support.pairs import cluster, silent
from tests.support.world import NAME, NAMESPACE

SCALING = {"minReplicas": 1, "maxReplicas": 4}
# With 0 pods nothing could be proven, or served: now there is one at the least.
AT_ZERO = {"ScaledToZero": "1", "Serving at zero": "2"}


@pytest.mark.parametrize("state", STATES)
def test_on_and_off(state: str) -> None:
    world = STATES[state]()
    before, replicas = cluster(world), world.replicas()
    world.controllers.autoscaler.load = max(replicas.values(), default=0)
    world.apply(autoscaling=SCALING)
    world.run(30)
    if state in AT_ZERO:
        assert (world.serving, world.replicas()[AT_ZERO[state]]) == (AT_ZERO[state], 1)
        assert world.condition()["reason"] == "Serving"
    else:
        assert {k: v for k, v in cluster(world).items() if k != "conditions"} == {
            k: v for k, v in before.items() if k != "conditions"
        }
    serves = world.replicas().get(world.serving, 0)
    scaled = world.api.find(AUTOSCALERS, NAMESPACE, NAME)
    assert (scaled is not None) is bool(world.serving), "there is one for what serves, and for that only"
    silent(world)
    world.apply(autoscaling=None)
    world.run(30)
    assert world.api.find(AUTOSCALERS, NAMESPACE, NAME) is None
    assert world.replicas().get(world.serving, 0) >= serves, "no pod less"
    silent(world)
