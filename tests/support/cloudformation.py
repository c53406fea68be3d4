"""CloudFormation templates with their parameters filled in, as far as ours go: Ref, GetAtt, Join and Sub."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from typing_extensions import override

_NAME = re.compile(r"\$\{([\w.:]+)\}")


class _Loader(yaml.SafeLoader):
    """Reads `!Sub x` as `{Fn::Sub: x}`, as CloudFormation does."""

    @override
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if not node.tag.startswith("!"):
            return super().construct_object(node, deep=deep)
        name = node.tag.removeprefix("!")
        node.tag = {yaml.ScalarNode: "tag:yaml.org,2002:str", yaml.SequenceNode: "tag:yaml.org,2002:seq"}[
            type(node)
        ]
        return {name if name == "Ref" else f"Fn::{name}": self.construct_object(node, deep=True)}


def load(template: Path) -> Any:  # noqa: ANN401  # a template is what YAML can be
    """The template as it is written."""
    return yaml.load(template.read_text(), _Loader)  # noqa: S506  # a SafeLoader with a few tags


def filled(value: Any, names: Mapping[str, Any]) -> Any:  # noqa: ANN401  # so are its parts
    """A part of the template with each reference replaced by what `names` has for it.

    Raises:
        KeyError: something is referred to that has no value.
    """
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": str(name)}:
            return names[name]
        case {"Fn::Join": [separator, parts]}:
            return separator.join(filled(parts, names))
        case {"Fn::Sub": [str(text), dict(more)]}:
            return filled({"Fn::Sub": text}, {**names, **filled(more, names)})
        case {"Fn::Sub": str(text)}:
            return _NAME.sub(lambda found: names[found[1]], text)
        case dict():
            return {key: filled(item, names) for key, item in value.items()}
        case list():
            return [filled(item, names) for item in value]
        case _:
            return value
