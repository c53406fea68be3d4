"""Writes ``api.md`` from the schemas in ``crds/``: ``python docs/reference/generate.py``.

A test compares the file with what this gives, so that neither drifts.
"""  # noqa: INP001 -- a program of one file, in no package

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]

HERE = Path(__file__).resolve().parent
CRDS = HERE.parents[1] / "crds"
KINDS = ("modeldeployments", "registryconnections", "clusterregistryconnections", "modelruntimes")
HEADER = """\
# Fields

The kinds of `pintle.dev/v1alpha1`, written from the schemas in [`crds/`](../../crds) by
`python docs/reference/generate.py`. `kubectl explain mdep.spec` says the same. [`examples/`](examples) shows
every field in use.

What breaks a rule is refused when it is applied, with the field and what to write instead. A field that is
not here is refused by `kubectl apply`, and dropped where a client turns that check off.
"""


def reference() -> str:
    """The text of ``api.md``."""
    sections = [_kind(yaml.safe_load((CRDS / f"{plural}.yaml").read_text())) for plural in KINDS]
    return "\n".join([HEADER, *sections])


def _kind(crd: Schema) -> str:
    names = crd["spec"]["names"]
    (version,) = crd["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    short = "".join(f", short name `{name}`" for name in names.get("shortNames", ()))
    scope = "in a namespace" if crd["spec"]["scope"] == "Namespaced" else "cluster-scoped"
    parts = [
        f"## {names['kind']}",
        "",
        f"{schema['description']} ({scope[0].upper()}{scope[1:]}{short}.)",
        "",
    ]
    parts += [f"Name: {rule['message']}." for rule in schema.get("x-kubernetes-validations", ())]
    for part in ("spec", "status"):
        if part in schema["properties"]:
            parts += ["", f"### {names['kind']} {part}", "", *_table(schema["properties"][part])]
    return "\n".join(parts) + "\n"


def _table(schema: Schema) -> Iterator[str]:
    yield schema["description"]
    yield from (f"Rule: {rule['message']}." for rule in schema.get("x-kubernetes-validations", ()))
    yield ""
    yield "| field | type | meaning |"
    yield "|---|---|---|"
    for path, field, required in _fields(schema):
        meaning = [field["description"], *_limits(field)]
        if required:
            meaning.insert(0, "Required.")
        yield f"| `{path}` | {_type(field)} | {' '.join(meaning).replace('|', chr(92) + '|')} |"


def _fields(schema: Schema, prefix: str = "") -> Iterator[tuple[str, Schema, bool]]:
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield path, field, name in schema.get("required", ())
        is_list = field.get("type") == "array"
        yield from _fields(field["items"] if is_list else field, f"{path}[]." if is_list else f"{path}.")


def _type(field: Schema) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if field["type"] == "array":
        return f"list of {_type(field['items'])}s"
    if "additionalProperties" in field:
        quantities = field["additionalProperties"].get("x-kubernetes-int-or-string")
        return "map of quantities" if quantities else "map of strings"
    return "time" if field.get("format") == "date-time" else str(field["type"])


def _limits(field: Schema) -> Iterator[str]:
    if "enum" in field:
        yield f"One of {', '.join(f'`{value}`' for value in field['enum'])}."
    if "minimum" in field and "maximum" in field:
        yield f"{field['minimum']} to {field['maximum']}."
    for key, things in (("maxItems", "items"), ("maxProperties", "entries")):
        if key in field:
            yield f"At most {field[key]} {things}."


if __name__ == "__main__":
    (HERE / "api.md").write_text(reference())
