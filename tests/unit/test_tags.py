"""Which tags versions should have, and what follows from what they have."""

import json
from typing import Any

import pytest

from pintle import tags
from pintle.tags import Change, Noted, Tag, Wanted
from tests.support.builders import identity

IDENTITIES = {f"iris-v{version}": identity(version) for version in "1234"}
SINCE = "2026-11-25T14:05:00Z"


def said(**status: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"metadata": {"name": "iris"}, "status": status}


def serving(version: str) -> dict[str, str]:
    return {"version": version, "revision": f"iris-v{version}", "since": SINCE}


def rejected(version: str, reason: str) -> dict[str, str]:
    return {"version": version, "revision": f"iris-v{version}", "reason": reason}


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ({"metadata": {"name": "iris"}}, {}),
        (said(), {}),
        (said(serving=serving("3")), {"3": f"serving since {SINCE}"}),
        (
            said(
                serving=serving("3"),
                standby={"revision": "iris-v2"},
                candidate={"revision": "iris-v4"},
                rejected=[rejected("4", "ProofFailed"), rejected("1", "RejectedByUser")],
            ),
            {
                "3": f"serving since {SINCE}",
                "2": "standby",
                "4": "rejected: ProofFailed",
                "1": "rejected: RejectedByUser",
            },
        ),
        # Refused in one shape, and later not: what serves weighs most, then the newest refusal.
        (
            said(serving=serving("3"), rejected=[rejected("3", "ProofFailed")]),
            {"3": f"serving since {SINCE}"},
        ),
        (
            said(rejected=[rejected("3", "LoadFailed"), rejected("3", "ProofFailed")]),
            {"3": "rejected: LoadFailed"},
        ),
        (said(serving={"revision": "of-no-record"}), {}),
    ],
)
def test_what_is_wanted(body: dict[str, Any], values: dict[str, str]) -> None:
    found = tags.wanted("mlflow", [body], IDENTITIES)
    assert found == {
        Tag("iris", v, "iris"): Wanted(value, IDENTITIES[f"iris-v{v}"]) for v, value in values.items()
    }


def test_versions_of_another_registry_are_another_connections() -> None:
    elsewhere = {
        "iris-v3": identity("3", registry="ClusterRegistryConnection/mlflow"),
        "iris-v2": identity("2"),
    }
    body = said(serving=serving("3"), standby={"revision": "iris-v2"})
    assert [t.version for t in tags.wanted("mlflow", [body], elsewhere)] == ["2"]
    assert [t.version for t in tags.wanted("ClusterRegistryConnection/mlflow", [body], elsewhere)] == ["3"]


def test_deployments_do_not_share_a_tag() -> None:
    other = said(standby={"revision": "iris-v3"}) | {"metadata": {"name": "other"}}
    found = tags.wanted("mlflow", [said(serving=serving("3")), other], IDENTITIES)
    assert {t.deployment: w.value for t, w in found.items()} == {
        "iris": f"serving since {SINCE}",
        "other": "standby",
    }
    assert tags.key("prod", "ml", "iris") == "pintle.prod.ml.iris"


ONE, TWO = Tag("iris", "1", "iris"), Tag("iris", "2", "iris")
SERVING, STANDBY = Wanted("serving", identity("1")), Wanted("standby", identity("1"))


@pytest.mark.parametrize(
    ("ledger", "wanted", "changes"),
    [
        ({}, {}, ()),
        ({}, {ONE: SERVING}, (Change(ONE, SERVING),)),
        ({ONE: Noted("serving", written=True)}, {ONE: SERVING}, ()),
        ({ONE: Noted("serving", written=False)}, {ONE: SERVING}, (Change(ONE, SERVING),)),
        ({ONE: Noted("serving", written=True)}, {ONE: STANDBY}, (Change(ONE, STANDBY),)),
        ({ONE: Noted("serving", written=True)}, {}, (Change(ONE, None),)),
        # Also where it is not known whether it is there.
        ({ONE: Noted("serving", written=False)}, {}, (Change(ONE, None),)),
        ({ONE: Noted("serving", written=True)}, {TWO: SERVING}, (Change(ONE, None), Change(TWO, SERVING))),
    ],
)
def test_what_has_to_be_changed(
    ledger: tags.Ledger, wanted: dict[Tag, Wanted], changes: tuple[Change, ...]
) -> None:
    planned = tags.changes(ledger, wanted)
    assert planned == changes
    intended = tags.intend(ledger, planned)
    assert set(intended) == set(ledger) | set(wanted), "what may be there is on record before it is"
    settled = tags.settle(intended, planned)
    assert settled == {t: Noted(w.value, written=True) for t, w in wanted.items()}
    assert tags.changes(settled, wanted) == ()
    assert tags.read({"data": {"tags.json": tags.write(settled)}}) == settled


def test_what_was_not_done_is_not_settled() -> None:
    intended = tags.intend({}, [Change(ONE, SERVING), Change(TWO, STANDBY)])
    assert tags.settle(intended, [Change(ONE, SERVING)]) == {
        ONE: Noted("serving", written=True),
        TWO: Noted("standby", written=False),
    }
    assert tags.settle(intended, [Change(ONE, STANDBY)]) == intended, "another value is wanted by now"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}",
        "null",
        '["iris"]',
        '[{"model": "iris", "version": "1"}]',
        '[{"model": "iris", "version": "1", "deployment": "iris.other"}]',
        '[{"model": "iris", "version": "1", "deployment": "../x"}]',
        '[{"model": "iris", "version": "latest", "deployment": "iris"}]',
    ],
)
def test_what_somebody_wrote_into_a_ledger(text: str) -> None:
    assert tags.read({"data": {"tags.json": text}}) == {}
    assert tags.read({"data": None}) == tags.read(None) == {}
    good = {"model": "iris", "version": "1", "deployment": "iris", "value": "standby", "written": True}
    assert tags.read({"data": {"tags.json": json.dumps([good])}}) == {ONE: Noted("standby", written=True)}
