"""Predictions: MLflow's own server, on the same model, is the oracle."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from pintle_runtime.serve.app import Application
from pintle_runtime.serve.role import Role
from pintle_runtime.serve.state import State
from tests.unit.runtime import asgi
from tests.unit.runtime.conftest import unwarned

with unwarned():
    from mlflow.pyfunc import scoring_server

    from pintle_runtime.serve import loading
    from pintle_runtime.serve.scoring import Answer, Scoring

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

JSON = "application/json"
COLUMNS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)"]
RECORD = dict(zip(COLUMNS, [5.1, 3.5, 1.4], strict=True))


def body(**fields: object) -> str:
    return json.dumps(fields)


REQUESTS: dict[str, tuple[str | bytes, str]] = {
    "split": (body(dataframe_split={"columns": COLUMNS, "data": [[5.1, 3.5, 1.4], [7.0, 3.2, 4.7]]}), JSON),
    "records": (body(dataframe_records=[RECORD]), JSON),
    "instances": (body(instances=[RECORD]), JSON),
    "inputs": (body(inputs=[RECORD]), JSON),
    "inputs by column": (body(inputs={name: [value] for name, value in RECORD.items()}), JSON),
    "with parameters": (body(dataframe_records=[RECORD], params={"x": 1}), JSON),
    "with a charset": (body(dataframe_records=[RECORD]), f"{JSON}; charset=utf-8"),
    "CSV": (",".join(COLUMNS) + "\n5.1,3.5,1.4\n", "text/csv"),
    "columns in another order": (body(dataframe_records=[dict(reversed(RECORD.items()))]), JSON),
    "a column too many": (body(dataframe_records=[RECORD | {"more": 1}]), JSON),
    "integers where doubles are said": (body(dataframe_records=[dict.fromkeys(COLUMNS, 5)]), JSON),
    "no rows": (body(dataframe_split={"columns": COLUMNS, "data": []}), JSON),
    "a column missing": (body(dataframe_records=[{"sepal length (cm)": 5.1}]), JSON),
    "text for a number": (body(dataframe_records=[RECORD | {"sepal width (cm)": "wide"}]), JSON),
    "bare rows for named columns": (body(inputs=[[5.1, 3.5, 1.4]]), JSON),
    "two formats": (body(inputs=[1], instances=[1]), JSON),
    "no format": (body(rows=[1]), JSON),
    "a list": ("[1, 2]", JSON),
    "a number": ("5", JSON),
    "not JSON": ("{", JSON),
    "nothing": ("", JSON),
    "not UTF-8": (b"\xff\xfe{}", JSON),
    "broken CSV": ('"', "text/csv"),
    "no parquet": ("PAR1", "application/vnd.apache.parquet"),
    "another type": ("<x/>", "text/xml"),
    "another charset": (body(dataframe_records=[RECORD]), f"{JSON}; charset=latin-1"),
    "a parameter of the type": (body(dataframe_records=[RECORD]), f"{JSON}; version=1"),
}


@pytest.fixture(scope="module")
def scoring(saved: Callable[[str], Path]) -> Scoring:
    with unwarned():
        return loading.load(saved("linear"))


@pytest.fixture(scope="module")
def oracle(scoring: Scoring) -> asgi.Application:
    app: asgi.Application = scoring_server.init(scoring.model)
    return app


def application(scoring: Scoring | None, path: Path) -> Application:
    state = State()
    made = Application(model="ïris & co", version="3", revision="iris-v3-0", state=state, role=Role(path))
    made.scoring = scoring
    if scoring is not None:
        state.open()
    return made


@pytest.mark.parametrize(("sent", "content_type"), REQUESTS.values(), ids=REQUESTS)
async def test_answers_are_those_of_mlflows_server(
    scoring: Scoring, oracle: asgi.Application, tmp_path: Path, sent: str | bytes, content_type: str
) -> None:
    raw = sent.encode() if isinstance(sent, str) else sent
    with unwarned():
        status, headers, answer = await asgi.ask(
            application(scoring, tmp_path), "POST", "/invocations", raw, content_type
        )
        wanted = await asgi.ask(oracle, "POST", "/invocations", raw, content_type)
    assert (status, answer) == (wanted[0], wanted[2])
    assert headers["content-type"].split(";")[0] == wanted[1]["content-type"].split(";")[0]


async def test_without_a_content_type_the_answer_says_what_to_send(scoring: Scoring, tmp_path: Path) -> None:
    """MLflow's server says `Internal Server Error`."""
    status, _, answer = await asgi.ask(application(scoring, tmp_path), "POST", "/invocations", b"{}")
    assert status == 415
    assert b"application/json" in answer


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("HEAD", "/readyz", 200),
        ("GET", "/ping", 200),
        ("GET", "/health", 200),
        ("GET", "/version", 200),
        ("GET", "/metrics", 200),
        ("GET", "/invocations", 405),
        ("POST", "/ping", 405),
        ("DELETE", "/metrics", 405),
        ("GET", "/", 404),
        ("GET", "/docs", 404),
        ("GET", "/openapi.json", 404),
        ("POST", "/invocations/", 404),
        ("GET", "/readyz/../docs", 404),
    ],
)
async def test_routes(scoring: Scoring, tmp_path: Path, method: str, path: str, status: int) -> None:
    found, headers, _ = await asgi.ask(application(scoring, tmp_path), method, path)
    assert found == status
    assert headers["pintle-model"] == "%C3%AFris & co/3"
    assert headers["pintle-revision"] == "iris-v3-0"
    assert "connection" not in headers


