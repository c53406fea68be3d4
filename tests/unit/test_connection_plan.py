"""What follows from a Secret, a CA and an answer: tables."""

import base64
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pintle import connection_plan as plan
from pintle.api import RegistryConnection, parse_registry_connection
from pintle.conditions import Reason
from pintle.connection_plan import Problem
from pintle.errors import ClusterError, Forbidden, NotFound
from pintle.ports import Credentials, Endpoint

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ACCOUNT = "pintle-system:pintle-operator"
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
KEY = "-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----"
MISSING = (
    "Secret credentials in namespace ml does not exist: kubectl -n ml create secret generic credentials "
    "--type=pintle.dev/registry-credentials --from-literal="
)
UNREADABLE = (
    "the operator may not read Secret credentials in namespace ml: "
    "kubectl -n ml create role pintle-reads-credentials "
    "--verb=get --resource=secrets --resource-name=credentials && "
    "kubectl -n ml create rolebinding pintle-reads-credentials "
    "--role=pintle-reads-credentials --serviceaccount=pintle-system:pintle-operator"
)


def connection(status: dict[str, Any] | None = None, **spec: Any) -> RegistryConnection:  # noqa: ANN401 - fields of the spec
    metadata = {"name": "mlflow", "namespace": "ml", "uid": "u", "generation": 2, "resourceVersion": "9"}
    wanted = {"uri": "http://mlflow:5000/", "secretRef": {"name": "credentials"}} | spec
    return parse_registry_connection({"metadata": metadata, "spec": wanted, "status": status or {}})


def secret(kind: str = "pintle.dev/registry-credentials", **data: str | bytes) -> dict[str, Any]:
    raw = {key: value.encode() if isinstance(value, str) else value for key, value in data.items()}
    return {"type": kind, "data": {key: base64.b64encode(value).decode() for key, value in raw.items()}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, Credentials()),
        (secret(), Credentials()),
        (secret(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b"), Credentials()),
        (secret(username="eve", password="p"), Credentials("eve", "p")),
        (secret(username="eve\n", password="p w \r\n"), Credentials("eve", "p w ")),
        (secret(username="eve", password=""), Credentials("eve", "")),
        (secret(token="t\n"), Credentials(token="t")),
        (secret(username="eve", password="p", token="t"), Credentials("eve", "p")),
        (secret(username="eve", token="t"), Credentials(token="t")),
        (secret(username="Jürgen", password="größe"), Credentials("Jürgen", "größe")),
        (secret(username="eve"), "has no key password"),
        (secret(password="planted"), "has no key username"),
        (secret(username="eve", password=b"\xff\xfeplanted"), "is no text"),
        ({**secret(), "data": {"token": "planted!"}}, "is no text"),
        (secret("Opaque", username="eve", password="planted"), "has the type Opaque"),
        (
            secret("kubernetes.io/service-account-token", token="planted"),
            "used only if that is pintle.dev/reg",
        ),
        (
            NotFound("no", status=404),
            MISSING,
        ),
        (
            Forbidden("no", status=403),
            UNREADABLE,
        ),
    ],
)
def test_credentials(given: Any, expected: Credentials | str) -> None:  # noqa: ANN401 - what may be read
    before = deepcopy(given) if isinstance(given, dict) else None
    found = plan.credentials(connection(), given, account=ACCOUNT)
    if isinstance(expected, Credentials):
        assert found == expected
    else:
        assert isinstance(found, Problem)
        assert found.reason == Reason.CREDENTIALS_FORBIDDEN
        assert expected in found.message
        assert "planted" not in found.message
    assert before is None or given == before


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"ca.crt": PEM}, PEM + "\n"),
        ({"ca.crt": f"# ours\n{PEM}\n\n{PEM}\ntrailing"}, f"{PEM}\n{PEM}\n"),
        ({"ca.crt": f"{KEY}\n{PEM}"}, PEM + "\n"),
        ({"ca.crt": KEY}, "holds no certificate"),
        ({"ca.crt": ""}, "holds no certificate"),
        ({"ca.crt": "planted"}, "holds no certificate"),
        ({"other": PEM}, "has no key ca.crt"),
        (None, "has no key ca.crt"),
        (NotFound('configmaps "ca" not found'), 'cannot be read: configmaps "ca" not found'),
        (Forbidden("no"), "cannot be read: no"),
    ],
)
def test_only_certificates_are_taken(data: Any, expected: str) -> None:  # noqa: ANN401 - what may be read
    config = data if isinstance(data, ClusterError) else {"data": data}
    found = plan.authorities(connection(caBundle={"configMapRef": {"name": "ca"}}), config)
    if expected.startswith("-----"):
        assert found == expected
    else:
        assert isinstance(found, Problem)
        assert found.reason == Reason.INVALID_SPEC
        assert expected in found.message
        assert "planted" not in found.message
        assert "BBBB" not in found.message


