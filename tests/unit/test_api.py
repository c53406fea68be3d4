"""Parsing: what the API server gives becomes a frozen value whose declared shape moves a revision."""

from typing import Any

import pytest
from pydantic import ValidationError

from pintle.api import parse_model_deployment, parse_model_runtime, parse_registry_connection


def _iris(spec: dict[str, Any] | None = None, **metadata: object) -> dict[str, Any]:
    return {
        "metadata": {"name": "iris", "namespace": "ml", "uid": "u-1", "generation": 4, **metadata},
        "spec": {"model": "iris", "version": 3, **(spec or {})},
    }


def _shape(**spec: object) -> dict[str, Any]:
    return parse_model_deployment(_iris(spec)).spec.shape()


def test_metadata_is_lifted_to_the_top() -> None:
    iris = parse_model_deployment(
        _iris(
            labels={"team": "a"},
            annotations={"pintle.dev/reject-revision": "version/7"},
            deletionTimestamp="2026-01-01T00:00:00Z",
            resourceVersion="17",
            managedFields=[{"manager": "kubectl"}],
        )
        | {"status": {"wanted": "3"}}
    )
    assert (iris.namespace, iris.name, iris.uid, iris.generation) == ("ml", "iris", "u-1", 4)
    assert iris.labels == {"team": "a"}
    assert iris.annotations == {"pintle.dev/reject-revision": "version/7"}
    assert iris.deletion_timestamp == "2026-01-01T00:00:00Z"
    assert iris.resource_version == "17"
    assert iris.status == {"wanted": "3"}


@pytest.mark.parametrize("status", [{}, {"status": {}}, {"status": None}])
def test_a_status_that_is_not_there_is_empty(status: dict[str, Any]) -> None:
    assert parse_model_deployment(_iris() | status).status == {}


@pytest.mark.parametrize(("written", "parsed"), [(3, "3"), ("3", "3"), (2**40, str(2**40))])
def test_a_version_is_text_however_it_was_written(written: int | str, parsed: str) -> None:
    assert parse_model_deployment(_iris({"version": written})).spec.version == parsed


def test_what_is_left_out_has_its_default() -> None:
    spec = parse_model_deployment(_iris()).spec
    assert (spec.registry_ref.name, spec.replicas, spec.disruption_budget) == ("default", 1, "Default")
    assert (spec.runtime.name, spec.resources, spec.service_account_name, spec.alias) == (None,) * 4
    assert (spec.revision_history_limit, spec.suspend, spec.rollout_token) == (5, False, None)
    assert (spec.rollout.standby_seconds, spec.rollout.progress_deadline_seconds) == (None, 600)
    assert (spec.rollout.capacity_wait_seconds, spec.rollout.strict_environment) == (120, False)
    assert (spec.rollout.strategy, spec.rollout.steps, spec.gateway) == ("Switch", (), None)
    proof = spec.rollout.proof
    assert (proof.mode, proof.allow_non_finite, proof.timeout_seconds) == ("Auto", False, 30)


def test_what_is_left_out_of_autoscaling_has_its_default() -> None:
    scaling = parse_model_deployment(_iris({"autoscaling": {"maxReplicas": 7}})).spec.autoscaling
    assert scaling
    assert (scaling.min_replicas, scaling.target_cpu_utilization_percentage) == (1, 80)
    assert [scaling.bounded(n) for n in (0, 1, 5, 9)] == [1, 1, 5, 7]
    written = {"maxReplicas": 7, "targetCPUUtilizationPercentage": 50}
    scaling = parse_model_deployment(_iris({"autoscaling": written})).spec.autoscaling
    assert scaling
    assert scaling.target_cpu_utilization_percentage == 50


def test_an_older_operator_meets_newer_fields_calmly() -> None:
    newer = {"rollout": {"mirror": {"percent": 5}, "standbySeconds": 5}, "somethingNew": {"a": 1}}
    assert parse_model_deployment(_iris(newer)).spec.rollout.standby_seconds == 5


