"""Golden cases: what passes, what does not and in which words, with real models."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from pintle_runtime.revision import ProofSettings
from pintle_runtime.serve import cases, expectation, proof
from pintle_runtime.termination import Reason, Refused
from tests.unit.runtime.conftest import unwarned
from tests.unit.runtime.test_proof import refused, start

with unwarned():
    from pintle_runtime.serve import loading
    from pintle_runtime.serve.scoring import Answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.runtime.conftest import Pod

COLUMNS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)"]
SETOSA = {"dataframe_split": {"columns": COLUMNS, "data": [[5.1, 3.5, 1.4]]}}
TWO = {"dataframe_split": {"columns": COLUMNS, "data": [[5.1, 3.5, 1.4], [7.0, 3.2, 4.7]]}}
RIGHT = {"name": "setosa", "request": SETOSA, "expect": {"within": 0.2, "tolerance": 0.1}}
WRONG = {"name": "setosa", "request": SETOSA, "expect": {"within": 2, "tolerance": 0.5}}


def give(pod: Pod, *golden: object) -> str:
    """Mount cases where the operator does; their digest."""
    text = json.dumps(golden).encode()
    pod.mounts.cases.write_bytes(text)
    return "sha256:" + hashlib.sha256(text).hexdigest()


def prove(pod: Pod, model: Path, *golden: object, settings: ProofSettings = ProofSettings()) -> str:  # noqa: B008  # frozen
    known = cases.read(pod.mounts.cases, give(pod, *golden))
    with unwarned():
        return proof.prove(loading.load(model), model, settings, known)


@pytest.mark.parametrize(
    ("variant", "golden", "settings"),
    [
        ("linear", [RIGHT], ProofSettings()),
        (
            "linear",
            [RIGHT, {"request": TWO, "expect": {"within": [0.2, 1.5], "tolerance": 0.1}}],
            ProofSettings(),
        ),
        ("linear", [RIGHT | {"maxLatencyMilliseconds": 60_000}], ProofSettings()),
        ("names", [{"request": SETOSA, "expect": {"equals": "setosa"}}], ProofSettings()),
        ("names", [{"request": TWO, "expect": {"equals": ["setosa", "setosa"]}}], ProofSettings()),
        ("no-example", [RIGHT], ProofSettings()),
        ("no-example", [RIGHT], ProofSettings("Required")),
    ],
)
def test_passes(
    pod: Pod, saved: Callable[[str], Path], variant: str, golden: list[object], settings: ProofSettings
) -> None:
    assert prove(pod, saved(variant), *golden, settings=settings) == "passed"


def test_skip_asks_nothing(pod: Pod, saved: Callable[[str], Path]) -> None:
    assert prove(pod, saved("linear"), WRONG, settings=ProofSettings("Skip")) == "skipped"


@pytest.mark.parametrize(
    ("variant", "golden", "words"),
    [
        ("no-example", [RIGHT, RIGHT, WRONG], 'case 3 ("setosa"): expected 2 within 0.5, got 0.2'),
        ("linear", [RIGHT, WRONG], 'case 2 ("setosa"): expected 2 within 0.5, got 0.2'),
        ("linear", [{"request": SETOSA, "expect": {"equals": 0}}], "case 1: expected 0, got 0.2"),
        (
            "linear",
            [{"request": TWO, "expect": {"within": [0.2, 0.2], "tolerance": 0.1}}],
            "case 1: prediction[1]: expected 0.2 within 0.1, got 1.",
        ),
        ("linear", [RIGHT | {"request": TWO}], 'case 1 ("setosa"): expected 0.2 within 0.1, got [0.2'),
        ("nan", [RIGHT], 'case 1 ("setosa"): expected 0.2 within 0.1, got NaN'),
        (
            "names",
            [{"name": "virginica", "request": SETOSA, "expect": {"equals": "virginica"}}],
            'case 1 ("virginica"): expected "virginica", got "setosa"',
        ),
        ("raises", [RIGHT], "case 1 (\"setosa\") was answered with HTTP 400: KeyError: 'petal width (cm)'"),
        (
            "linear",
            [{"request": {"rows": []}, "expect": {"equals": 0}}],
            "case 1 was answered with HTTP 400: ",
        ),
        (
            "linear",
            [RIGHT | {"maxLatencyMilliseconds": 0.001}],
            'case 1 ("setosa"): answered in ',
        ),
    ],
)
def test_fails(
    pod: Pod, saved: Callable[[str], Path], variant: str, golden: list[object], words: str
) -> None:
    with pytest.raises(Refused) as caught:
        prove(pod, saved(variant), *golden)
    assert caught.value.reason is Reason.PROOF_FAILED
    assert caught.value.message.startswith(words)


def test_cases_come_before_the_example(pod: Pod, saved: Callable[[str], Path]) -> None:
    """This model's own example fails too, and the case is what is told of; a good case hides nothing."""
    with pytest.raises(Refused, match=r'^ProofFailed: case 1 \("setosa"\)'):
        prove(pod, saved("one-answer"), WRONG)
    with pytest.raises(Refused, match=r"^ProofFailed: prediction has 1 rows for an example of 3"):
        prove(pod, saved("one-answer"), RIGHT)


