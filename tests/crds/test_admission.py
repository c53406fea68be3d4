"""What is well written is accepted, and every bad object is refused in words that name the field."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.crds import bad_model_deployments, bad_others, bad_pod_settings
from tests.crds.refusals import GOOD, Refusal
from tests.support.rest import Rest
from tests.support.schemas import REPOSITORY

ROWS = [*bad_model_deployments.ROWS, *bad_pod_settings.ROWS, *bad_others.ROWS]
PLURALS = {
    "ModelDeployment": "modeldeployments",
    "RegistryConnection": "registryconnections",
    "ClusterRegistryConnection": "clusterregistryconnections",
    "ModelRuntime": "modelruntimes",
}

CLUSTER_SCOPED = {"ModelRuntime", "ClusterRegistryConnection"}

pytestmark = pytest.mark.usefixtures("crds")


def create(rest: Rest, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Send an object through admission and store nothing. Unknown fields are refused, as for kubectl."""
    where = "" if body["kind"] in CLUSTER_SCOPED else "/namespaces/default"
    path = f"/apis/pintle.dev/v1alpha1{where}/{PLURALS[body['kind']]}"
    return rest.request("POST", path, body, query={"dryRun": "All", "fieldValidation": "Strict"})


def written_objects() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of ours in the documents and manifests, and the good ones of the tables."""
    sources = [*REPOSITORY.glob("docs/**/*.yaml"), *REPOSITORY.glob("manifests/**/*.yaml")]
    for path in sources:
        yield from _ours(path, path.read_text())
    for path in (REPOSITORY / "README.md", *REPOSITORY.glob("docs/**/*.md")):
        for block in path.read_text().split("```yaml")[1:]:
            yield from _ours(path, block.split("```")[0])
    for kind, body in GOOD.items():
        yield f"good {kind}", {"apiVersion": "pintle.dev/v1alpha1", "kind": kind, **body}


def _ours(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if "apiVersion: pintle.dev/" not in text:
        return
    for body in yaml.safe_load_all(text):
        if str(body.get("apiVersion", "")).startswith("pintle.dev/") and not _is_patch(body):
            body["metadata"].pop("namespace", None)
            body["metadata"]["name"] += "-example"  # a cluster in use may have one of that name
            yield f"{path.relative_to(REPOSITORY)} {body['kind']}", body


def _is_patch(body: Mapping[str, Any]) -> bool:
    """Part of an object, as kustomize's patches are; it need not be valid by itself."""
    return "spec" not in body or "$patch" in body


EXAMPLES = list(written_objects())


@pytest.mark.parametrize("body", [body for _, body in EXAMPLES], ids=[name for name, _ in EXAMPLES])
def test_every_example_is_accepted(rest: Rest, body: dict[str, Any]) -> None:
    status, answer = create(rest, body)
    assert status == 201, answer["message"]


def test_every_kind_has_an_example() -> None:
    assert {body["kind"] for _, body in EXAMPLES} == set(PLURALS)


def test_there_are_many_rows_for_each_kind_and_none_twice() -> None:
    assert len(ROWS) >= 60
    assert {kind for kind, count in Counter(row.kind for row in ROWS).items() if count >= 15} == set(PLURALS)
    assert [name for name, count in Counter((row.kind, row.case) for row in ROWS).items() if count > 1] == []


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.kind}: {row.case}" for row in ROWS])
def test_a_bad_object_is_refused_with_its_field_and_what_to_write(rest: Rest, row: Refusal) -> None:
    status, answer = create(rest, row.body())
    if row.says == "unknown field":
        assert status == 400
        assert f'unknown field "{row.field}"' in answer["message"]
        return
    assert status == 422, answer
    # Without a path: that further rules were not looked at. With a dot before it: the same, said for /scale.
    causes = [cause for cause in answer["details"]["causes"] if cause["field"] not in ("<nil>", "")]
    assert {cause["field"].removeprefix(".") for cause in causes} == {row.field}
    assert [cause for cause in causes if row.says in cause["message"]], causes


@pytest.mark.parametrize(
    "spec",
    [
        {"version": "3"},
        {"version": 9999999999},
        {"version": None, "alias": "champion"},
        {"version": None, "alias": "1"},
        {"model": "Kreditwürdigkeit (EU) 2.0"},
        {"model": "catalog.schema.model"},
        {"replicas": 0},
        {"resources": {}},
        {"autoscaling": {"maxReplicas": 4}},
        {"autoscaling": {"minReplicas": 4, "maxReplicas": 4}, "replicas": 0},
        {"autoscaling": {"maxReplicas": 4}, "resources": {}},
        {"autoscaling": {"maxReplicas": 4}, "resources": {"requests": {}, "limits": {}}},
        {"autoscaling": {"maxReplicas": 4}, "resources": {"requests": {"cpu": "1"}}},
        {"autoscaling": {"maxReplicas": 4}, "resources": {"limits": {"cpu": 1}}},
        {"resources": {"requests": {"cpu": 1}, "limits": {"cpu": "1000m", "nvidia.com/gpu": 1}}},
        {"resources": {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": 1}}},
        {"resources": {"limits": {f"example.com/r{number}": 1 for number in range(10)}}},
        {"env": [{"name": "A", "value": ""}]},
        {"tolerations": [{"operator": "Exists"}]},
        {"runtime": {}},
        {"rollout": {"standbySeconds": 0, "proof": {}}},
        {"rollout": {"strategy": "Switch", "steps": [{"weight": 1}]}},
        {"gateway": {"parentRefs": [{"name": "public"}], "hostnames": ["*.example.com", "iris"]}},
        {
            "gateway": {"parentRefs": [{"name": "public", "namespace": "edge", "sectionName": "web"}]},
            "rollout": {
                "strategy": "Canary",
                "steps": [{"weight": 1, "pause": True}, {"weight": 99, "pauseSeconds": 0}, {"weight": 100}],
            },
        },
    ],
    ids=str,
)
def test_what_lies_on_the_good_side_of_a_limit_is_accepted(rest: Rest, spec: dict[str, Any]) -> None:
    row = Refusal("accepted", spec, field="", says="")
    status, answer = create(rest, row.body())
    assert status == 201, answer["message"]
