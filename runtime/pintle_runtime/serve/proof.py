"""The proof: the model answers its own example before it may take traffic."""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pintle_runtime.serve import agreement, finite
from pintle_runtime.termination import Reason, Refused

if TYPE_CHECKING:
    from pathlib import Path

    from pintle_runtime.revision import ProofSettings
    from pintle_runtime.serve.scoring import Answer, Scoring

EXAMPLE = "serving_input_example.json"
ROOT = "prediction"


def prove(scoring: Scoring, folder: Path, settings: ProofSettings) -> str:
    """Let the model answer its example; returns `passed`, `none` (it has no example) or `skipped`.

    Raises:
        Refused: ProofFailed, naming what is wrong with the answer and where.
    """
    if settings.mode == "Skip":
        return "skipped"
    path = folder / EXAMPLE
    if not path.is_file():
        if settings.mode == "Required":
            raise _failed(
                f"the model has no {EXAMPLE} and rollout.proof.mode is Required; "
                "log it with an input_example, or set the mode to Auto"
            )
        return "none"
    body = path.read_bytes()
    answer = _within(settings.timeout_seconds, scoring, body)
    if answer.status != HTTPStatus.OK:
        raise _failed(f"the model's example was answered with HTTP {answer.status}: {_cause(answer.body)}")
    fault = find_fault(
        json.loads(body), answer.body, scoring.model.metadata, allow_non_finite=settings.allow_non_finite
    )
    if fault is not None:
        raise _failed(fault)
    return "passed"


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


def _within(seconds: float, scoring: Scoring, body: bytes) -> Answer:
    """Answer in a thread of its own, which is left behind when it takes too long: the process ends then."""
    answers: list[Answer] = []
    thread = threading.Thread(
        target=lambda: answers.append(scoring.respond(body, "application/json")), name="proof", daemon=True
    )
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise _failed(f"the model's example was not answered within {seconds:g} s")
    if not answers:
        raise _failed("the model's code ended the thread that answered its example")
    return answers[0]


def _cause(body: bytes) -> str:
    """The end of MLflow's error: the exception itself where there is a traceback, else its message."""
    try:
        error = json.loads(body)
        lines = [line for line in str(error.get("stack_trace") or "").splitlines() if line.strip()]
        words = lines[-1] if lines else str(error["message"])
    except (ValueError, KeyError, AttributeError):
        words = body.decode(errors="replace")
    return " ".join(words.split())[:500]


def _failed(message: str) -> Refused:
    return Refused(Reason.PROOF_FAILED, message)
