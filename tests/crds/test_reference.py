"""The reference does not drift from the schemas and from the strings that the operator writes."""

import importlib.util
import re

import yaml

from pintle import naming
from pintle.conditions import RECONCILING, REJECTIONS, STALLED, Reason, Type
from tests.support.schemas import REPOSITORY, definitions, fields, schema_of

REFERENCE = REPOSITORY / "docs/reference"


def test_the_fields_are_those_of_the_schemas() -> None:
    spec = importlib.util.spec_from_file_location("generate", REFERENCE / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert (REFERENCE / "api.md").read_text() == generate.reference(), "run python docs/reference/generate.py"


def test_every_field_has_its_line() -> None:
    text = (REFERENCE / "api.md").read_text()
    for crd in definitions().values():
        for field in fields(schema_of(crd)["properties"]["spec"]):
            last = field.path.rsplit(".", maxsplit=1)[-1]
            assert re.search(rf"^\| `([\w.\[\]]+\.)?{last}` \|", text, re.MULTILINE), field.path


def _tables(text: str) -> dict[str, set[str]]:
    """The first cell of each row, by the line of text that stands above the table."""
    tables: dict[str, set[str]] = {}
    above = ""
    for line in text.splitlines():
        if cell := re.match(r"\| `(\w+)` \|", line):
            tables.setdefault(above, set()).add(cell[1])
        elif line and not line.startswith("|"):
            above = line
    return tables


def test_every_condition_and_reason_is_explained_where_it_belongs() -> None:
    text = (REFERENCE / "conditions.md").read_text()
    tables = _tables(text)
    assert tables["## ModelDeployment"] == {kind.value for kind in Type}
    assert tables["`Ready=True` has one reason:"] == {Reason.SERVING}
    assert tables["With `Reconciling`, Pintle goes on by itself:"] == RECONCILING
    assert tables["With `Stalled`, because what is declared cannot be had:"] == STALLED - REJECTIONS
    assert tables["again:"] == REJECTIONS
    named = set(re.findall(r"`(\w+)`", text))
    assert {reason.value for reason in Reason} <= named


def test_every_label_and_annotation_is_explained() -> None:
    text = (REFERENCE / "annotations-and-labels.md").read_text()
    written = {
        value
        for name, value in vars(naming).items()
        if name.startswith(("LABEL_", "ANNOTATION_")) or name == "CREDENTIALS_TYPE"
    }
    assert {key for key in written if f"`{key}`" not in text and f"type `{key}`" not in text} == set()
    known = written | {"pintle.dev/"}
    assert {key for key in re.findall(r"`(pintle\.dev/[\w-]*)`", text) if key not in known} == set()


def test_the_glossary_is_sorted() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\*", (REFERENCE / "glossary.md").read_text(), re.MULTILINE)
    assert words == sorted(words)
    assert len(words) == len(set(words))


def test_the_examples_are_valid_yaml_of_our_kinds() -> None:
    for path in (REFERENCE / "examples").glob("*.yaml"):
        kinds = {body["kind"] for body in yaml.safe_load_all(path.read_text())}
        assert kinds <= definitions().keys()
