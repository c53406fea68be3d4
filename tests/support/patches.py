"""Label selectors, merge patches and JSON patches, as the API server applies them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import jsonpatch
import orjson

from pintle import errors

T = TypeVar("T")

_SELECTOR = re.compile(r"([^=!,\s]+)\s*(==|=|!=)\s*([^,\s]*)|([^,\s]+)")


def copied(value: T) -> T:
    """A JSON value as it comes over the wire: a copy, ten times as fast as a deep one."""
    copy: T = orjson.loads(orjson.dumps(value))
    return copy


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    """Tell whether labels meet a selector of `key`, `key=value` and `key!=value` terms."""
    for key, operator, value, exists in _SELECTOR.findall(selector):
        if exists and exists not in labels:
            return False
        if key and (labels.get(key) == value) is (operator == "!="):
            return False
    return True


def merge(target: Any, patch: Any) -> Any:  # noqa: ANN401 - any JSON value
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copied(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def json_patch(obj: dict[str, Any], operations: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """RFC 6902. One that cannot be applied is a Conflict, as `ports.Cluster` has it."""
    try:
        patched: dict[str, Any] = jsonpatch.apply_patch(obj, operations)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise errors.Conflict(str(error), status=422) from error
    return patched
