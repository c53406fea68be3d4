"""Numbers that are none: NaN and the infinities, which Python's JSON writes and reads like numbers."""

from __future__ import annotations

import math
from typing import Any


def first_non_finite(value: Any, place: str) -> str | None:  # noqa: ANN401  # parsed JSON
    """`prediction[0].width is NaN` for the first such number below `value`, or None."""
    pending = [(value, place)]
    while pending:
        value, place = pending.pop()
        if isinstance(value, float) and not math.isfinite(value):
            return f"{place} is {_name(value)}"
        pending += reversed(_children(value, place))
    return None


def _children(value: Any, place: str) -> list[tuple[Any, str]]:  # noqa: ANN401  # parsed JSON
    if isinstance(value, list):
        return [(item, f"{place}[{number}]") for number, item in enumerate(value)]
    if isinstance(value, dict):
        return [(item, f"{place}.{name}") for name, item in value.items()]
    return []


def _name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