def test_without_a_bundle_there_are_no_certificates() -> None:
    assert plan.authorities(connection(), None) == ""


def test_the_endpoint() -> None:
    wrong, worse = Problem(Reason.CREDENTIALS_FORBIDDEN, "1"), Problem(Reason.INVALID_SPEC, "2")
    made = plan.endpoint(connection(pollSeconds=7), Credentials("eve", "p"), "PEM")
    assert made == Endpoint("http://mlflow:5000", "PEM", Credentials("eve", "p"))
    assert isinstance(made, Endpoint)
    assert made.poll_seconds == 7
    assert plan.endpoint(connection(), wrong, worse) == wrong
    assert plan.endpoint(connection(), Credentials(), worse) == worse


def held(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - members of the object
    body = plan.config_map(connection(), PEM)
    body["metadata"] |= {"uid": "c", "resourceVersion": "7"} | changes.pop("metadata", {})
    return body | changes


MARKS = {"app.kubernetes.io/managed-by": "pintle", "pintle.dev/registry": "mlflow"}


@pytest.mark.parametrize(
    ("found", "ca", "patch"),
    [
        (held(), PEM, None),
        (held(data={"uri": "http://mlflow:5000/", "ca.crt": PEM, "mine": "1"}), PEM, None),
        (held(metadata={"labels": {**MARKS, "mine": "1"}}), PEM, None),
        (held(data={"uri": "x", "ca.crt": PEM}), PEM, {"data": {"uri": "http://mlflow:5000/"}}),
        (held(data=None), PEM, {"data": {"uri": "http://mlflow:5000/", "ca.crt": PEM}}),
        (held(), "", {"data": {"ca.crt": None}}),
        (held(data={"uri": "http://mlflow:5000/"}), PEM, {"data": {"ca.crt": PEM}}),
        (held(metadata={"labels": None}), PEM, {"labels": MARKS}),
        (
            held(metadata={"labels": {**MARKS, "pintle.dev/registry": "x"}}),
            PEM,
            {"labels": {"pintle.dev/registry": "mlflow"}},
        ),
    ],
)
def test_repairs_are_narrow(found: dict[str, Any], ca: str, patch: dict[str, Any] | None) -> None:
    made = plan.repair(found, plan.config_map(connection(), ca))
    if patch is None:
        assert made is None
    else:
        metadata = {"uid": "c", "resourceVersion": "7"}
        labels = {"labels": patch["labels"]} if "labels" in patch else {}
        data = {"data": patch["data"]} if "data" in patch else {}
        assert made == {"metadata": metadata | labels, **data}


OUTCOMES = st.one_of(
    st.sampled_from(["3.17.2", "3.18.0", ""]),
    st.builds(Problem, st.sampled_from(list(Reason)), st.text(max_size=20)),
)


@settings(deadline=None)  # a machine under load
@given(st.lists(OUTCOMES, min_size=1, max_size=5))
def test_a_status_is_written_once(outcomes: list[str | Problem]) -> None:
    """Merged, it is what was meant, and is not written again; its time moves with Ready alone."""
    status: dict[str, Any] = {"observedGeneration": -1}
    ready = ""
    for minute, outcome in enumerate(outcomes):
        now = NOW + timedelta(minutes=minute)
        patch = plan.status(connection(status), outcome, now)
        if patch:
            assert patch["metadata"] == {"uid": "u", "resourceVersion": "9"}
            status = {k: v for k, v in (status | patch["status"]).items() if v is not None}
        assert plan.status(connection(status), outcome, now + timedelta(hours=1)) is None
        assert status["observedGeneration"] == 2
        known = {} if isinstance(outcome, Problem) or not outcome else {"serverVersion": outcome}
        assert {key: value for key, value in status.items() if key == "serverVersion"} == known
        types = [condition["type"] for condition in status["conditions"]]
        assert types[0] == "Ready"
        assert len(types) <= 2
        first = status["conditions"][0]
        assert first["status"] == ("False" if isinstance(outcome, Problem) else "True")
        moved = first["status"] != ready
        assert (first["lastTransitionTime"] == now.strftime("%Y-%m-%dT%H:%M:%SZ")) == moved
        ready = first["status"]
