"""Whether an answer is the one that a golden case expects. Works on parsed JSON."""

from __future__ import annotations

import json
import math
from typing import Any

Json = Any
ROOT = "prediction"
# What is shown of a value that is not as expected.
SHOWN = 120


def find_difference(expected: Json, got: Json, tolerance: float | None) -> str | None:
    """The first difference in words, or None.

    With a tolerance, numbers may be off by that much at every depth, and all else must be equal; without one
    (None), numbers must be equal too. One answer needs no list around it to be expected.
    """
    if isinstance(got, list) and len(got) == 1 and not isinstance(expected, list):
        got = got[0]
    return _difference(expected, got, tolerance, ROOT)


def _difference(expected: Json, got: Json, tolerance: float | None, place: str) -> str | None:
    if isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            return _words(f"{len(expected)} items", f"{len(got)}", place)
        pairs = [(e, g, f"{place}[{n}]") for n, (e, g) in enumerate(zip(expected, got, strict=True))]
    elif isinstance(expected, dict) and isinstance(got, dict):
        if expected.keys() != got.keys():
            return _words(f"the members {_members(expected)}", _members(got), place)
        pairs = [(expected[name], got[name], f"{place}.{name}") for name in expected]
    elif _same(expected, got, tolerance):
        return None
    else:
        within = f" within {tolerance:g}" if tolerance is not None and _is_number(expected) else ""
        return _words(f"{_shown(expected)}{within}", _shown(got), place)
    return next((found for e, g, p in pairs if (found := _difference(e, g, tolerance, p))), None)


def _same(expected: Json, got: Json, tolerance: float | None) -> bool:
    if not (_is_number(expected) and _is_number(got)):
        return type(expected) is type(got) and bool(expected == got)
    if tolerance is None:
        return bool(expected == got)
    try:
        off = abs(expected - got)
    except OverflowError:  # an integer that no float can hold
        return False
    # 1.2 is within 0.1 of 1.1, though their difference as binary fractions is a little more.
    return bool(off <= tolerance or math.isclose(off, tolerance, rel_tol=1e-9))


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _words(expected: str, got: str, place: str) -> str:
    where = "" if place == ROOT else f"{place}: "
    return f"{where}expected {expected}, got {got}"


def _members(value: dict[str, Json]) -> str:
    return _cut(", ".join(value) or "none")


def _shown(value: Json) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
