"""Alerts are about metrics that there are, and each has a page that says what to type."""

import re

import pytest

from kubectl_pintle import cli
from tests.support import exposed, monitoring
from tests.support.schemas import REPOSITORY

METRICS = exposed.metrics()
ALERTS = monitoring.alerts()
QUERIES = monitoring.queries()
PAGES = {path.stem: path for path in monitoring.RUNBOOKS.glob("*.md")}


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert PAGES.keys() == ALERTS.keys()


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_it_is_about_and_where_to_read_on(name: str) -> None:
    alert = ALERTS[name]
    assert name.startswith("Pintle")
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    notes = alert["annotations"]
    assert notes.keys() == {"summary", "description", "runbook_url"}
    assert (REPOSITORY / notes["runbook_url"]) == PAGES[name]
    assert alert["for"], "what passes by itself wakes nobody"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_about_metrics_that_there_are(name: str) -> None:
    found = list(monitoring.selected(ALERTS[name]["expr"]))
    assert found
    for metric, labels in found:
        assert metric in METRICS
        assert labels <= METRICS[metric].labels


@pytest.mark.parametrize("query", QUERIES, ids=lambda q: q.panel)
def test_a_panel_is_about_metrics_that_there_are(query: monitoring.Query) -> None:
    found = list(monitoring.selected(query.text))
    assert found
    for metric, labels in found:
        assert metric in METRICS
        assert labels <= METRICS[metric].labels
    # Labels that it is summed by, and that its legend names.
    named = {
        label for inside in re.findall(r"\b(?:by|on) \(([^)]*)\)", query.text) for label in inside.split(", ")
    }
    known = {label for metric, _ in found for label in METRICS[metric].labels}
    assert named <= known | {"le", "instance"}


def test_panels_say_what_they_show_and_do_not_overlap() -> None:
    panels = monitoring.dashboard()["panels"]
    assert all(panel["title"] and panel["description"] and panel["targets"] for panel in panels)
    titles = [panel["title"] for panel in panels]
    assert len(titles) == len(set(titles))
    taken = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) == 23, "the whole width"


def test_a_legend_names_labels_that_its_query_keeps() -> None:
    for panel in monitoring.dashboard()["panels"]:
        for target in panel["targets"]:
            legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            outermost = re.search(r"\bby \(([^)]*)\)", target["expr"])
            assert legend <= set(outermost[1].split(", ") if outermost else ()), panel["title"]


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {metric for query in QUERIES for metric, _ in monitoring.selected(query.text)}
    # The conditions are for alerts; states are shown by reason.
    assert METRICS.keys() - shown == {"pintle_deployment_condition"}


def test_a_query_is_seen_through() -> None:
    """The control of what finds metrics in queries."""
    query = 'sum by (le) (rate(pintle_a_seconds_bucket{x="a=b", y!~"c"}[5m])) / pintle_b_total'
    assert list(monitoring.selected(query)) == [("pintle_a_seconds", {"x", "y"}), ("pintle_b_total", set())]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_it_means_what_to_type_and_what_to_do(name: str) -> None:
    text = PAGES[name].read_text()
    assert text.startswith(f"# {name}\n")
    order = [text.index(f"**{part}") for part in ("What it means.**", "What to type**", "What to do")]
    assert order == sorted(order)
    commands = re.findall(r"```\n(.*?)```", text, re.DOTALL)
    assert all(line.startswith("kubectl ") for block in commands for line in block.splitlines())
    assert commands


def test_pages_name_commands_of_the_plugin_that_there_are() -> None:
    known = set(re.findall(r"^    (\w+)", cli._parser().format_help(), re.MULTILINE))
    named = {
        command
        for path in PAGES.values()
        for command in re.findall(r"kubectl pintle (\w+)", path.read_text())
    }
    assert named
    assert named <= known
