"""What an answer of MLflow means: what was asked for, or an error with a Reason.

What the server says in an error is judged by its status and error code and never repeated in a
message: see `ports.Registry`.
"""

from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from pintle.adapters.registry_http import Answer, Conversation
from pintle.adapters.registry_shapes import ErrorAnswer
from pintle.conditions import Reason
from pintle.errors import Retryable, Terminal, Unauthorized

_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 401, 403, 404
# The answer's first words where a server is asked by a name that it does not go by (MLflow >= 3.5).
_HOST_REFUSED = b"Invalid Host header"


_A = TypeVar("_A", bound=BaseModel)


def code(answer: Answer) -> tuple[int, str]:
    """Status and MLflow's error code; "" where a body is not MLflow's."""
    if answer.status == _OK:
        return (_OK, "")
    try:
        return (answer.status, ErrorAnswer.model_validate(orjson.loads(answer.body)).error_code)
    except (orjson.JSONDecodeError, ValidationError):
        return (answer.status, "")


def parse(talk: Conversation, answer: Answer, shape: type[_A], *, writes: bool = False) -> _A:
    """Read an answer of 200 as what it should be; raise what any other one means. `writes`: of a write."""
    if answer.status == _UNAUTHORIZED:
        raise Unauthorized(
            Reason.REGISTRY_FORBIDDEN,
            f"{talk.where} does not accept {talk.identification} (401): "
            f"name a Secret with a username and password, or a token, in the connection's spec.secretRef",
        )
    if answer.status == _FORBIDDEN:
        raise _forbidden(talk, answer, writes=writes)
    if answer.status != _OK:
        raise Retryable(Reason.REGISTRY_UNAVAILABLE, f"{talk.where} answers {answer.status}{_hint(answer)}")
    try:
        return shape.model_validate(orjson.loads(answer.body))
    except (orjson.JSONDecodeError, ValidationError):
        # `from None`: a ValidationError quotes what it was given.
        raise strange(talk) from None


def _hint(answer: Answer) -> str:
    if answer.status == _NOT_FOUND:
        return ", not as an MLflow server does: check the path in spec.uri"
    return ""


def strange(talk: Conversation) -> Retryable:
    """Say that no MLflow server answers so."""
    return Retryable(
        Reason.REGISTRY_UNAVAILABLE,
        f"{talk.where} does not answer as an MLflow server does: check spec.uri",
    )


def _forbidden(talk: Conversation, answer: Answer, *, writes: bool) -> Terminal:
    if answer.body.startswith(_HOST_REFUSED):
        return Terminal(
            Reason.HOST_HEADER_REFUSED,
            f"{talk.where} refuses the host name {talk.authority}: "
            f"start it with `mlflow server --allowed-hosts {talk.authority}` "
            f"(the option replaces the default list: name every host that is used)",
        )
    verb, permission = ("write", "EDIT") if writes else ("read", "READ")
    return Unauthorized(
        Reason.REGISTRY_FORBIDDEN,
        f"{talk.where} does not let {talk.identification} {verb} this (403): grant {permission} in MLflow, "
        f"or name a Secret with other credentials in the connection's spec.secretRef",
    )
