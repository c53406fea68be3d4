"""Answering one prediction request: MLflow's own scoring, behind one function."""

# mypy: disable-error-code="no-untyped-call"
# MLflow's functions have no types.

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel, scoring_server

from pintle_runtime import log

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    status: int
    media_type: str
    body: bytes

    def cause(self) -> str:
        """The end of MLflow's error: the exception itself where there is a traceback, else its message."""
        try:
            error = json.loads(self.body)
            lines = [line for line in str(error.get("stack_trace") or "").splitlines() if line.strip()]
            words = lines[-1] if lines else str(error["message"])
        except (ValueError, KeyError, AttributeError):
            words = self.body.decode(errors="replace")
        return " ".join(words.split())[:500]


class Scoring:
    """A loaded model; called from threads."""

    def __init__(self, model: PyFuncModel) -> None:
        self.model = model
        self._input_schema = model.metadata.get_input_schema()

    def respond(self, body: bytes, content_type: str) -> Answer:
        """What MLflow's server answers to `POST /invocations` with this body: the same parsing and errors.

        Where MLflow's server would say `Internal Server Error` and no more, the cause is named.
        """
        try:
            result = scoring_server.invocations(body, content_type, self.model, self._input_schema)
        except MlflowException as error:
            return Answer(error.get_http_status_code(), JSON, error.serialize_as_json().encode())
        except Exception as error:  # noqa: BLE001  # a request may not end the server
            log.error("a prediction failed outside the model", exc_info=True)
            return Answer(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                JSON,
                failure("INTERNAL_ERROR", f"{type(error).__name__}: {error}"),
            )
        return Answer(result.status, result.mimetype, result.response.encode())


def failure(code: str, message: str) -> bytes:
    """An error in the form of MLflow's own."""
    fields: dict[str, Any] = {"error_code": code, "message": message}
    return json.dumps(fields).encode()
