"""The chart's values: all of the operator's settings, each in the schema, and versions of this release."""

from typing import Any

import orjson
import yaml

from pintle.settings import Settings
from tests.support.schemas import REPOSITORY

CHART = REPOSITORY / "charts/pintle"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = orjson.loads((CHART / "values.schema.json").read_text())

# What the chart has by other means: Kubernetes tells it, `namespaces` says it, or the pod's port is named.
_BY_ITSELF = {
    "leader_election",
    "namespaces",
    "http_port",
    "kubernetes_service_host",
    "pod_name",
    "pod_namespace",
    "pod_service_account",
}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def test_every_setting_has_a_value() -> None:
    assert {_snake(name) for name in VALUES["settings"]} == Settings.model_fields.keys() - _BY_ITSELF


def _resolve(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        found = SCHEMA
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def _check(values: dict[str, Any], schema: dict[str, Any], path: str) -> None:
    """Where a schema lists what there is, values has all of it and nothing else."""
    listed = schema["properties"].keys() - {"global"}
    assert listed == values.keys(), path
    assert schema["additionalProperties"] is False, path
    for name, value in values.items():
        below = _resolve(schema["properties"][name])
        if isinstance(value, dict) and "properties" in below:
            _check(value, below, f"{path}.{name}")


def test_the_schema_knows_every_value_and_no_other() -> None:
    _check(VALUES, SCHEMA, "values")


def test_versions_are_those_of_the_release() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    operator = yaml.safe_load((REPOSITORY / "manifests/base/deployment.yaml").read_text())
    runtime = yaml.safe_load((REPOSITORY / "manifests/base/default-runtime.yaml").read_text())
    (container,) = operator["spec"]["template"]["spec"]["containers"]
    assert f"{VALUES['image']['repository']}:{chart['appVersion']}" == container["image"]
    assert VALUES["runtimes"]["default"] == runtime["spec"]


def test_the_kinds_are_those_of_the_repository() -> None:
    """By a link, so that there is one text of each; Helm follows it when it packs the chart."""
    assert (CHART / "files/crds").resolve() == (REPOSITORY / "crds").resolve()


def test_the_policies_are_those_of_the_component() -> None:
    component = REPOSITORY / "manifests/components/admission-policies"
    assert (CHART / "files/admission-policies").resolve() == component.resolve()


def test_alerts_and_the_dashboard_are_those_of_the_repository() -> None:
    assert (CHART / "files/monitoring").resolve() == (
        REPOSITORY / "manifests/components/monitoring"
    ).resolve()
