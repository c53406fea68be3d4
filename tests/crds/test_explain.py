"""`kubectl explain` has words for every field, the default among them."""

import pytest

from tests.support.cluster import Kubectl
from tests.support.rest import Json
from tests.support.schemas import definitions, fields, schema_of

pytestmark = pytest.mark.usefixtures("crds")


def _described() -> list[tuple[str, Json]]:
    return [
        (f"{kind}.{field.path}", field.schema)
        for kind, crd in definitions().items()
        for field in fields(schema_of(crd))
        if not field.path.startswith("metadata")  # the API server explains metadata itself
    ]


@pytest.mark.parametrize(("path", "schema"), _described(), ids=[path for path, _ in _described()])
def test_every_field_is_described_with_its_default(path: str, schema: Json) -> None:
    description = schema.get("description", "")
    assert len(description.split()) >= 2, path
    assert description.endswith("."), path
    default = schema.get("default")
    if default is not None and not isinstance(default, dict):
        written = str(default).lower() if isinstance(default, bool) else default
        assert f"Default {written}." in description


@pytest.mark.parametrize("kind", definitions())
def test_kubectl_explains_every_field(kubectl: Kubectl, kind: str) -> None:
    crd = definitions()[kind]
    plural = crd["spec"]["names"]["plural"]
    listed = _explained_paths(kubectl("explain", plural, "--recursive"))
    assert {field.path for field in fields(schema_of(crd)) if not field.path.startswith("metadata")} <= listed


def _explained_paths(text: str) -> set[str]:
    """The paths in the tree that `kubectl explain --recursive` prints, two blanks for each level."""
    paths: set[str] = set()
    above: list[str] = []
    for line in text.partition("FIELDS:")[2].splitlines():
        name, tab, _ = line.partition("\t<")
        if tab:
            depth = (len(name) - len(name.lstrip())) // 2 - 1
            above = [*above[:depth], name.strip()]
            paths.add(".".join(above))
    return paths


def test_kubectl_explains_one_field_in_its_words(kubectl: Kubectl) -> None:
    explained = " ".join(kubectl("explain", "mdep.spec.rollout.proof").split())
    assert "The proof: before a pod becomes ready it answers the inputs" in explained
    assert "enum: Auto, Required, Skip" in explained