@pytest.mark.parametrize(
    "spec",
    [{"model": None}, {"version": 3.5}, {"version": True}, {"replicas": "two"}, {"env": [{"value": "1"}]}],
    ids=str,
)
def test_what_does_not_fit_is_an_error_that_names_the_field(spec: dict[str, Any]) -> None:
    field = next(iter(spec))
    with pytest.raises(ValidationError) as raised:
        parse_model_deployment(_iris(spec))
    assert raised.value.errors()[0]["loc"][:2] == ("spec", field)


def test_values_are_frozen() -> None:
    spec = parse_model_deployment(_iris()).spec
    with pytest.raises(ValidationError, match="frozen"):
        spec.replicas = 3


def test_the_object_that_was_parsed_is_left_alone() -> None:
    body = _iris({"env": [{"name": "A"}], "resources": {"requests": {"cpu": 1}}})
    parse_model_deployment(body).spec.shape()
    assert body == _iris({"env": [{"name": "A"}], "resources": {"requests": {"cpu": 1}}})


SHAPED: dict[str, dict[str, Any]] = {
    "resources": {"resources": {"limits": {"memory": "2Gi"}, "requests": {"cpu": "100m"}}},
    "env": {"env": [{"name": "A", "value": "1"}, {"name": "B"}]},
    "env from a Secret": {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"key": "k", "name": "s"}}}]},
    "podMetadata": {"podMetadata": {"annotations": {"a": "b"}, "labels": {"team": "a"}}},
    "runtime": {"runtime": {"name": "torch"}},
    "nodeSelector": {"nodeSelector": {"pool": "gpu"}},
    "tolerations": {"tolerations": [{"effect": "NoSchedule", "key": "gpu"}, {"operator": "Exists"}]},
    "priorityClassName": {"priorityClassName": "models"},
    "imagePullSecrets": {"imagePullSecrets": [{"name": "pull"}]},
    "serviceAccountName": {"serviceAccountName": "iris"},
    "rolloutToken": {"rolloutToken": "again"},
    "proof": {"rollout": {"proof": {"allowNonFinite": True, "mode": "Skip", "timeoutSeconds": 5}}},
    "cases": {"rollout": {"proof": {"cases": {"configMapRef": {"name": "iris-cases"}, "key": "a.json"}}}},
    "strictEnvironment": {"rollout": {"strictEnvironment": True}},
}


@pytest.mark.parametrize("declared", SHAPED.values(), ids=SHAPED)
def test_the_shape_is_what_was_declared(declared: dict[str, Any]) -> None:
    assert _shape(**declared) == declared


UNSHAPED: dict[str, dict[str, Any]] = {
    "version": {"version": 4},
    "model": {"model": "fraud"},
    "alias": {"alias": "champion"},
    "registryRef": {"registryRef": {"name": "other"}},
    "replicas": {"replicas": 7},
    "autoscaling": {"autoscaling": {"maxReplicas": 7}},
    "service": {"service": {"labels": {"a": "b"}}},
    "disruptionBudget": {"disruptionBudget": "None"},
    "revisionHistoryLimit": {"revisionHistoryLimit": 1},
    "suspend": {"suspend": True},
    "other rollout settings": {
        "rollout": {
            "standbySeconds": 5,
            "progressDeadlineSeconds": 20,
            "capacityWaitSeconds": 1,
            "surge": "None",
        }
    },
    "defaults written out": {
        "rollout": {
            "proof": {"mode": "Auto", "allowNonFinite": False, "timeoutSeconds": 30},
            "strictEnvironment": False,
        }
    },
    "what templates leave empty": {
        "resources": {},
        "env": [],
        "podMetadata": {"labels": {}, "annotations": {}},
        "runtime": {},
        "nodeSelector": {},
        "tolerations": [],
        "imagePullSecrets": [],
        "rollout": {"proof": {}},
    },
}


