"""Chains of random edits in the world in memory: what `tests/e2e/test_edit_chain.py` does for real."""

from typing import Any

import pytest

from pintle.domain.resources import CONTROLLER_REVISIONS
from tests.support.edit_chains import Chain, Revision
from tests.support.fake_pods import Failure, Fate
from tests.support.world import NAMESPACE, World

EDITS = 40


def _world(chain: Chain) -> World:
    world = World(*chain.good, *chain.broken)
    for version, reason in chain.broken.items():
        code = {"ProofFailed": 15, "LoadFailed": 14}[reason]
        world.fate(version, Fate(failure=Failure("serve", code, reason, "it is broken")))
    world.apply(**chain.first.spec)
    world.run(10)
    return world


def _serving(world: World) -> Revision:
    name = world.status["serving"]["revision"]
    shape: dict[str, Any] = world.api.get(CONTROLLER_REVISIONS, NAMESPACE, name)["data"]["shape"]
    labels = shape.get("podMetadata", {}).get("labels", {})
    return Revision(world.serving, labels.get("shape"), shape.get("rolloutToken"))


@pytest.mark.parametrize("seed", range(4))
def test_chain(seed: int) -> None:
    chain = Chain(good=("1", "2"), broken={"3": "ProofFailed", "4": "LoadFailed"}, absent="99", seed=seed)
    world = _world(chain)
    serving = _serving(world)
    served = frozenset({serving.version})
    for number, wanted in enumerate(chain.edits(EDITS)):
        outcome = chain.outcome(wanted, serving, served)
        world.apply(**wanted.spec)
        world.annotate(**{k.replace("/", "__"): v for k, v in wanted.annotations.items()})
        world.run(60)
        where = f"seed {seed}, edit {number}: {wanted}, while {serving} served"
        assert world.condition()["reason"] == outcome.reason, where
        now = _serving(world)
        if outcome.serving is None:
            assert now.version != outcome.not_version, where
        else:
            assert now in outcome.serving, where
        assert world.ready_pods(now.version) >= 1, where
        serving, served = now, served | {now.version}
