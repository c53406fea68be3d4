"""What the API server does with stored objects: defaults, columns, /status, /scale, selectors."""

from typing import Any

import pytest

from tests.support.cluster import Kubectl
from tests.support.rest import Json, Rest
from tests.support.schemas import definitions, fields, schema_of

pytestmark = pytest.mark.usefixtures("crds")

TRANSITION = "2026-01-01T12:00:00Z"


def _path(namespace: str, name: str = "", plural: str = "modeldeployments") -> str:
    return f"/apis/pintle.dev/v1alpha1/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def _iris(name: str = "iris", **spec: Any) -> Json:  # noqa: ANN401 -- JSON
    return {
        "apiVersion": "pintle.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {"model": "iris", "version": 3, **spec},
    }


def _condition(kind: str, status: str, reason: str, message: str = "") -> Json:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": TRANSITION,
        "observedGeneration": 1,
    }


STATUS: Json = {
    "observedGeneration": 1,
    "wanted": "champion->7",
    "replicasReady": "4/4",
    "serving": {"version": "6", "revision": "iris-v6-1a2b3c4d", "since": TRANSITION, "readyReplicas": 4},
    "candidate": {"version": "7", "revision": "iris-v7-5e6f7a8b", "since": TRANSITION, "readyReplicas": 1},
    "standby": {
        "version": "2",
        "revision": "iris-v2-9c0d1e2f",
        "expiresAt": TRANSITION,
        "readyReplicas": 4,
        "summary": "2 until 14:05",
    },
    "resolved": {
        "version": "7",
        "alias": "champion",
        "source": "models:/m-1",
        "runId": "r1",
        "createdTime": "2026-01-01T12:00:00.123Z",
        "digest": "sha256:00",
    },
    "traffic": [{"revision": "iris-v6-1a2b3c4d", "version": "6", "percent": 100, "via": "Service/iris"}],
    "rollout": {"step": "Canary", "weight": 10, "startedTime": TRANSITION, "deadlineTime": TRANSITION},
    "rejected": [
        {
            "revision": "iris-v5-00000000",
            "version": "5",
            "reason": "ProofFailed",
            "message": "prediction[0] is NaN",
            "time": TRANSITION,
        }
    ],
    "history": [
        {
            "version": "6",
            "revision": "iris-v6-1a2b3c4d",
            "runId": "r0",
            "source": "models:/m-0",
            "alias": "champion",
            "startedTime": TRANSITION,
            "promotedTime": TRANSITION,
            "durationSeconds": 12.5,
            "outcome": "Promoted",
            "cause": "alias champion moved",
        }
    ],
    "replicas": 4,
    "selector": "pintle.dev/deployment=iris,pintle.dev/revision=iris-v6-1a2b3c4d",
    "conditions": [_condition("Ready", "False", "Proving", "version 7 answers its test inputs")],
}


def test_a_new_object_has_the_static_defaults_and_no_more(rest: Rest, namespace: str) -> None:
    created = rest.ok("POST", _path(namespace), _iris())
    assert created["spec"] == {
        "model": "iris",
        "version": 3,
        "registryRef": {"kind": "RegistryConnection", "name": "default"},
        "replicas": 1,
        "disruptionBudget": "Default",
        "revisionHistoryLimit": 5,
        "suspend": False,
    }


@pytest.mark.parametrize("version", [3, "3"])
def test_a_version_is_stored_as_it_was_written(rest: Rest, namespace: str, version: int | str) -> None:
    assert rest.ok("POST", _path(namespace), _iris(version=version))["spec"]["version"] == version


def test_an_object_that_no_operator_has_seen_says_so(rest: Rest, namespace: str) -> None:
    rest.ok("POST", _path(namespace), _iris() | {"status": {"wanted": "7"}})
    assert rest.ok("GET", _path(namespace, "iris"))["status"] == {"observedGeneration": -1}


def test_fields_that_the_schema_does_not_name_are_pruned(rest: Rest, namespace: str) -> None:
    query = {"fieldValidation": "Ignore"}
    body = _iris(hostNetwork=True, rollout={"mirror": "Always"})
    created = rest.ok("POST", _path(namespace), body, query=query)
    assert "hostNetwork" not in created["spec"]
    assert "mirror" not in created["spec"]["rollout"]


def test_status_is_written_by_itself_and_whole(rest: Rest, namespace: str) -> None:
    rest.ok("POST", _path(namespace), _iris())
    written = rest.merge(_path(namespace, "iris") + "/status", {"status": STATUS, "spec": {"version": 9}})
    assert written["status"] == STATUS
    assert (written["spec"]["version"], written["metadata"]["generation"]) == (3, 1)


