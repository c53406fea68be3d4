"""Whether an answer agrees with the outputs that the model's signature promises.

Works on JSON: the parsed `predictions`, and the signature's outputs as MLflow writes them
(`mlflow.types.Schema.to_dict()`). Places are named as in `prediction[0].width`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Json = Any
ROOT = "prediction"
# Flavors whose predict gives one answer for each row. A model of one's own may answer with a forecast of any
# length, or with a sum over the rows: there, only no answer at all is a fault.
PER_ROW = frozenset(
    {"mlflow.sklearn", "mlflow.xgboost", "mlflow.lightgbm", "mlflow.catboost", "mlflow.h2o", "mlflow.spark"}
)

_SCALARS: Mapping[str, Callable[[Json], bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "long": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "double": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "binary": lambda value: isinstance(value, str),
    "datetime": lambda value: isinstance(value, str),
}
# NumPy's kinds of number; text, times and objects are not looked into.
_TENSORS = {"f": "double", "i": "long", "u": "long", "b": "boolean"}


class Fault(Exception):
    """What is wrong, and where."""


def rows_to_answer(example: Json, flavors: Mapping[str, Any]) -> tuple[int, bool] | None:
    """The rows of the example's input, and whether the answer must have just as many; None when unknown."""
    if not isinstance(example, dict):
        return None
    split = example.get("dataframe_split")
    rows = split.get("data") if isinstance(split, dict) else None
    for key in ("dataframe_records", "inputs", "instances"):
        rows = example.get(key) if rows is None else rows
    if isinstance(rows, dict):
        rows = next(iter(rows.values()), None)
    if not isinstance(rows, list):
        return None
    loader = flavors.get("python_function", {}).get("loader_module")
    return len(rows), loader in PER_ROW


def find_fault(
    predictions: Json,
    outputs: Sequence[Mapping[str, Any]],
    *,
    rows: tuple[int, bool] | None,
    allow_null: bool,
) -> str | None:
    """The first disagreement in words, or None."""
    try:
        _check_rows(predictions, rows)
        if any(spec.get("type") == "tensor" for spec in outputs):
            _check_tensors(predictions, outputs)
        else:
            _check_columns(predictions, outputs, allow_null=allow_null)
    except Fault as fault:
        return str(fault)
    return None


def _check_rows(predictions: Json, rows: tuple[int, bool] | None) -> None:
    if rows is None or not isinstance(predictions, list):
        return
    wanted, exactly = rows
    if (exactly and len(predictions) != wanted) or (wanted and not predictions):
        raise Fault(f"{ROOT} has {len(predictions)} rows for an example of {wanted}")


def _check_columns(predictions: Json, specs: Sequence[Mapping[str, Any]], *, allow_null: bool) -> None:
    named = all("name" in spec for spec in specs)
    if isinstance(predictions, dict) and named:
        _check_record(predictions, specs, ROOT, allow_null=allow_null)
        return
    rows = predictions if isinstance(predictions, list) else [predictions]
    for number, row in enumerate(rows):
        place = f"{ROOT}[{number}]" if isinstance(predictions, list) else ROOT
        if named and (isinstance(row, dict) or len(specs) > 1):
            _check_record(row, specs, place, allow_null=allow_null)
        elif len(specs) > 1:
            _check_unnamed(row, specs, place, allow_null=allow_null)
        else:
            # One column: a bare value, or the record of one field that a Series or a DataFrame becomes.
            bare = next(iter(row.values())) if _is_field(row, specs[0]) else row
            _check_value(bare, specs[0], place, allow_null=allow_null)


def _is_field(row: Json, spec: Mapping[str, Any]) -> bool:
    return isinstance(row, dict) and len(row) == 1 and spec.get("type") not in {"object", "map", "any"}


def _check_record(row: Json, specs: Sequence[Mapping[str, Any]], place: str, *, allow_null: bool) -> None:
    if not isinstance(row, dict):
        raise Fault(f"{place} is {_words(row)}; the signature says an object with {_names(specs)}")
    known = {str(spec["name"]): spec for spec in specs}
    for name in row:
        if name not in known:
            raise Fault(f"{place} has the column {name!r}; the signature says {_names(specs)}")
    for name, spec in known.items():
        if name in row:
            _check_value(row[name], spec, f"{place}.{name}", allow_null=allow_null)
        elif spec.get("required", True):
            raise Fault(f"{place} lacks the column {name!r} of the signature")


