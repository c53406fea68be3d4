"""JSON as the API server wants it, and its answers as the errors that the rest of the operator knows."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson

from pintle import errors

# All that the API server says of a JSON patch that cannot be applied: a `test` that fails, or a path
# that is not there. No reason or detail tells this 422 from that of a refused object.
_CANNOT_APPLY = "the server rejected our request due to an error in our request"

# What Go's encoding/json escapes in strings; outside of strings JSON has none of these.
_GO_ESCAPES = (
    (b"<", rb"\u003c"),
    (b">", rb"\u003e"),
    (b"&", rb"\u0026"),
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
)

_BY_STATUS: Mapping[int, type[errors.ClusterError]] = {
    HTTPStatus.BAD_REQUEST: errors.Invalid,
    HTTPStatus.FORBIDDEN: errors.Forbidden,
    HTTPStatus.NOT_FOUND: errors.NotFound,
    HTTPStatus.METHOD_NOT_ALLOWED: errors.Invalid,
    HTTPStatus.CONFLICT: errors.Conflict,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: errors.Invalid,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: errors.Invalid,
    HTTPStatus.UNPROCESSABLE_ENTITY: errors.Invalid,
}


class Gone(errors.ClusterError):
    """410: a list's continue token is too old. Stays inside the adapter, which lists anew."""


def encode(body: object) -> bytes:
    """Give JSON text as Go would write it: compact, keys in order, with `<`, `>` and `&` escaped in strings.

    The API server keeps `ControllerRevision.data` as the bytes that it was given, writes it anew in Go's
    way with any later patch, and compares: had it come otherwise, later patches, of an annotation too,
    would be refused as a change of that data ("field is immutable"). A merge patch keeps the order of
    keys; a strategic one, by which the garbage collector leaves orphans behind, does not.
    """
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    for character, escape in _GO_ESCAPES:
        text = text.replace(character, escape)
    return text


def parse(status: int, headers: Mapping[str, str], content: bytes, *, what: str) -> dict[str, Any]:
    """Give the object that an answer holds.

    Args:
        status: HTTP status.
        headers: of the answer; names in any case.
        content: the body.
        what: names the request in an error.

    Raises:
        errors.ClusterError: the request was refused, or the answer is no JSON object.
    """
    body = _object(content)
    if status < HTTPStatus.BAD_REQUEST:
        if body is None:
            raise errors.Unavailable(f"{what}: the answer ({status}) is no JSON object", status=status)
        return body
    raise _refusal(status, headers, body or {}, what)


def _refusal(
    status: int, headers: Mapping[str, str], body: Mapping[str, Any], what: str
) -> errors.ClusterError:
    message = f"{what}: {body.get('message') or f'HTTP {status}'}"
    if status == HTTPStatus.CONFLICT and body.get("reason") == "AlreadyExists":
        return errors.AlreadyExists(message, status=status)
    if status == HTTPStatus.UNPROCESSABLE_ENTITY and _is_precondition(body):
        return errors.Conflict(message, status=status)
    if status == HTTPStatus.GONE:
        return Gone(message, status=status)
    if status in _BY_STATUS:
        return _BY_STATUS[status](message, status=status)
    # 429, 5xx, and 401: a token that is being rotated is read again with the next attempt.
    return errors.Unavailable(message, status=status, after=_retry_after(headers, body))


def _is_precondition(body: Mapping[str, Any]) -> bool:
    """Tell whether a 422 means that the object is not the one that was meant, as a 409 does."""
    causes = (body.get("details") or {}).get("causes") or []
    return body.get("message") == _CANNOT_APPLY or any(c.get("field") == "metadata.uid" for c in causes)


def _retry_after(headers: Mapping[str, str], body: Mapping[str, Any]) -> float | None:
    """Seconds that the server asks to wait; None if it does not say."""
    said = headers.get("Retry-After") or (body.get("details") or {}).get("retryAfterSeconds")
    try:
        return max(0.0, float(said)) if said is not None else None
    except ValueError:
        return None  # an HTTP date, which API servers do not send


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None
