"""What the kinds have in common: the frozen base, and the small values that recur in their specs."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel


def _text(value: object) -> object:
    """Give an integer as the text that it was written as; YAML reads ``version: 3`` as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


IntOrString = Annotated[str, BeforeValidator(_text)]
"""A value that users write as ``3`` or ``"3"``, a resource quantity among them; always text here."""

StringMap = Mapping[str, str]


class Value(BaseModel):
    """A frozen value that reads and writes camelCase."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class ObjectRef(Value):
    """The name of an object in the same namespace."""

    name: str


class Resources(Value):
    """What the ``serve`` container asks for and is limited to: resource name -> quantity as written."""

    requests: Mapping[str, IntOrString] = Field(default_factory=dict)
    limits: Mapping[str, IntOrString] = Field(default_factory=dict)


class Metadata(Value):
    """Labels and annotations that are added to a child, beside those of Pintle's own."""

    labels: StringMap = Field(default_factory=dict)
    annotations: StringMap = Field(default_factory=dict)


class Object(Value):
    """An object of a kind of ours: the members of ``metadata`` that Pintle reads, lifted to the top."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    deletion_timestamp: str | None = None
    labels: StringMap = Field(default_factory=dict)
    annotations: StringMap = Field(default_factory=dict)
    status: Mapping[str, Any] = Field(default_factory=dict)  # as stored; may be of an older release


def flat(body: Mapping[str, Any]) -> dict[str, Any]:
    """Lift ``metadata`` of an object as the API server gives it to the top, as `Object` has it."""
    return {**body.get("metadata", {}), "spec": body.get("spec", {}), "status": body.get("status") or {}}
