"""Golden cases as they stand in a ConfigMap: what is recorded, and why something is not."""

import json
from typing import Any

import pytest

from pintle import cases
from pintle.api import Cases, CasesConfigMapRef
from pintle.errors import ClusterError, Forbidden, NotFound, Unavailable
from tests.support.builders import deployment

REF = Cases(config_map_ref=CasesConfigMapRef(name="iris-cases"))
CASE: dict[str, Any] = {"request": {"inputs": [1]}, "expect": {"equals": [0]}}
NAMED = "key cases.json of ConfigMap iris-cases, which spec.rollout.proof.cases names: "


def read(*golden: object) -> dict[str, Any]:
    return {"data": {"cases.json": json.dumps(golden)}}


GOOD: dict[str, dict[str, Any]] = {
    "equals": CASE,
    "equals null": CASE | {"expect": {"equals": None}},
    "within": CASE | {"expect": {"within": [0.5], "tolerance": 0}},
    "everything": {
        "name": "setosa, the smallest",
        "request": {"dataframe_split": {"columns": ["b", "a"], "data": [[1, 2]]}},
        "expect": {"within": {"p": 0.5, "species": "setosa"}, "tolerance": 0.1},
        "maxLatencyMilliseconds": 250,
    },
}


@pytest.mark.parametrize("case", GOOD.values(), ids=GOOD)
def test_what_is_recorded_is_the_text(case: dict[str, Any]) -> None:
    text = " " + json.dumps([case] * 32)
    found = cases.found(deployment(), REF, {"data": {"cases.json": text, "other": "no cases"}})
    assert (found.text, found.problem) == (text, "")


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no JSON": ({"data": {"cases.json": "[\n{]"}}, "this is no JSON (line 2, column 2)"),
    "NaN": ({"data": {"cases.json": "[NaN]"}}, "this is no JSON (line 1, column 2)"),
    "no list": (
        {"data": {"cases.json": "{}"}},
        'write a JSON list of cases: [{"request": ..., "expect": ...}]',
    ),
    "empty": (read(), "there are 0 cases: write 1 to 32"),
    "33": (read(*[CASE] * 33), "there are 33 cases: write 1 to 32"),
    "too long": (
        {"data": {"cases.json": json.dumps([CASE | {"name": "ü"}]) + " " * 262_144}},
        "262219 bytes of cases are more than the 262144 that are recorded: leave some out",
    ),
    "text": (read(CASE, "setosa"), "case 2 is no object: write request and expect"),
    "no request": (
        read(CASE, CASE | {"request": None}),
        "case 2 has no request: write the JSON object that a client would send to /invocations",
    ),
    "no expectation": (
        read({"request": {}}),
        'case 1 expects nothing: write {"equals": ...} or {"within": ..., "tolerance": ...} as expect',
    ),
    "both": (
        read(CASE | {"expect": {"equals": 1, "within": 1, "tolerance": 1}}),
        'case 1 expects nothing: write {"equals": ...} or {"within": ..., "tolerance": ...} as expect',
    ),
    "no tolerance": (
        read(CASE | {"expect": {"within": 1}}),
        "case 1 has no tolerance: write beside within by how much a number may be off, such as 0.1",
    ),
    "negative tolerance": (
        read(CASE | {"expect": {"within": 1, "tolerance": -1}}),
        "case 1 has no tolerance: write beside within by how much a number may be off, such as 0.1",
    ),
    "tolerance of equals": (
        read(CASE | {"expect": {"equals": 1, "tolerance": 1}}),
        "case 1 has a tolerance, which goes with within: an answer is equal or it is not",
    ),
    "misspelt": (
        read(CASE | {"maxLatencyMillisecond": 5}),
        (
            "case 1 has the unknown member maxLatencyMillisecond: "
            "write name, request, expect, maxLatencyMilliseconds"
        ),
    ),
    "misspelt expectation": (
        read(CASE | {"expect": {"equals": 1, "tolerence": 1}}),
        "case 1 has the unknown member tolerence in expect: write equals, within, tolerance",
    ),
    "no time": (
        read(CASE | {"maxLatencyMilliseconds": 0}),
        "case 1 has a maxLatencyMilliseconds that is no whole number from 1 to 3600000",
    ),
    "half a millisecond": (
        read(CASE | {"maxLatencyMilliseconds": 0.5}),
        "case 1 has a maxLatencyMilliseconds that is no whole number from 1 to 3600000",
    ),
    "long name": (
        read(CASE | {"name": "x" * 64}),
        "case 1 has a name that is no text of at most 63 characters",
    ),
}


@pytest.mark.parametrize(("config", "words"), BAD.values(), ids=BAD)
def test_what_is_no_list_of_cases_is_not_recorded(config: dict[str, Any], words: str) -> None:
    found = cases.found(deployment(), REF, config)
    assert (found.text, found.reason, found.problem) == ("", "InvalidSpec", NAMED + words)


@pytest.mark.parametrize(
    ("config", "reason", "words"),
    [
        (
            NotFound("not found"),
            "InvalidSpec",
            (
                "there is no ConfigMap iris-cases in namespace ml, which spec.rollout.proof.cases names: "
                "kubectl -n ml create configmap iris-cases --from-file=cases.json"
            ),
        ),
        (
            {"data": {"cases": "[]"}},
            "InvalidSpec",
            (
                "ConfigMap iris-cases in namespace ml has no key cases.json, which spec.rollout.proof.cases "
                "names; cases.json is to hold a JSON list of cases"
            ),
        ),
        (
            {"binaryData": {"cases.json": "W10="}},
            "InvalidSpec",
            "ConfigMap iris-cases in namespace ml has no key",
        ),
        (Forbidden("no"), "Resolving", "cannot look at ConfigMap iris-cases: no"),
        (Unavailable("timeout"), "Resolving", "cannot look at ConfigMap iris-cases: timeout"),
    ],
)
def test_what_cannot_be_read(config: dict[str, Any] | ClusterError, reason: str, words: str) -> None:
    found = cases.found(deployment(), REF, config)
    assert (found.text, found.reason) == ("", reason)
    assert found.problem.startswith(words)


def test_nothing_of_the_content_is_told() -> None:
    """Who may make a ModelDeployment need not be allowed to read every ConfigMap."""
    found = cases.found(deployment(), REF, {"data": {"cases.json": "password: hunter2"}})
    assert "hunter2" not in found.problem
    assert found.text == ""
