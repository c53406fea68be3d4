"""The configuration of kube-state-metrics leads to fields that there are, and says what the operator says."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import yaml

from tests.support import exposed, monitoring
from tests.support.schemas import Schema, definitions, schema_of

CONFIGURATION = yaml.safe_load((monitoring.FOLDER / "kube-state-metrics.yaml").read_text())
RESOURCES = {r["groupVersionKind"]["kind"]: r for r in CONFIGURATION["spec"]["resources"]}
METADATA: Schema = {"properties": {"name": {"type": "string"}, "namespace": {"type": "string"}}}


def _follow(schema: Schema, path: Sequence[str]) -> Schema:
    """The schema at the end of a path. Raises KeyError where there is none."""
    for part in path:
        schema = schema["properties"][part]
    return schema


def _paths(resource: dict[str, Any], schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Each metric's parts, and the schemas that they lead to."""
    for label, path in resource["labelsFromPath"].items():
        yield label, _follow(schema, path)
    for metric in resource["metrics"]:
        each = metric["each"][metric["each"]["type"][0].lower() + metric["each"]["type"][1:]]
        at = _follow(schema, each.get("path", ()))
        at = at.get("items", at)
        for label, path in each.get("labelsFromPath", {}).items():
            yield f"{metric['name']}: {label}", _follow(at, path)
        yield f"{metric['name']}: value", _follow(at, each.get("valueFrom", ()))


def _whole(kind: str) -> Schema:
    schema = schema_of(definitions()[kind])
    return {"properties": {**schema["properties"], "metadata": METADATA}}


@pytest.mark.parametrize("kind", RESOURCES)
def test_paths_lead_to_fields(kind: str) -> None:
    crd, gvk = definitions()[kind], RESOURCES[kind]["groupVersionKind"]
    assert (gvk["group"], gvk["version"]) == (crd["spec"]["group"], crd["spec"]["versions"][0]["name"])
    found = dict(_paths(RESOURCES[kind], _whole(kind)))
    assert found
    for name, schema in found.items():
        if not name.startswith("info: value"):
            assert "properties" not in schema, f"{name} is no single value"


def test_a_path_that_leads_nowhere_is_found_out() -> None:
    with pytest.raises(KeyError):
        _follow(_whole("ModelDeployment"), ["status", "serving", "versions"])


@pytest.mark.parametrize("kind", RESOURCES)
def test_all_that_a_condition_can_be_is_listed(kind: str) -> None:
    status = _follow(_whole(kind), ["status", "conditions"])["items"]["properties"]["status"]
    (condition,) = (m for m in RESOURCES[kind]["metrics"] if m["name"] == "condition")
    assert set(condition["each"]["stateSet"]["list"]) == set(status["enum"])


def test_series_are_called_as_the_operators_are() -> None:
    """So that alerts and the dashboard take either."""
    resource = RESOURCES["ModelDeployment"]
    common = set(resource["labelsFromPath"])
    labels = {
        f"{resource['metricNamePrefix']}_{m['name']}": common
        | set(next(v for k, v in m["each"].items() if k != "type").get("labelsFromPath", ()))
        | ({"status"} if m["name"] == "condition" else set())
        for m in resource["metrics"]
    }
    of_each = {
        name: metric.labels for name, metric in exposed.metrics().items() if "namespace" in metric.labels
    }
    assert of_each.keys() == {"pintle_deployment_info", "pintle_deployment_condition"}
    assert {name: labels[name] for name in of_each} == of_each
