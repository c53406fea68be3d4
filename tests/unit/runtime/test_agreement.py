"""Answers against the signature that MLflow infers for other answers: real signatures, real JSON."""

# the tables are read by their columns
# ruff: noqa: E501  # the tables are read by their columns
# mypy: disable-error-code="import-untyped, no-untyped-call"

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pintle_runtime.serve import agreement, finite
from tests.unit.runtime.conftest import unwarned

with unwarned():
    from mlflow.models import infer_signature
    from mlflow.pyfunc.scoring_server import predictions_to_json
    from mlflow.types import Schema
    from mlflow.types.schema import AnyType, ColSpec, Map, TensorSpec

Json = Any
Output = Any  # whatever a model's predict may return


def as_json(output: Output) -> Json:
    """What MLflow's server would say, parsed."""
    text = StringIO()
    predictions_to_json(output, text)
    return json.loads(text.getvalue())["predictions"]


def fault(
    promised: Output, given: Output, *, rows: tuple[int, bool] | None = None, allow_null: bool = False
) -> str | None:
    with unwarned():
        outputs = promised if isinstance(promised, Schema) else infer_signature([1], promised).outputs
    return agreement.find_fault(as_json(given), outputs.to_dict(), rows=rows, allow_null=allow_null)


FRAME = pd.DataFrame({"width": [0.1, 0.2], "name": ["a", "b"]})
TIMES = pd.DataFrame({"at": pd.to_datetime(["2020-01-01", "2021-01-01"])})

AGREE: dict[str, tuple[Output, Output]] = {
    "an array": (np.zeros(3), np.ones(5)),
    "an array of rows": (np.zeros((3, 2)), np.ones((5, 2))),
    "integers": (np.array([1, 2]), np.array([3])),
    "booleans": (np.array([True]), np.array([False, True])),
    "labels in an array": (np.array(["a", "b"]), np.array(["setosa"])),
    "labels in a list": (["a", "b"], ["setosa"]),
    "numbers in a list": ([0.1], [1, 2.5]),
    "a frame": (FRAME, FRAME.head(1)),
    "a frame of numbered columns": (pd.DataFrame([[1.0, 2.0]]), pd.DataFrame([[3.0, 4.0]])),
    "a series": (pd.Series([1.0]), pd.Series([2.0])),
    "a named series": (pd.Series([1.0], name="y"), pd.Series([2.0], name="y")),
    "a series where an array was": (np.array([1.0]), pd.Series([2.0])),
    "a frame where rows were": (np.zeros((1, 2)), pd.DataFrame([[3.0, 4.0]])),
    "times": (TIMES, TIMES.head(1)),
    "named arrays": ({"a": np.zeros(2), "b": np.zeros((2, 3))}, {"a": np.ones(1), "b": np.ones((1, 3))}),
    "objects": ([{"a": 1, "b": [1.0]}], [{"a": 2, "b": []}]),
    "an optional field left out": ([{"a": 1}, {"a": 1, "b": 2}], [{"a": 2}]),
    "lists": ([[1, 2], [3]], [[], [4]]),
    "one text": ("a", "b"),
    "one object": ({"a": "x", "b": [1]}, {"a": "y", "b": []}),
    "nested objects": ([{"o": {"k": 1}}], [{"o": {"k": 2}}]),
    "a map": (Schema([ColSpec(Map("long"), "m")]), [{"m": {"x": 1, "y": 2}}]),
    "anything": (Schema([ColSpec(AnyType(), "a")]), [{"a": None}]),
    "two columns without names": (Schema([ColSpec("long"), ColSpec("string")]), [[1, "a"], [2, "b"]]),
    "float32": (Schema([TensorSpec(np.dtype("float32"), (-1, 1))]), np.zeros((2, 1), dtype="float32")),
    "unsigned": (Schema([TensorSpec(np.dtype("uint8"), (-1,))]), np.zeros(2, dtype="uint8")),
}


@pytest.mark.parametrize(("promised", "given"), AGREE.values(), ids=AGREE)
def test_agree(promised: Output, given: Output) -> None:
    assert fault(promised, given) is None


