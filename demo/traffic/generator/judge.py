"""What an answer is worth: ok, wrong or lost. Pure."""

import json
import math
from http import HTTPStatus
from typing import Literal

from .http1 import Answer

Outcome = Literal["ok", "wrong", "lost"]


def judge(answer: Answer, *, predicts: bool = True, finite: bool = True) -> tuple[Outcome, str]:
    """The outcome, and why it is not ok. Whether the version was to be expected is judged by the driver.

    lost: any status but 200: whoever asked has no prediction. wrong: 200, and no prediction or no number. The
    body of what does not predict (`predicts` False) is not looked at.
    """
    if answer.status != HTTPStatus.OK:
        return "lost", answer.body[:300].decode(errors="replace")
    if not predicts:
        return "ok", ""
    try:
        predictions = json.loads(answer.body)["predictions"]
    except (ValueError, KeyError, TypeError):
        return "wrong", f"no predictions in {answer.body[:300]!r}"
    if finite and _has_non_finite(predictions):
        return "wrong", answer.body[:300].decode(errors="replace")
    return "ok", ""


def _has_non_finite(value: object) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, list):
        return any(map(_has_non_finite, value))
    if isinstance(value, dict):
        return any(map(_has_non_finite, value.values()))
    return False


def version(answer: Answer, header: str) -> str:
    """Which version answered: `iris/3` is "3". Empty where the header is missing."""
    return answer.headers.get(header, "").rpartition("/")[2]
