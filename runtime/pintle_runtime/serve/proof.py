"""The proof: the model answers golden cases and its own example before it may take traffic."""

from __future__ import annotations

import json
import threading
import time
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pintle_runtime.serve import agreement, cases, finite
from pintle_runtime.termination import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pintle_runtime.revision import ProofSettings
    from pintle_runtime.serve.cases import Case
    from pintle_runtime.serve.scoring import Answer, Scoring

EXAMPLE = "serving_input_example.json"
ROOT = "prediction"


def prove(scoring: Scoring, folder: Path, settings: ProofSettings, golden: Sequence[Case] = ()) -> str:
    """Let the model answer its test inputs; returns `passed`, `none` (there are none) or `skipped`.

    Golden cases come first, and stand in for the example of a model that was logged without one.

    Raises:
        Refused: ProofFailed, naming what is wrong with the answer and where.
    """
    if settings.mode == "Skip":
        return "skipped"
    for case in golden:
        found = cases.find_fault(case, partial(_within, settings.timeout_seconds, scoring, case.label))
        if found is not None:
            raise _failed(found)
    path = folder / EXAMPLE
    if path.is_file():
        _prove_example(scoring, path.read_bytes(), settings)
    elif not golden:
        if settings.mode == "Required":
            raise _failed(
                f"the model has no {EXAMPLE} and rollout.proof.mode is Required; "
                "log it with an input_example, declare rollout.proof.cases, or set the mode to Auto"
            )
        return "none"
    return "passed"


def _prove_example(scoring: Scoring, body: bytes, settings: ProofSettings) -> None:
    answer, _ = _within(settings.timeout_seconds, scoring, "the model's example", body)
    if answer.status != HTTPStatus.OK:
        raise _failed(f"the model's example was answered with HTTP {answer.status}: {answer.cause()}")
    fault = find_fault(
        json.loads(body), answer.body, scoring.model.metadata, allow_non_finite=settings.allow_non_finite
    )
    if fault is not None:
        raise _failed(fault)


def find_fault(example: Any, answer: bytes, metadata: Any, *, allow_non_finite: bool) -> str | None:  # noqa: ANN401  # JSON, and MLflow's untyped Model
    """What is wrong with an answer of HTTP 200, or None."""
    try:
        parsed = json.loads(answer)
    except ValueError as error:
        return f"the answer is not JSON: {error}"
    predictions, named = (
        (parsed["predictions"], True)
        if isinstance(parsed, dict) and "predictions" in parsed
        else (parsed, False)
    )
    if not allow_non_finite and (place := finite.first_non_finite(predictions, ROOT)) is not None:
        return place
    outputs = metadata.get_output_schema()
    if not named or outputs is None:
        return None  # a chat-like answer, or a model that promises nothing about its outputs
    return agreement.find_fault(
        predictions,
        outputs.to_dict(),
        rows=agreement.rows_to_answer(example, metadata.flavors),
        allow_null=allow_non_finite,
    )


def _within(seconds: float, scoring: Scoring, what: str, body: bytes) -> tuple[Answer, float]:
    """Answer in a thread of its own, which is left behind when it takes too long: the process ends then.

    Returns the answer and the seconds that it took.
    """
    answers: list[tuple[Answer, float]] = []

    def respond() -> None:
        began = time.perf_counter()
        answer = scoring.respond(body, "application/json")
        answers.append((answer, time.perf_counter() - began))

    thread = threading.Thread(target=respond, name="proof", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise _failed(f"{what} was not answered within {seconds:g} s")
    if not answers:
        raise _failed(f"the model's code ended the thread that answered {what}")
    return answers[0]


def _failed(message: str) -> Refused:
    return Refused(Reason.PROOF_FAILED, message)