DISAGREE: dict[str, tuple[Output, Output, str]] = {
    "more columns": (np.zeros(3), np.zeros((3, 2)), "prediction has the shape (3, 2); the signature says (-1)"),
    "fewer columns": (np.zeros((3, 2)), np.zeros((3, 1)), "prediction has the shape (3, 1); the signature says (-1, 2)"),
    "one number": (np.zeros(3), 1.0, "prediction has the shape (); the signature says (-1)"),
    "ragged rows": (np.zeros((2, 2)), [[1.0, 2.0], [3.0]], "prediction[1] has the shape (1), and prediction[0] (2)"),
    "text for numbers": (np.zeros(2), ["a", "b"], "prediction[0] is the text 'a'; the signature says double"),
    "numbers for integers": (np.array([1]), np.array([1.5]), "prediction[0] is the number 1.5; the signature says long"),
    "booleans for numbers": (np.zeros(1), np.array([True]), "prediction[0] is the boolean True; the signature says double"),
    "integers for booleans": (np.array([True]), np.array([1]), "prediction[0] is the integer 1; the signature says boolean"),
    "null for a number": (np.zeros(1), [None], "prediction[0] is null; the signature says double"),
    "text for numbers in a list": ([0.1], ["a"], "prediction[0] is the text 'a'; the signature says double"),
    "numbers for labels": (["a"], [1.5], "prediction[0] is the number 1.5; the signature says string"),
    "a column missing": (FRAME, FRAME[["name"]], "prediction[0] lacks the column 'width' of the signature"),
    "a column too many": (FRAME, FRAME.assign(x=1), "prediction[0] has the column 'x'; the signature says 'width', 'name'"),
    "a column of another type": (FRAME, FRAME.assign(width="wide"), "prediction[0].width is the text 'wide'; the signature says double"),
    "a null in a frame": (
        FRAME,
        pd.DataFrame({"width": [0.1, 0.2], "name": ["a", None]}).astype(object),
        "prediction[1].name is ",
    ),
    "bare values for a frame": (FRAME, [1.0], "prediction[0] is the number 1.0; the signature says an object with 'width', 'name'"),
    "objects for bare values": ([0.1], [{"a": 1, "b": 2}], "prediction[0] is an object with 'a', 'b'; the signature says double"),
    "an array missing": ({"a": np.zeros(2), "b": np.zeros(2)}, {"a": np.zeros(2)}, "prediction lacks 'b' of the signature"),
    "an array of another shape": ({"a": np.zeros(2)}, {"a": np.zeros((2, 2))}, "prediction.a has the shape (2, 2); the signature says (-1)"),
    "a list for named arrays": ({"a": np.zeros(2)}, np.zeros(2), "prediction is a list of 2; the signature says 'a'"),
    "no list for an array": ([[1, 2]], [1], "prediction[0] is the integer 1; the signature says array"),
    "deep inside": ([{"o": {"k": [1]}}], [{"o": {"k": ["x"]}}], "prediction[0].o.k[0] is the text 'x'; the signature says long"),
    "in a map": (Schema([ColSpec(Map("long"), "m")]), [{"m": {"x": "1"}}], "prediction[0].m.x is the text '1'; the signature says long"),
    "columns without names": (Schema([ColSpec("long"), ColSpec("string")]), [[1]], "prediction[0] is a list of 1; the signature says 2 columns"),
    "one of the columns without names": (
        Schema([ColSpec("long"), ColSpec("string")]), [[1, 2]], "prediction[0][1] is the integer 2; the signature says string",
    ),
    "nothing at all": ([0.1], None, "prediction is null; the signature says double"),
}  # fmt: skip


@pytest.mark.parametrize(("promised", "given", "words"), DISAGREE.values(), ids=DISAGREE)
def test_disagree(promised: Output, given: Output, words: str) -> None:
    found = fault(promised, given)
    assert found is not None
    assert found.startswith(words)


def test_nulls_may_be_allowed() -> None:
    assert fault([0.1], [None], allow_null=True) is None
    assert fault(FRAME, [{"width": None, "name": "a"}], allow_null=True) is None


@pytest.mark.parametrize(
    ("given", "rows", "words"),
    [
        (np.zeros(3), (3, True), None),
        (np.zeros(1), (3, True), "prediction has 1 rows for an example of 3"),
        (np.zeros(4), (3, True), "prediction has 4 rows for an example of 3"),
        (np.zeros(7), (3, False), None),
        (np.zeros(0), (3, False), "prediction has 0 rows for an example of 3"),
        (np.zeros(0), (0, True), None),
        (np.zeros(7), None, None),
    ],
)
def test_rows(given: Output, rows: tuple[int, bool] | None, words: str | None) -> None:
    assert fault(np.zeros(3), given, rows=rows) == words


SKLEARN = {"python_function": {"loader_module": "mlflow.sklearn"}}


@pytest.mark.parametrize(
    ("example", "flavors", "rows"),
    [
        ({"dataframe_split": {"columns": ["a"], "data": [[1], [2]]}}, SKLEARN, (2, True)),
        ({"dataframe_split": {"columns": ["a"], "data": []}}, SKLEARN, (0, True)),
        ({"dataframe_records": [{"a": 1}]}, SKLEARN, (1, True)),
        (
            {"inputs": [[1, 2], [3, 4], [5, 6]]},
            {"python_function": {"loader_module": "mlflow.pyfunc.model"}},
            (3, False),
        ),
        ({"inputs": {"a": [1, 2], "b": [3, 4]}, "params": {"x": [1]}}, {}, (2, False)),
        ({"instances": [1]}, {}, (1, False)),
        ({"inputs": 5}, {}, None),
        ({"messages": [{"role": "user"}]}, {}, None),
        ([1, 2], {}, None),
    ],
)
def test_rows_of_an_example(example: Json, flavors: dict[str, Any], rows: tuple[int, bool] | None) -> None:
    assert agreement.rows_to_answer(example, flavors) == rows


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ('[1.0, 2, true, null, "NaN", {"a": [0.5]}]', None),
        ("[NaN]", "prediction[0] is NaN"),
        ("[1.0, Infinity, NaN]", "prediction[1] is Infinity"),
        ("[1.0, -Infinity]", "prediction[1] is -Infinity"),
        ("[1e999]", "prediction[0] is Infinity"),
        ("NaN", "prediction is NaN"),
        ("[[1, 2], [3, NaN]]", "prediction[1][1] is NaN"),
        ('[{"width": 1.0}, {"width": NaN}]', "prediction[1].width is NaN"),
        ('{"a": {"b": [0, NaN]}}', "prediction.a.b[1] is NaN"),
        ("[" * 500 + "NaN" + "]" * 500, "prediction" + "[0]" * 500 + " is NaN"),
    ],
)  # fmt: skip
def test_the_first_number_that_is_none(answer: str, place: str | None) -> None:
    assert finite.first_non_finite(json.loads(answer), "prediction") == place
