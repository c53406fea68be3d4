"""Golden cases (`rollout.proof.cases`): requests that the right answers are declared for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pintle_runtime.serve import expectation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pintle_runtime.serve.scoring import Answer

# A first answer may load what all later ones have; what counts is what clients will see.
ATTEMPTS = 3


@dataclass(frozen=True)
class Case:
    label: str
    """`case 3 ("setosa")`, counted from 1, as people count."""
    request: bytes
    expected: Any
    tolerance: float | None
    """How far a number may be off; None where the answer has to be equal."""
    max_latency_milliseconds: int | None


def read(path: Path, digest: str | None) -> tuple[Case, ...]:
    """The cases beside `revision.json`; none where the record has none, which is a `digest` of None.

    Raises:
        ValueError: the file is not what was recorded. It is put back, and then this is started again.
        OSError: it cannot be read.
    """
    if digest is None:
        return ()
    text = path.read_bytes()
    found = "sha256:" + hashlib.sha256(text).hexdigest()
    if found != digest:
        raise ValueError(f"{path.name} has the digest {found}, the record says {digest}")
    return tuple(_case(number, case) for number, case in enumerate(json.loads(text), 1))


def find_fault(case: Case, ask: Callable[[bytes], tuple[Answer, float]]) -> str | None:
    """What is wrong with the model's answer, naming the case, or None. `ask` tells its seconds too."""
    answer, seconds = ask(case.request)
    if answer.status != HTTPStatus.OK:
        return f"{case.label} was answered with HTTP {answer.status}: {answer.cause()}"
    try:
        parsed = json.loads(answer.body)
    except ValueError as error:
        return f"{case.label}: the answer is not JSON: {error}"
    got = parsed["predictions"] if isinstance(parsed, dict) and "predictions" in parsed else parsed
    if (difference := expectation.find_difference(case.expected, got, case.tolerance)) is not None:
        return f"{case.label}: {difference}"
    allowed = case.max_latency_milliseconds
    if allowed is None:
        return None
    for _ in range(ATTEMPTS - 1):
        if seconds * 1000 <= allowed:
            break
        seconds = min(seconds, ask(case.request)[1])
    if seconds * 1000 <= allowed:
        return None
    took = f"{seconds * 1000:.1f} ms at the best of {ATTEMPTS} times"
    return f"{case.label}: answered in {took}, maxLatencyMilliseconds is {allowed}"


def _case(number: int, case: Any) -> Case:  # noqa: ANN401  # parsed JSON
    expect = case["expect"]
    name = f" ({json.dumps(case['name'], ensure_ascii=False)})" if case.get("name") else ""
    return Case(
        label=f"case {number}{name}",
        # The order of its members stays as it was written: it is that of a table's columns.
        request=json.dumps(case["request"]).encode(),
        expected=expect["within"] if "within" in expect else expect["equals"],
        tolerance=float(expect["tolerance"]) if "within" in expect else None,
        max_latency_milliseconds=case.get("maxLatencyMilliseconds"),
    )
