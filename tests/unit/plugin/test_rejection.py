"""`reject`: what is written, and what takes the traffic then."""

from dataclasses import replace

import pytest

from kubectl_pintle import rejection
from kubectl_pintle.records import Record
from kubectl_pintle.rollback import Refused
from tests.unit.plugin.captured import State, rejecting, state

STANDBY = state("standby")  # version 2 serves, version 1 stands by
FAILED = state("proof-failed")  # 4 is declared and was refused, 2 serves, 1 stands by
PROVING = state("proving")  # 2 is declared and on its way, 1 serves, nothing stands by
REJECTED = state("rejected")  # 2 is declared and rejected, 1 serves, 2 stands by


@pytest.mark.parametrize(
    ("shown", "wanted", "value", "successor"),
    [
        (STANDBY, None, "version/2", "1"),
        (STANDBY, "2", "version/2", "1"),
        (STANDBY, "v2", "version/2", "1"),
        (STANDBY, "version/2", "version/2", "1"),
        (STANDBY, STANDBY.record("2").hash, STANDBY.record("2").hash, "1"),
        (STANDBY, STANDBY.record("2").name, STANDBY.record("2").name, "1"),
        (FAILED, None, "version/2", "1"),
    ],
)
def test_what_serves(shown: State, wanted: str | None, value: str, successor: str) -> None:
    chosen = rejection.choose(shown.deployment, shown.records, wanted)
    assert (chosen.value, chosen.moves) == (value, True)
    assert chosen.successor is not None
    assert chosen.successor.version == successor


@pytest.mark.parametrize(
    ("shown", "wanted", "declared"),
    [(PROVING, "2", True), (FAILED, "4", True), (STANDBY, "1", False), (STANDBY, "9", False)],
)
def test_what_does_not_serve(shown: State, wanted: str, *, declared: bool) -> None:
    chosen = rejection.choose(shown.deployment, shown.records, wanted)
    assert (chosen.value, chosen.moves, chosen.declared) == (f"version/{wanted}", False, declared)
    assert chosen.successor is None


def test_without_a_standby_the_newest_other_version_on_record() -> None:
    chosen = rejection.choose(STANDBY.without("standby"), STANDBY.records, None)
    assert isinstance(chosen.successor, Record)
    assert chosen.successor.version == "1"


def test_only_the_shape_where_its_own_version_stands_by() -> None:
    """version/2 would take the standby out as well."""
    serving = STANDBY.deployment.serving
    assert serving is not None
    other = replace(serving, revision="iris-v2-00000000")
    chosen = rejection.choose(replace(STANDBY.deployment, standby=other), STANDBY.records, None)
    assert chosen.value == serving.hash
    assert chosen.successor == other


def test_refused() -> None:
    alone = [STANDBY.record("2")]
    with pytest.raises(Refused, match="nothing could take the place of version/2"):
        rejection.choose(STANDBY.without("standby"), alone, None)
    with pytest.raises(Refused, match=r"spec\.suspend"):
        rejection.choose(STANDBY.having(suspend=True), STANDBY.records, None)
    with pytest.raises(Refused, match="nothing serves"):
        rejection.choose(STANDBY.without("serving"), STANDBY.records, None)


def test_typed_twice_it_does_not_undo_itself() -> None:
    """After version 2 was rejected: to reject version 1 too would let version 2 in again."""
    with pytest.raises(Refused, match="version/2 is rejected already, and version 1 serves"):
        rejection.choose(REJECTED.deployment, REJECTED.records, None)
    assert rejection.choose(REJECTED.deployment, REJECTED.records, "1").value == "version/1"


def test_before_the_operator_has_seen_that_nothing_is_rejected() -> None:
    """What serves, by the status, is what took the place of what takes the traffic again."""
    cleared = replace(REJECTED.deployment, rejecting="")
    with pytest.raises(
        Refused, match="has not seen yet that nothing is rejected any more: try again, or name"
    ):
        rejection.choose(cleared, REJECTED.records, None)
    assert rejection.choose(cleared, REJECTED.records, "2").value == "version/2"


def test_what_is_rejected_now_takes_over_only_if_asked_for() -> None:
    stale = rejecting(STANDBY, "version/1")
    with pytest.raises(Refused, match="version 1, which would take the traffic, is what is rejected now"):
        rejection.choose(stale, STANDBY.records, None)
    chosen = rejection.choose(stale, STANDBY.records, "2")
    assert chosen.successor is not None
    assert chosen.successor.version == "1"


def test_a_standby_that_was_refused_takes_nothing_over() -> None:
    """As the operator has it: rejected records are passed over."""
    refused = [
        replace(r, rejected={"reason": "ProofFailed"}) if r.version == "1" else r for r in STANDBY.records
    ]
    with pytest.raises(Refused, match="nothing could take the place"):
        rejection.choose(STANDBY.deployment, refused, None)


def test_the_patch() -> None:
    annotations = {"pintle.dev/reject-revision": "version/2"}
    wanted = {"metadata": {"uid": STANDBY.deployment.uid, "annotations": annotations}}
    assert rejection.patch(STANDBY.deployment, "version/2") == wanted
    assert rejection.patch(STANDBY.deployment, None)["metadata"]["annotations"] == {
        "pintle.dev/reject-revision": None
    }


def test_whether_lifting_it_lets_something_back_in() -> None:
    assert rejection.holds_back_what_is_declared(REJECTED.deployment)
    assert not rejection.holds_back_what_is_declared(FAILED.deployment)