@pytest.mark.parametrize(
    ("path", "status"), [("/livez", 200), ("/readyz", 503), ("/ping", 503), ("/metrics", 200)]
)
async def test_before_the_model_is_there(tmp_path: Path, path: str, status: int) -> None:
    assert (await asgi.ask(application(None, tmp_path), "GET", path))[0] == status


async def test_predictions_before_the_model_is_there_say_so(tmp_path: Path) -> None:
    status, _, answer = await asgi.ask(application(None, tmp_path), "POST", "/invocations", b"{}", JSON)
    assert (status, json.loads(answer)["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")


async def test_a_body_over_the_limit_is_refused(
    scoring: Scoring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pintle_runtime.serve.app.MAX_BODY_BYTES", 15)
    status, _, _ = await asgi.ask(application(scoring, tmp_path), "POST", "/invocations", b"x" * 16, JSON)
    assert status == 413


async def test_a_prediction_that_takes_too_long_is_a_504(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    class Slow:
        def respond(self, body: bytes, content_type: str) -> Answer:
            release.wait(60)
            return Answer(200, content_type, body)

    monkeypatch.setattr("pintle_runtime.serve.app.TIMEOUT_SECONDS", 0.05)
    slow = application(None, tmp_path)
    slow.scoring = Slow()
    slow._state.open()
    try:
        status, _, _ = await asgi.ask(slow, "POST", "/invocations", b"{}", JSON)
    finally:
        release.set()
    assert status == 504
    assert b'pintle_model_requests_total{code="504"} 1.0' in (await asgi.ask(slow, "GET", "/metrics"))[2]


@pytest.mark.parametrize(
    ("role", "closes"),
    [("standby", True), ("standby\n", True), ("serving", False), ("", False), ("STANDBY", False)],
)
async def test_only_a_standby_closes_connections(
    scoring: Scoring, tmp_path: Path, role: str, closes: bool
) -> None:
    (tmp_path / "role").write_text(role)
    _, headers, _ = await asgi.ask(application(scoring, tmp_path / "role"), "GET", "/readyz")
    assert headers.get("connection") == ("close" if closes else None)


def test_the_role_is_read_at_most_ten_times_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("pintle_runtime.serve.role.time.monotonic", lambda: now)
    path = tmp_path / "role"
    role = Role(path)
    assert not role.is_standby()
    path.write_text("standby")
    now += 0.099
    assert not role.is_standby()
    now += 0.002
    assert role.is_standby()
    path.unlink()
    now += 0.2
    assert not role.is_standby()
