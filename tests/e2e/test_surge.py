"""`rollout.surge: None` on real pods: one version at a time, and the old one again after a rejection."""

import time

import pytest

from pintle.domain.resources import PODS
from pintle.naming import LABEL_VERSION
from tests.e2e.conftest import Figure
from tests.support.deployed import START_SECONDS, Deployed, condition
from tests.support.rig import BOOSTED, LINEAR, NAN, Rig
from tests.support.waiting import until
from tests.support.watching import Watch, watching


def together(watch: Watch) -> set[frozenset[str]]:
    """Versions whose pods were there at the same time, from when they were made until they were gone."""
    there: dict[str, str] = {}
    found = set()
    for change in watch.so_far():
        metadata = change.object["metadata"]
        if change.type == "DELETED":
            there.pop(metadata["uid"], None)
        else:
            there[metadata["uid"]] = metadata["labels"][LABEL_VERSION]
        found.add(frozenset(there.values()))
    return {versions for versions in found if len(versions) > 1}


@pytest.mark.slow
def test_surge_none(rig: Rig, namespace: str, figure: Figure) -> None:
    iris = Deployed(rig.kube, namespace)
    iris.serve(LINEAR, rollout={"surge": "None"})
    with watching(rig.api_client, PODS, namespace) as pods:
        began = time.monotonic()
        iris.edit(version=int(BOOSTED))
        iris.refused("Replacing", within=30)

        def stopped() -> bool:
            return bool(condition(iris.body(), "Available")["reason"] == "Replacing")

        until(stopped, within=30, what=f"version {LINEAR} is stopped", now=iris.body)
        iris.ready(BOOSTED)
        took = time.monotonic() - began
        iris.edit(version=int(NAN))
        iris.refused("ProofFailed")
        rejected = time.monotonic()

        def served() -> bool:
            return bool(condition(iris.body(), "Available")["status"] == "True")

        until(served, within=START_SECONDS, what=f"version {BOOSTED} serves again", now=iris.body)
        back = time.monotonic() - rejected
        body = iris.body()
        assert (body["status"]["serving"]["version"], condition(body, "Ready")["reason"]) == (
            BOOSTED,
            "ProofFailed",
        )
        # After a rejection the old pods are made as the refused ones end; until then there is one at a time.
        assert together(pods) <= {frozenset({BOOSTED, NAN})}
    figure(f"replaced in {took:.1f} s; back {back:.1f} s after the rejection")
