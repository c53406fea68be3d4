"""The schema and the parsed types say the same: names, defaults, what is required, and enumerations."""

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pintle import api
from tests.support.schemas import REPOSITORY, Schema, definitions, schema_of

SPECS: dict[str, type[BaseModel]] = {
    "ModelDeployment": api.ModelDeploymentSpec,
    "ModelRuntime": api.ModelRuntimeSpec,
    "RegistryConnection": api.RegistryConnectionSpec,
    "ClusterRegistryConnection": api.ClusterRegistryConnectionSpec,
}
SCALARS = {str: "string", int: "integer", bool: "boolean"}


def test_every_kind_is_parsed() -> None:
    assert set(definitions()) == set(SPECS)


@pytest.mark.parametrize("kind", SPECS)
def test_schema_and_parsed_type_agree(kind: str) -> None:
    spec = schema_of(definitions()[kind])["properties"]["spec"]
    assert list(_differences(f"{kind}.spec", spec, SPECS[kind])) == []


def test_a_difference_is_seen() -> None:
    """The positive control: each kind of difference, made in a copy of the schema, is found."""

    class Inner(BaseModel):
        mode: Literal["A", "B"] = "A"

    class Outer(BaseModel):
        inner: Inner = Inner()
        count: int = 1
        name: str

    def schema(**changes: Schema) -> Schema:
        properties: Schema = {
            "inner": {
                "type": "object",
                "properties": {"mode": {"type": "string", "enum": ["A", "B"], "default": "A"}},
            },
            "count": {"type": "integer", "default": 1},
            "name": {"type": "string"},
        }
        return {"type": "object", "required": ["name"], "properties": properties | changes}

    assert list(_differences("x", schema(), Outer)) == []
    changed = [
        schema(more={"type": "string"}),
        schema(count={"type": "integer", "default": 2}),
        schema(count={"type": "integer"}),
        schema(count={"type": "string", "default": 1}),
        schema(inner={"type": "object", "properties": {}}),
        schema(inner={"type": "object", "properties": {"mode": {"type": "string", "enum": ["A"]}}}),
        schema() | {"required": []},
    ]
    assert [len(list(_differences("x", change, Outer))) > 0 for change in changed] == [True] * len(changed)


def _differences(path: str, schema: Schema, model: type[BaseModel]) -> list[str]:
    properties = schema["properties"]
    parsed = {field.alias or name: field for name, field in model.model_fields.items()}
    found = [f"{path}.{name} is not parsed" for name in properties.keys() - parsed.keys()]
    found += [f"{path}.{name} is not in the schema" for name in parsed.keys() - properties.keys()]
    for name in sorted(properties.keys() & parsed.keys()):
        here, field = f"{path}.{name}", parsed[name]
        if field.is_required() != (name in schema.get("required", ())):
            found.append(f"{here} is required by one of the two only")
        if not field.is_required() and not _same_default(properties[name], field):
            found.append(f"{here}: the defaults differ, {properties[name].get('default')!r} in the schema")
        found += _type_differences(here, properties[name], field.annotation)
    return found


def _same_default(schema: Schema, field: FieldInfo) -> bool:
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        written = schema.get("default", {})
        return default == type(default)() and default == type(default).model_validate(written)
    if "default" in schema:
        return bool(schema["default"] == default and type(schema["default"]) is type(default))
    return default in (None, (), {})


def _type_differences(path: str, schema: Schema, annotation: Any) -> list[str]:  # noqa: ANN401 -- a type form
    annotation = _without_none(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return (
            []
            if list(arguments) == schema.get("enum")
            else [f"{path}: {arguments} is not {schema.get('enum')}"]
        )
    if origin is tuple:
        return (
            _type_differences(f"{path}[]", schema["items"], arguments[0])
            if schema["type"] == "array"
            else [path]
        )
    if origin is Mapping:
        return _type_differences(f"{path}{{}}", schema["additionalProperties"], arguments[1])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _differences(path, schema, annotation)
    if schema.get("x-kubernetes-int-or-string"):
        return [] if annotation is str else [f"{path}: {annotation} is not an integer or text"]
    return (
        [] if SCALARS.get(annotation) == schema["type"] else [f"{path}: {annotation} is not {schema['type']}"]
    )


def _without_none(annotation: Any) -> Any:  # noqa: ANN401 -- a type form
    if get_origin(annotation) is Annotated:
        return _without_none(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        (annotation,) = (one for one in get_args(annotation) if one is not type(None))
        return _without_none(annotation)
    return annotation


def test_the_full_example_is_full_and_keeps_every_value() -> None:
    """Each field of each kind stands in the example once, and parsing loses none of them."""
    example = REPOSITORY / "docs/reference/examples/full.yaml"
    for body in yaml.safe_load_all(example.read_text()):
        spec = schema_of(definitions()[body["kind"]])["properties"]["spec"]
        assert _missing(spec, body["spec"]) == []
        parsed = SPECS[body["kind"]].model_validate(body["spec"])
        assert _as_text(parsed.model_dump(mode="json", by_alias=True, exclude_unset=True)) == _as_text(
            body["spec"]
        )


def _missing(schema: Schema, value: Any, path: str = "spec") -> list[str]:  # noqa: ANN401 -- JSON
    """Fields of the schema that no part of the value has."""
    values = value if isinstance(value, list) else [value]
    found = []
    for name, child in schema.get("items", schema).get("properties", {}).items():
        present = [one[name] for one in values if name in one]
        if not present:
            found.append(f"{path}.{name}")
            continue
        merged = [part for one in present for part in (one if isinstance(one, list) else [one])]
        found += _missing(child, merged, f"{path}.{name}")
    return found


def _as_text(value: Any) -> Any:  # noqa: ANN401 -- JSON
    """The value with quantities as text, as parsing has them."""
    if isinstance(value, dict):
        return {key: _as_text(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_as_text(member) for member in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