def _check_unnamed(row: Json, specs: Sequence[Mapping[str, Any]], place: str, *, allow_null: bool) -> None:
    values = list(row.values()) if isinstance(row, dict) else row
    if not isinstance(values, list) or len(values) != len(specs):
        raise Fault(f"{place} is {_words(row)}; the signature says {len(specs)} columns")
    for number, (value, spec) in enumerate(zip(values, specs, strict=True)):
        _check_value(value, spec, f"{place}[{number}]", allow_null=allow_null)


def _check_value(value: Json, spec: Mapping[str, Any], place: str, *, allow_null: bool) -> None:
    kind = spec.get("type")
    if value is None:
        if spec.get("required", True) and not allow_null and kind != "any":
            raise Fault(f"{place} is null; the signature says {kind}, and required")
        return
    if kind == "array":
        _expect(isinstance(value, list), value, kind, place)
        for number, item in enumerate(value):
            _check_value(item, spec.get("items", {}), f"{place}[{number}]", allow_null=allow_null)
    elif kind == "object":
        properties = [{"name": name, **inner} for name, inner in spec.get("properties", {}).items()]
        _check_record(value, properties, place, allow_null=allow_null)
    elif kind == "map":
        _expect(isinstance(value, dict), value, kind, place)
        for name, item in value.items():
            _check_value(item, spec.get("values", {}), f"{place}.{name}", allow_null=allow_null)
    elif isinstance(kind, str) and kind in _SCALARS:
        _expect(_SCALARS[kind](value), value, kind, place)


def _check_tensors(predictions: Json, specs: Sequence[Mapping[str, Any]]) -> None:
    if len(specs) == 1 and "name" not in specs[0]:
        _check_tensor(predictions, specs[0]["tensor-spec"], ROOT)
        return
    if not isinstance(predictions, dict):
        raise Fault(f"{ROOT} is {_words(predictions)}; the signature says {_names(specs)}")
    for spec in specs:
        if spec["name"] not in predictions:
            raise Fault(f"{ROOT} lacks {spec['name']!r} of the signature")
        _check_tensor(predictions[spec["name"]], spec["tensor-spec"], f"{ROOT}.{spec['name']}")


def _check_tensor(value: Json, spec: Mapping[str, Any], place: str) -> None:
    wanted = list(spec["shape"])
    if isinstance(value, list):  # a DataFrame's records are rows too
        value = [_row(item, bare=len(wanted) == 1) for item in value]
    shape = _shape(value, place)
    if len(shape) != len(wanted) or any(
        want not in {-1, have} for want, have in zip(wanted, shape, strict=True)
    ):
        raise Fault(f"{place} has the shape {_dimensions(shape)}; the signature says {_dimensions(wanted)}")
    kind = _TENSORS.get(_kind(str(spec["dtype"])))
    if kind is not None:
        _check_leaves(value, kind, place)


def _row(item: Json, *, bare: bool) -> Json:
    if not isinstance(item, dict):
        return item
    values = list(item.values())
    return values[0] if bare and len(values) == 1 else values


def _shape(value: Json, place: str) -> list[int]:
    if not isinstance(value, list):
        return []
    shapes = [_shape(item, f"{place}[{number}]") for number, item in enumerate(value)]
    for number, shape in enumerate(shapes):
        if shape != shapes[0]:
            first = _dimensions(shapes[0])
            raise Fault(f"{place}[{number}] has the shape {_dimensions(shape)}, and {place}[0] {first}")
    return [len(value), *(shapes[0] if shapes else [])]


def _check_leaves(value: Json, kind: str, place: str) -> None:
    if isinstance(value, list):
        for number, item in enumerate(value):
            _check_leaves(item, kind, f"{place}[{number}]")
    else:
        _expect(_SCALARS[kind](value), value, kind, place)


def _kind(dtype: str) -> str:
    """NumPy's one-letter kind of a dtype's name, without importing NumPy."""
    for prefix, kind in (("float", "f"), ("int", "i"), ("uint", "u"), ("bool", "b")):
        if dtype.startswith(prefix):
            return kind
    return "O"


def _expect(agrees: bool, value: Json, kind: str, place: str) -> None:
    if not agrees:
        raise Fault(f"{place} is {_words(value)}; the signature says {kind}")


def _names(specs: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(repr(str(spec.get("name", ""))) for spec in specs)


def _dimensions(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))})"


def _words(value: Json) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with {', '.join(map(repr, list(value)[:5]))}" if value else "an empty object"
    return (
        {bool: "the boolean", int: "the integer", float: "the number", str: "the text"}.get(type(value), "")
        + f" {value!r}"[:80]
        if value is not None
        else "null"
    )
