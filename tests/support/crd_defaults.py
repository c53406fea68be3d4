"""Structural defaulting as the API server does it, from the schemas in `crds/` and `tests/data/crds/`."""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_ROOT = Path(__file__).parents[2]
_FOLDERS = (_ROOT / "crds", _ROOT / "tests/data/crds")


@cache
def _schema(plural: str) -> Mapping[str, Any]:
    (path,) = (folder / f"{plural}.yaml" for folder in _FOLDERS if (folder / f"{plural}.yaml").exists())
    crd = yaml.safe_load(path.read_text(encoding="utf-8"))
    schema: Mapping[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def apply_crd_defaults(plural: str, obj: dict[str, Any]) -> None:
    """Fill in what the schema of a custom resource says is the default, in place."""
    _fill(_schema(plural), obj)


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
