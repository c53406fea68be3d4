"""`fetch` with a real MLflow server and real models."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import requests

from tests.support.mlflow_server import ADMIN, ADMIN_PASSWORD, MlflowServer, model_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.runtime.conftest import Pod

API = "/api/2.0/mlflow-artifacts/artifacts"
WITH_USERS = (ADMIN, ADMIN_PASSWORD)


def upload(server: MlflowServer, model: Path, auth: tuple[str, str] | None = None) -> str:
    """Store a model's files through the server's proxy; returns the artifact URI."""
    path = f"1/models/{model_name('m')}/artifacts"
    for file in model.rglob("*"):
        if file.is_file():
            name = quote(file.relative_to(model).as_posix())
            target = f"{server.uri}{API}/{path}/{name}"
            requests.put(target, data=file.read_bytes(), auth=auth, timeout=60).raise_for_status()
    return f"mlflow-artifacts:/{path}"


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def digest_by_hand(files: dict[str, bytes]) -> str:
    manifest = "".join(
        f"{path}\0{len(body)}\0{hashlib.sha256(body).hexdigest()}\n" for path, body in sorted(files.items())
    )
    return f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"


@pytest.fixture
def model(saved: Callable[[str], Path], tmp_path: Path) -> Path:
    """A real model, with a folder in it and names that need quoting."""
    copy = tmp_path / "uploaded"
    (copy / "code/über uns").mkdir(parents=True)
    for name, body in contents(saved("linear")).items():
        (copy / name).write_bytes(body)
    (copy / "code/über uns/a + b, c=d (e).txt").write_bytes(b"\0\xff")
    (copy / "code/empty.txt").write_bytes(b"")
    return copy


def test_brings_every_byte_and_reports_the_digest(pod: Pod, mlflow_server: MlflowServer, model: Path) -> None:
    pod.connect(mlflow_server.uri)
    pod.revise(artifactUri=upload(mlflow_server, model))
    ended = pod.run("fetch")
    assert (ended.code, ended.said) == (
        0,
        {"contentDigest": digest_by_hand(contents(model)), "example": True},
    )
    assert contents(pod.mounts.model) == contents(model)
    assert not list(pod.mounts.model.glob(".*"))


def test_a_registry_under_a_path_that_asks_for_a_password(
    pod: Pod, mlflow_server_with_users: MlflowServer, saved: Callable[[str], Path]
) -> None:
    server = mlflow_server_with_users
    pod.connect(server.uri, username=ADMIN, password=f"{ADMIN_PASSWORD}\n")
    pod.revise(artifactUri=upload(server, saved("no-example"), WITH_USERS))
    ended = pod.run("fetch")
    assert (ended.code, ended.said["example"]) == (0, False)
    assert ADMIN_PASSWORD not in json.dumps(ended.log)


def test_a_killed_fetch_is_begun_anew(pod: Pod, mlflow_server: MlflowServer, model: Path) -> None:
    (pod.mounts.model / ".pintle-incoming/code").mkdir(parents=True)
    (pod.mounts.model / ".pintle-incoming/code/half").write_text("of a file")
    (pod.mounts.model / "code").mkdir()
    (pod.mounts.model / "code/old.py").write_text("left by another fetch")
    (pod.mounts.model / "link").symlink_to("/etc")
    pod.connect(mlflow_server.uri)
    pod.revise(artifactUri=upload(mlflow_server, model))
    assert pod.run("fetch").code == 0
    assert contents(pod.mounts.model) == contents(model)


def test_the_same_bytes_pass_the_record_and_others_do_not(
    pod: Pod, mlflow_server: MlflowServer, model: Path
) -> None:
    pod.connect(mlflow_server.uri)
    uri = upload(mlflow_server, model)
    recorded = digest_by_hand(contents(model))
    pod.revise(artifactUri=uri, contentDigest=recorded)
    assert pod.run("fetch").code == 0
    path = uri.removeprefix("mlflow-artifacts:/")
    requests.put(
        f"{mlflow_server.uri}{API}/{path}/conda.yaml", data=b"changed", timeout=30
    ).raise_for_status()
    ended = pod.run("fetch")
    assert (ended.code, ended.said["reason"]) == (11, "ArtifactChanged")
    assert recorded in ended.said["message"]


def test_artifacts_that_are_gone(pod: Pod, mlflow_server: MlflowServer, saved: Callable[[str], Path]) -> None:
    uri = upload(mlflow_server, saved("linear"))
    path = uri.removeprefix("mlflow-artifacts:/")
    requests.delete(f"{mlflow_server.uri}{API}/{path}", timeout=30).raise_for_status()
    pod.connect(mlflow_server.uri)
    pod.revise(artifactUri=uri)
    ended = pod.run("fetch")
    assert (ended.code, ended.said["reason"]) == (10, "FetchFailed")
    assert "missing or empty" in ended.said["message"]


@pytest.mark.parametrize(
    ("uri", "reason", "words"),
    [
        ("s3://bucket/models/m-1", "FetchFailed", "no client for s3://"),
        ("file:///etc", "FetchFailed", "--serve-artifacts"),
        ("/mlruns/1/models/m-1/artifacts", "FetchFailed", "--serve-artifacts"),
        ("dbfs:/models/m-1", "FetchFailed", "--serve-artifacts"),
        ("mlflow-artifacts://other.example/1/m", "FetchFailed", "another host"),
        ("https://other.example/api/2.0/mlflow-artifacts/artifacts/1/m", "FetchFailed", "another host"),
        ("mlflow-artifacts:/1/../../m", "UnsafeArtifact", "does not name a folder"),
        ("mlflow-artifacts:/", "UnsafeArtifact", "does not name a folder"),
    ],
)
def test_uris_that_are_not_followed(pod: Pod, uri: str, reason: str, words: str) -> None:
    pod.connect("http://127.0.0.1:9")  # the discard port: nothing is asked
    pod.revise(artifactUri=uri)
    ended = pod.run("fetch")
    assert (ended.code, ended.said["reason"]) == ({"FetchFailed": 10, "UnsafeArtifact": 12}[reason], reason)
    assert words in ended.said["message"]
