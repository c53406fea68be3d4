"""`diff`: what differs between two records, and which two are meant."""

from collections.abc import Sequence

import pytest

from kubectl_pintle import difference
from kubectl_pintle.commands.diff import pair, subject
from kubectl_pintle.records import NoSuchRevision, find
from tests.unit.plugin.captured import state


def test_two_versions() -> None:
    shown = state("standby")
    one, two = shown.record("1"), shown.record("2")
    found = {(c.section, c.path): (c.before, c.after) for c in difference.changes(one, two)}
    assert found["identity", "version"] == ("1", "2")
    assert {"runId", "source", "createdTime"} <= {path for section, path in found if section == "identity"}
    assert found["proven", "contentDigest"][0] == one.cleared["contentDigest"]
    assert {section for section, _ in found} == {"identity", "proven"}, (
        "the names of revisions are no difference"
    )


def test_two_shapes_of_one_version() -> None:
    shown = state("reshaped")
    new, old = [r for r in shown.records if r.version == "2"]
    found = {(c.section, c.path): (c.before, c.after) for c in difference.changes(old, new)}
    assert found["declared", "resources.requests.cpu"] == (None, "20m")
    in_pods = {path for section, path in found if section == "pod template"}
    assert "spec.containers[serve].resources.requests.cpu" in in_pods
    assert not [path for section, path in found if section == "identity"]
    lines = difference.lines(old, new)
    assert lines[0] == f"{old.name} (iris version 2) -> {new.name} (iris version 2)"
    assert "  resources.requests.cpu   (none) -> 20m" in lines


def test_what_has_proven_nothing_yet_does_not_differ_in_that() -> None:
    shown = state("failing")
    found = difference.changes(shown.record("2"), shown.record("4"))
    assert {c.section for c in found} == {"identity"}


def test_no_difference() -> None:
    record = state("standby").record("1")
    assert difference.lines(record, record)[-1] == "no difference"
    assert difference.data(record, record)["changes"] == []


@pytest.mark.parametrize(
    ("wanted", "version"), [("1", "1"), ("v2", "2"), ("version/4", "4"), ("NAME", "1"), ("HASH", "1")]
)
def test_a_revision_is_found_by(wanted: str, version: str) -> None:
    shown = state("proof-failed")
    first = shown.record("1")
    names = {"NAME": first.name, "HASH": first.hash}
    assert find(shown.records, names.get(wanted, wanted)) is shown.record(version)


def test_one_that_is_not_there_is_answered_by_those_that_are() -> None:
    shown = state("standby")
    with pytest.raises(NoSuchRevision, match=rf"no revision 9 .* 2 \({shown.record('2').hash}\), 1 \("):
        find(shown.records, "9")


@pytest.mark.parametrize(
    ("name", "wanted", "versions"),
    [
        ("standby", (), ("1", "2")),
        ("proving", (), ("1", "2")),
        ("failing", (), ("2", "4")),
        ("standby", ("1",), ("2", "1")),
        ("standby", ("1", "2"), ("1", "2")),
        ("rejected", (), ("2", "1")),
    ],
)
def test_which_two_are_meant(name: str, wanted: Sequence[str], versions: tuple[str, str]) -> None:
    shown = state(name)
    one, two = pair(shown.deployment, shown.records, wanted)
    assert (one.version, two.version) == versions


def test_nothing_to_compare_with() -> None:
    shown = state("proving")
    with pytest.raises(NoSuchRevision, match="nothing else has served"):
        pair(shown.without("candidate"), [shown.record("1")], ())
    with pytest.raises(NoSuchRevision, match="nothing serves"):
        pair(shown.without("serving"), shown.records, ("1",))


@pytest.mark.parametrize(
    ("arguments", "name", "revisions"),
    [
        (["iris"], "iris", []),
        (["iris", "1", "2"], "iris", ["1", "2"]),
        (["iris-v1-0a1b2c3d", "iris-v2-0a1b2c3d"], "iris", ["iris-v1-0a1b2c3d", "iris-v2-0a1b2c3d"]),
        (["iris-v1"], "iris-v1", []),
    ],
)
def test_whose_revisions(arguments: list[str], name: str, revisions: list[str]) -> None:
    assert subject(arguments) == (name, revisions)
