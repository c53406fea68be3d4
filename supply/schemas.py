"""Our kinds as JSON Schema, as strict as `--validate=strict` of kubectl: what it does not name is wrong."""

import json
from pathlib import Path
from typing import Any

import yaml

CRDS = Path(__file__).parents[1] / "crds"
# What each object has besides what its CRD says.
_COMMON = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"type": "object"},
}


def write(folder: Path) -> None:
    """One file for each version of each kind, named as kubeconform asks for them."""
    for file in sorted(CRDS.glob("*.yaml")):
        for crd in yaml.safe_load_all(file.read_text()):
            if not crd or crd.get("kind") != "CustomResourceDefinition":
                continue
            kind, group = crd["spec"]["names"]["kind"].lower(), crd["spec"]["group"].partition(".")[0]
            for version in crd["spec"]["versions"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                schema["properties"] |= _COMMON
                (folder / f"{kind}-{group}-{version['name']}.json").write_text(json.dumps(schema))


def write_core(published: Path, folder: Path) -> None:
    """Kubernetes' own as they are published, but that they refer to one another by file, not by address."""
    for file in published.glob("*.json"):
        schema = json.loads(file.read_text().replace('"/api/_definitions.json#', '"_definitions.json#'))
        schema.pop("$id", None)
        (folder / file.name).write_text(json.dumps(schema))


def strict(schema: Any) -> Any:  # noqa: ANN401 - a schema is what JSON can be
    """The same, with each object closed that names its fields and is not open on purpose."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    closed = "properties" in made and isinstance(made["properties"], dict) and made.get("type") == "object"
    if closed and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    if made.pop("x-kubernetes-int-or-string", False):
        made["type"] = ["integer", "string"]
    return made
