"""`diff`: what differs between two records."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kubectl_pintle.names import LABEL_VERSION, Json
from kubectl_pintle.records import Record
from kubectl_pintle.text import table

_NONE = "(none)"
_PROVEN = ("contentDigest", "environmentDigest", "proof")


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs; None where a side does not have it."""

    section: str
    path: str
    before: Any
    after: Any


def changes(one: Record, other: Record) -> tuple[Change, ...]:
    """All fields that differ, by section. The names of the two revisions are no difference."""
    mine, theirs = _sections(one), _sections(other)
    found = []
    for section, content in mine.items():
        before, after = dict(_flat(content)), dict(_flat(theirs[section]))
        if section == "proven" and not (before and after):
            continue  # one of them has proven nothing yet: there is nothing to compare
        paths = [*before, *(path for path in after if path not in before)]
        found += [
            Change(section, path, before.get(path), after.get(path))
            for path in paths
            if before.get(path) != after.get(path)
        ]
    return tuple(found)


def _sections(record: Record) -> dict[str, Any]:
    data = record.data
    identity = dict(data.get("identity") or {})
    if isinstance(identity.get("createdTime"), int):
        created = datetime.fromtimestamp(identity["createdTime"] / 1000, UTC)
        # Not in whole seconds, as other times are: versions that were registered together differ in it.
        identity["createdTime"] = created.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "identity": identity,
        "declared": {**(data.get("shape") or {}), "secretName": data.get("secretName") or None},
        "runtime": data.get("runtime"),
        "proven": {key: record.cleared[key] for key in _PROVEN if record.cleared.get(key)},
        "pod template": _template(record, data.get("template")),
    }


def _template(record: Record, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A template without what differs between any two: the revision's name; and the image, told above."""
    image = (record.data.get("runtime") or {}).get("image")
    if isinstance(value, Mapping):
        return {k: _template(record, v) for k, v in value.items() if k != LABEL_VERSION}
    if isinstance(value, list):
        return [_template(record, v) for v in value]
    if isinstance(value, str):
        return "<image>" if value == image else value.replace(record.name, "<revision>")
    return value


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON value
    """Path -> value of every leaf: `spec.containers[serve].env[THREADS].value`."""
    if isinstance(value, Mapping) and value:
        for key, member in value.items():
            step = f"[{key}]" if "." in key or "/" in key else f".{key}"
            yield from _flat(member, f"{path}{step}".removeprefix("."))
    elif isinstance(value, list) and value:
        for step, member in zip(_steps(value), value, strict=True):
            yield from _flat(member, f"{path}[{step}]")
    elif value not in (None, {}, [], ""):
        yield path, value


def _steps(items: list[Any]) -> list[str]:
    """What each item of a list is called: by its name, where all have one and no two the same."""
    for key in ("name", "mountPath", "key"):
        names = [str(item.get(key, "")) for item in items if isinstance(item, Mapping)]
        if len(set(names)) == len(items) and all(names):
            return names
    return [str(index) for index in range(len(items))]


def lines(one: Record, other: Record) -> list[str]:
    """For people."""
    found = changes(one, other)
    shown = [f"{_title(one)} -> {_title(other)}"]
    if not found:
        return [*shown, "", "no difference"]
    for section in dict.fromkeys(change.section for change in found):
        rows = [(c.path, f"{_text(c.before)} -> {_text(c.after)}") for c in found if c.section == section]
        shown += ["", section, *table(("", ""), rows, indent="  ")[1:]]
    return shown


def _title(record: Record) -> str:
    return f"{record.name} ({record.model} version {record.version})"


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if value is None:
        return _NONE
    return str(value).lower() if isinstance(value, bool) else str(value)


def data(one: Record, other: Record) -> dict[str, Any]:
    """For scripts."""
    return {
        "from": _side(one),
        "to": _side(other),
        "changes": [
            {"section": c.section, "path": c.path, "from": c.before, "to": c.after}
            for c in changes(one, other)
        ],
    }


def _side(record: Record) -> Json:
    return {"revision": record.name, "version": record.version, "model": record.model}
