"""Structural defaulting as the API server does it, from the schemas in `crds/`."""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_CRDS = Path(__file__).parents[2] / "crds"


@cache
def _schema(plural: str) -> Mapping[str, Any] | None:
    path = _CRDS / f"{plural}.yaml"
    if not path.exists():
        return None
    crd = yaml.safe_load(path.read_text(encoding="utf-8"))
    schema: Mapping[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def apply_crd_defaults(plural: str, obj: dict[str, Any]) -> None:
    """Fill in what the schema of one of Pintle's kinds says is the default, in place."""
    schema = _schema(plural)
    if schema:
        _fill(schema, obj)


def _fill(schema: Mapping[str, Any], value: Any) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        for name, member in schema.get("properties", {}).items():
            if name not in value and "default" in member:
                value[name] = deepcopy(member["default"])
            if name in value:
                _fill(member, value[name])
        additional = schema.get("additionalProperties")
        if isinstance(additional, dict):
            for name in value.keys() - schema.get("properties", {}).keys():
                _fill(additional, value[name])
    elif isinstance(value, list):
        for item in value:
            _fill(schema.get("items", {}), item)