def test_a_case_that_is_not_answered_in_time(pod: Pod, saved: Callable[[str], Path]) -> None:
    with pytest.raises(Refused, match=r'^ProofFailed: case 1 \("setosa"\) was not answered within 0\.2 s'):
        prove(pod, saved("slow"), RIGHT, settings=ProofSettings(timeout_seconds=0.2))


@pytest.mark.parametrize(
    ("seconds", "fault"),
    [
        ([0.01], None),
        ([3.0, 0.01], None),  # the first answer may load what all later ones have
        ([3.0, 2.0, 0.02], None),
        (
            [3.0, 0.5, 2.0],
            "case 1: answered in 500.0 ms at the best of 3 times, maxLatencyMilliseconds is 20",
        ),
    ],
)
def test_how_long_an_answer_takes(pod: Pod, seconds: list[float], fault: str | None) -> None:
    golden = {"request": SETOSA, "expect": {"equals": 1}, "maxLatencyMilliseconds": 20}
    (case,) = cases.read(pod.mounts.cases, give(pod, golden))
    left = iter(seconds)

    def ask(body: bytes) -> tuple[Answer, float]:
        assert json.loads(body) == SETOSA
        return Answer(200, "application/json", b'{"predictions": [1]}'), next(left)

    assert cases.find_fault(case, ask) == fault
    assert list(left) == [], "asked as often as it had to be"


@pytest.mark.parametrize(
    ("expected", "got", "tolerance", "difference"),
    [
        (0, [0], None, None),
        (0, 0.0, None, None),
        (1, True, None, "expected 1, got true"),
        (True, 1, 0.5, "expected true, got 1"),
        (True, [True], None, None),
        (None, [None], None, None),
        (0, [None], 0.1, "expected 0 within 0.1, got null"),
        ([0], [0], None, None),
        ([0], 0, None, "expected [0], got 0"),
        ([0, 1], [0], 0.1, "expected 2 items, got 1"),
        ([1.1], [1.2], 0.1, None),
        ([1.1], [1.2001], 0.1, "prediction[0]: expected 1.1 within 0.1, got 1.2001"),
        ([[0.9, 0.1]], [[0.85, 0.15]], 0.1, None),
        ([[0.9, 0.1]], [[0.5, 0.5]], 0.1, "prediction[0][0]: expected 0.9 within 0.1, got 0.5"),
        ({"species": "setosa", "p": 0.9}, [{"p": 0.95, "species": "setosa"}], 0.1, None),
        (
            [{"species": "setosa", "p": 0.9}],
            [{"p": 0.95, "species": "virginica"}],
            0.1,
            'prediction[0].species: expected "setosa", got "virginica"',
        ),
        ({"p": 1}, {"q": 1}, None, "expected the members p, got q"),
        (0, float("inf"), 0.1, "expected 0 within 0.1, got Infinity"),
        (0.5, 10**400, 0.1, f"expected 0.5 within 0.1, got 1{'0' * 118}…"),
        ("x" * 200, "y", None, f'expected "{"x" * 118}…, got "y"'),
    ],
)
def test_differences(expected: Any, got: Any, tolerance: float | None, difference: str | None) -> None:  # noqa: ANN401  # JSON
    assert expectation.find_difference(expected, got, tolerance) == difference


def test_members_of_a_request_stay_in_their_order(pod: Pod) -> None:
    """A model without a signature takes columns as they come."""
    request = {"dataframe_records": [{"b": 1, "a": 2}]}
    (case,) = cases.read(pod.mounts.cases, give(pod, {"request": request, "expect": {"equals": 0}}))
    assert case.request == b'{"dataframe_records": [{"b": 1, "a": 2}]}'


def test_the_way_from_the_mounted_file_to_ready(pod: Pod, saved: Callable[[str], Path]) -> None:
    pod.hold(saved("no-example"))
    pod.revise(casesDigest=give(pod, RIGHT))
    assert start(pod)[1].ready
    pod.revise(casesDigest=give(pod, WRONG))
    found = refused(pod)
    assert (found.reason, found.message[:17]) == (Reason.PROOF_FAILED, 'case 1 ("setosa")')


def test_other_cases_than_were_recorded_are_no_fault_of_the_models(
    pod: Pod, saved: Callable[[str], Path]
) -> None:
    """Somebody has edited the revision's ConfigMap: it is put back, and the container starts again."""
    pod.hold(saved("no-example"))
    digest = give(pod, RIGHT)
    give(pod, WRONG)
    pod.revise(casesDigest=digest)
    with pytest.raises(ValueError, match=r"cases\.json has the digest sha256:"):
        start(pod)
    pod.mounts.cases.unlink()
    with pytest.raises(FileNotFoundError):
        start(pod)
    pod.revise()
    assert start(pod)[1].ready, "the control: no cases are recorded"
