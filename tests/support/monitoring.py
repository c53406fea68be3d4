"""The alerts and the dashboard, and which metrics their queries name."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson
import yaml

from tests.support.schemas import REPOSITORY

FOLDER = REPOSITORY / "manifests/components/monitoring"
RUNBOOKS = REPOSITORY / "docs/runbooks"
Alert = dict[str, Any]

# What a histogram is queried by.
_PARTS = re.compile(r"_(bucket|count|sum)$")
_SELECTOR = re.compile(r"\b(pintle_\w+)\s*(?:\{([^}]*)\})?")
_STRING = re.compile(r'"[^"]*"')


def groups() -> list[dict[str, Any]]:
    """Groups of rules, as Prometheus reads them."""
    rule = yaml.safe_load((FOLDER / "prometheus-rule.yaml").read_text())
    found: list[dict[str, Any]] = rule["spec"]["groups"]
    return found


def alerts() -> dict[str, Alert]:
    """Alerts by name."""
    found = [rule for group in groups() for rule in group["rules"]]
    named = {rule["alert"]: rule for rule in found}
    assert len(named) == len(found), "two of a name"
    return named


class Query(NamedTuple):
    """What one part of a panel asks."""

    panel: str
    text: str

    def at(self, interval: str) -> str:
        """Ask it as Grafana does, with its variables filled in."""
        return self.text.replace("$__rate_interval", interval).replace("$namespace", ".*")


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((FOLDER / "dashboard.json").read_text())
    return found


def queries() -> list[Query]:
    """All queries of the dashboard."""
    return [
        Query(panel["title"], target["expr"])
        for panel in dashboard()["panels"]
        for target in panel["targets"]
    ]


def selected(query: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric of ours that a query names, and the labels that it chooses by there."""
    for name, matchers in _SELECTOR.findall(query):
        labels = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", _STRING.sub('""', matchers))
        yield _PARTS.sub("", name), set(labels)
