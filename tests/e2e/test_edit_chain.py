"""A chain of random edits under load: good, broken, scale, shape, token, suspension, rejection.

After each, what has been made equals what a fresh start with the same spec makes, and no request is lost.
PINTLE_SEED repeats a chain.
"""

import os
import secrets
import time

import pytest

from demo.traffic import Declared
from pintle.domain.resources import CONTROLLER_REVISIONS
from tests.e2e.conftest import Figure
from tests.support import twins
from tests.support.deployed import OWNED, Deployed, condition
from tests.support.edit_chains import Chain, Outcome, Revision, Wanted
from tests.support.load import FOLLOW_SECONDS, assert_faultless, load
from tests.support.rest import Json
from tests.support.rig import BOOSTED, LINEAR, NAN, Rig, version_of
from tests.support.twins import Twins
from tests.support.waiting import until

pytestmark = pytest.mark.slow

RATE = 20.0
NAME = "edited"
BROKEN = {NAN: "ProofFailed", version_of("crash-on-load"): "LoadFailed"}


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(15, marks=pytest.mark.timeout(1200)),
        pytest.param(200, marks=pytest.mark.timeout(7200)),
    ],
)
def test_chain_of_edits(rig: Rig, figure: Figure, count: int) -> None:
    seed = int(os.environ.get("PINTLE_SEED") or secrets.randbelow(1_000_000))
    print(f"PINTLE_SEED={seed}")
    chain = Chain(good=(LINEAR, BOOSTED), broken=BROKEN, absent="99", seed=seed)
    with rig.namespace("chain") as namespace:
        edited, fresh = Deployed(rig.kube, namespace, NAME), Twins(rig.kube, namespace)
        edited.create(**{name: value for name, value in chain.first.spec.items() if value is not None})
        edited.ready(LINEAR)
        declared, began = Declared(0, {LINEAR}), time.time()
        alone = began
        serving, served = _serving(edited), {LINEAR}
        with load(edited, rate=RATE) as traffic:
            for number, wanted in enumerate(chain.edits(count)):
                outcome = chain.outcome(wanted, serving, frozenset(served))
                declared.allow(max(alone, time.time()), {*chain.good})
                _edit(edited, wanted)
                body = _await(edited, wanted, outcome, f"seed {seed}, edit {number}: {wanted}")
                alone = time.time() + FOLLOW_SECONDS
                declared.allow(alone, {body["status"]["serving"]["version"]})
                serving = _serving(edited)
                served.add(serving.version)
                _assert_as_fresh(edited, fresh, wanted, outcome, serving)
            said = assert_faultless(traffic.stop(), declared)
        took = time.time() - began
        _assert_no_orphans(edited)
    figure(
        f"seed {seed}: {count} edits in {took:.0f} s, each with the state of one of {len(fresh.made)} fresh "
        f"starts ({len(fresh.refused)} refused ones); {said}"
    )


def _edit(edited: Deployed, wanted: Wanted) -> None:
    edited.edit(**wanted.spec)
    edited.annotate(annotations=wanted.annotations)


def _await(edited: Deployed, wanted: Wanted, outcome: Outcome, where: str) -> Json:
    """Wait for the outcome of an edit, with all the pods that it asks for."""

    def done() -> Json | None:
        body = edited.body()
        status, ready = body["status"], condition(body, "Ready")
        fresh = status.get("observedGeneration") == body["metadata"]["generation"]
        if not fresh or ready["reason"] != outcome.reason:
            return None
        if outcome.serving is None:
            return body if status["serving"]["version"] != outcome.not_version else None
        enough = (
            outcome.reason != "Serving" or status["replicasReady"] == f"{wanted.replicas}/{wanted.replicas}"
        )
        return body if enough and _serving(edited) in outcome.serving else None

    return until(
        done,
        within=180,
        what=f"{where} comes to {outcome}",
        now=lambda: (edited.body()["status"].get("serving"), condition(edited.body(), "Ready")),
    )


def _serving(edited: Deployed) -> Revision:
    """What serves, as its record has it."""
    serving = edited.body()["status"]["serving"]
    record = edited.kube.get(CONTROLLER_REVISIONS, edited.namespace, serving["revision"])
    shape = record["data"]["shape"]
    labels = shape.get("podMetadata", {}).get("labels", {})
    return Revision(serving["version"], labels.get("shape"), shape.get("rolloutToken"))


def _assert_as_fresh(
    edited: Deployed, fresh: Twins, wanted: Wanted, outcome: Outcome, serving: Revision
) -> None:
    """See that what serves, and why something else cannot, is as after a fresh start."""
    expected = fresh.children(serving)
    # The budget follows the Service in a write of its own.
    until(
        lambda: twins.made(edited) == expected,
        within=15,
        what=f"what serves is as a fresh start makes it: {expected}",
        now=lambda: twins.made(edited),
    )
    if outcome.reason in BROKEN.values():
        told = fresh.refusal(wanted.revision, outcome.reason)
        assert twins.refusal(edited).startswith(told.partition(";")[0]), (twins.refusal(edited), told)


def _assert_no_orphans(edited: Deployed) -> None:
    body = edited.body()
    owners = {
        r["uid"] for kind in OWNED for c in edited.children(kind) for r in c["metadata"]["ownerReferences"]
    }
    assert owners == {body["metadata"]["uid"]}