def test_every_field_of_the_status_is_in_that_example() -> None:
    schema = schema_of(definitions()["ModelDeployment"])["properties"]["status"]

    def paths(value: Json, prefix: str = "") -> set[str]:
        found = set()
        for name, member in value.items():
            found.add(prefix + name)
            for inner in member if isinstance(member, list) else [member]:
                if isinstance(inner, dict):
                    found |= paths(inner, f"{prefix}{name}.")
        return found

    assert {field.path for field in fields(schema)} == paths(STATUS)


def test_scale_reads_what_serves_and_writes_replicas(rest: Rest, namespace: str) -> None:
    rest.ok("POST", _path(namespace), _iris())
    scale = _path(namespace, "iris") + "/scale"
    assert rest.ok("GET", scale)["spec"] == {"replicas": 1}
    rest.merge(_path(namespace, "iris") + "/status", {"status": STATUS})
    assert rest.ok("GET", scale)["status"] == {"replicas": 4, "selector": STATUS["selector"]}
    rest.merge(scale, {"spec": {"replicas": 6}})
    assert rest.ok("GET", _path(namespace, "iris"))["spec"]["replicas"] == 6


def test_columns_are_read_from_the_status(rest: Rest, namespace: str) -> None:
    rest.ok("POST", _path(namespace), _iris())
    rest.merge(_path(namespace, "iris") + "/status", {"status": STATUS})
    table = rest.table(_path(namespace))
    (row,) = table["rows"]
    cells = dict(zip([column["name"] for column in table["columnDefinitions"]], row["cells"], strict=True))
    assert cells.pop("Age")
    assert cells == {
        "Name": "iris",
        "Model": "iris",
        "Wanted": "champion->7",
        "Serving": "6",
        "Ready": "False",
        "Replicas": "4/4",
        "Status": "Proving",
        "Candidate": "7",
        "Weight": 10,
        "Standby": "2 until 14:05",
        "Message": "version 7 answers its test inputs",
    }


def test_kubectl_prints_them_in_the_order_of_the_design(rest: Rest, namespace: str, kubectl: Kubectl) -> None:
    rest.ok("POST", _path(namespace), _iris())
    narrow = kubectl("get", "mdep", "-n", namespace).splitlines()[0].split()
    wide = kubectl("get", "mdep", "-n", namespace, "-o", "wide").splitlines()[0].split()
    assert narrow == ["NAME", "MODEL", "WANTED", "SERVING", "READY", "REPLICAS", "STATUS", "AGE"]
    assert wide == [*narrow, "CANDIDATE", "WEIGHT", "STANDBY", "MESSAGE"]


def test_a_registry_connection_prints_its_state(rest: Rest, namespace: str) -> None:
    path = _path(namespace, plural="registryconnections")
    body = {
        "apiVersion": "pintle.dev/v1alpha1",
        "kind": "RegistryConnection",
        "metadata": {"name": "mlflow"},
        "spec": {"uri": "http://mlflow:5000", "caBundle": {"configMapRef": {"name": "ca"}}},
    }
    created = rest.ok("POST", path, body)
    assert created["spec"]["pollSeconds"] == 30
    assert created["spec"]["caBundle"]["configMapRef"]["key"] == "ca.crt"
    ready = _condition("Ready", "True", "Answering", "ok")
    status = {"observedGeneration": 1, "serverVersion": "3.17.2", "conditions": [ready]}
    assert rest.merge(f"{path}/mlflow/status", {"status": status})["status"] == status
    (row,) = rest.table(path)["rows"]
    assert row["cells"][:5] == ["mlflow", "http://mlflow:5000", "True", "Answering", "3.17.2"]


def test_objects_are_selected_by_model_and_alias(rest: Rest, namespace: str) -> None:
    rest.ok("POST", _path(namespace), _iris("a", model="iris", alias="champion"))
    rest.ok("POST", _path(namespace), _iris("b", model="fraud"))

    def names(selector: str) -> list[str]:
        items = rest.ok("GET", _path(namespace), query={"fieldSelector": selector})["items"]
        return [item["metadata"]["name"] for item in items]

    assert names("spec.model=fraud") == ["b"]
    assert names("spec.alias=champion") == ["a"]


def test_the_kinds_answer_to_their_category(kubectl: Kubectl) -> None:
    printed = kubectl("api-resources", "--categories=mlops", "--no-headers", "-o", "name").split()
    assert sorted(printed) == sorted(crd["metadata"]["name"] for crd in definitions().values())