@pytest.mark.parametrize("declared", UNSHAPED.values(), ids=UNSHAPED)
def test_what_does_not_shape_pods_is_not_in_the_shape(declared: dict[str, Any]) -> None:
    assert _shape(**declared) == {}


def test_the_key_of_cases_is_a_default_too() -> None:
    """An object that says it and one that does not are one shape."""
    short = {"configMapRef": {"name": "iris-cases"}}
    shapes = [_shape(rollout={"proof": {"cases": short | more}}) for more in ({}, {"key": "cases.json"})]
    assert shapes == [{"rollout": {"proof": {"cases": short}}}] * 2


def test_how_a_value_was_written_does_not_move_the_shape() -> None:
    written_as_numbers = _shape(resources={"requests": {"cpu": 1}}, env=[{"name": "A", "value": ""}])
    written_as_text = _shape(env=[{"name": "A"}], resources={"requests": {"cpu": "1"}, "limits": {}})
    assert (
        written_as_numbers
        == written_as_text
        == {
            "env": [{"name": "A"}],
            "resources": {"requests": {"cpu": "1"}},
        }
    )


def test_the_keys_of_a_shape_are_sorted_at_every_depth() -> None:
    shape = _shape(**{key: value for declared in SHAPED.values() for key, value in declared.items()})

    def assert_sorted(value: object) -> None:
        if isinstance(value, dict):
            assert list(value) == sorted(value)
            for member in value.values():
                assert_sorted(member)

    assert_sorted(shape)


def test_empty_resources_are_the_runtimes() -> None:
    assert parse_model_deployment(_iris({"resources": {"requests": {}}})).spec.resources is None


def test_a_registry_connection() -> None:
    body = {
        "metadata": {"name": "mlflow", "namespace": "ml"},
        "spec": {
            "uri": "https://mlflow.ml.svc:5000",
            "secretRef": {"name": "mlflow-credentials"},
            "caBundle": {"configMapRef": {"name": "corp-ca"}},
        },
    }
    spec = parse_registry_connection(body).spec
    assert (spec.uri, spec.poll_seconds) == ("https://mlflow.ml.svc:5000", 30)
    assert spec.secret_ref is not None
    assert spec.secret_ref.name == "mlflow-credentials"
    assert spec.ca_bundle is not None
    assert (spec.ca_bundle.config_map_ref.name, spec.ca_bundle.config_map_ref.key) == ("corp-ca", "ca.crt")


def test_a_model_runtime() -> None:
    body = {
        "metadata": {"name": "default"},
        "spec": {
            "image": "docker.io/pintle/runtime:0.1.0",
            "default": True,
            "flavors": ["sklearn"],
            "defaultResources": {"requests": {"cpu": 1}},
            "index": {"url": "https://pypi.example.com/simple"},
        },
    }
    runtime = parse_model_runtime(body)
    assert (runtime.namespace, runtime.name) == ("", "default")
    assert runtime.spec.default is True
    assert runtime.spec.default_resources.requests == {"cpu": "1"}
    assert (runtime.spec.index.url, runtime.spec.index.ca_bundle) == ("https://pypi.example.com/simple", None)


def test_a_gateway_and_a_canary_make_no_new_revision() -> None:
    steps = [{"weight": 10, "pause": True}, {"weight": 50, "pauseSeconds": 60}]
    gateway = {"parentRefs": [{"name": "public", "sectionName": "web"}], "hostnames": ["iris.example.com"]}
    canary = _iris({"gateway": gateway, "rollout": {"strategy": "Canary", "steps": steps}})
    spec = parse_model_deployment(canary).spec
    assert spec.shape() == _shape() == {}
    assert [(s.weight, s.pause, s.pause_seconds) for s in spec.rollout.steps] == [
        (10, True, None),
        (50, None, 60),
    ]
    assert spec.gateway
    assert [(r.name, r.namespace, r.section_name) for r in spec.gateway.parent_refs] == [
        ("public", None, "web")
    ]
