"""The schemas in ``crds/``, as data."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
CRDS = REPOSITORY / "crds"

Schema = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """One field of a kind: ``path`` as `kubectl explain` writes it, without the kind."""

    path: str
    schema: Schema
    required: bool


def definitions() -> dict[str, dict[str, Any]]:
    """Kind -> its CustomResourceDefinition."""
    files = sorted(path for path in CRDS.glob("*.yaml") if path.name != "kustomization.yaml")
    loaded = [yaml.safe_load(path.read_text()) for path in files]
    return {crd["spec"]["names"]["kind"]: crd for crd in loaded}


def schema_of(crd: dict[str, Any]) -> Schema:
    """The schema of a definition's one version."""
    (version,) = crd["spec"]["versions"]
    schema: Schema = version["schema"]["openAPIV3Schema"]
    return schema


def fields(schema: Schema, prefix: str = "") -> Iterator[Field]:
    """Every field below a schema, depth first, in the order of the file."""
    for name, child in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield Field(path, child, name in schema.get("required", ()))
        yield from fields(child.get("items", child), f"{path}.")
