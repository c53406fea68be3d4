"""Artifacts outside the proxy, through MLflow's repositories: its local one stands for each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typing_extensions import override

from pintle_runtime import retry
from pintle_runtime.fetch import digest, download, object_store, variables
from pintle_runtime.fetch.credentials import Credentials
from pintle_runtime.fetch.object_store import ObjectStore
from pintle_runtime.fetch.variables import Variables
from pintle_runtime.retry import Transient
from pintle_runtime.termination import Reason, Refused
from tests.unit.runtime.conftest import unwarned

with unwarned():
    from mlflow.entities import FileInfo
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    return tmp_path / "model"


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    folder = tmp_path / "stored"
    (folder / "code/inner").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "code/inner/lib.py").write_bytes(b"x" * 3_000_000)
    (folder / "code/empty").touch()
    return folder


def test_brings_every_byte(stored: Path, target: Path) -> None:
    store = ObjectStore(LocalArtifactRepository(str(stored)), "s3://bucket/m", target)
    assert (
        download.fetch(store, target, max_bytes=10_000_000)
        == digest.of_folder(stored)
        == digest.of_folder(target)
    )


def test_a_link_is_not_followed_out_of_the_artifact(stored: Path, target: Path) -> None:
    class Linking(LocalArtifactRepository):
        @override
        def download_artifacts(self, artifact_path: str, dst_path: str | None = None) -> str:
            link = Path(str(dst_path), Path(artifact_path).name)
            link.symlink_to("/etc/hostname")
            return str(link)

    store = ObjectStore(Linking(str(stored)), "s3://bucket/m", target)
    with pytest.raises(Refused) as caught:
        download.fetch(store, target, max_bytes=10_000_000)
    assert caught.value.reason is Reason.UNSAFE_ARTIFACT


def test_the_empty_object_of_a_folder_is_passed_over(stored: Path, target: Path) -> None:
    class WithMarkers(LocalArtifactRepository):
        @override
        def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
            return [FileInfo(path or ".", False, 0), *super().list_artifacts(path)]  # type: ignore[no-untyped-call]  # MLflow's

    store = ObjectStore(WithMarkers(str(stored)), "s3://bucket/m", target)
    assert download.fetch(store, target, max_bytes=10_000_000) == digest.of_folder(stored)


class ClientError(Exception):
    """Formed as botocore's."""

    def __init__(self, code: str) -> None:
        super().__init__(f"An error occurred ({code})")
        self.response = {"Error": {"Code": code}}


def chained(cause: Exception) -> Exception:
    error = RuntimeError("MLflow's words")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ModuleNotFoundError("No module named 'boto3'"), Refused),
        (chained(ImportError("google.cloud")), Refused),
        (ClientError("NoSuchBucket"), Refused),
        (chained(ClientError("NoSuchKey")), Refused),
        (ClientError("AccessDenied"), Transient),
        (ClientError("SlowDown"), Transient),
        (ConnectionError("refused"), Transient),
        (TimeoutError(), Transient),
        (Exception("anything else"), Transient),
    ],
)
def test_which_faults_are_the_versions(error: Exception, outcome: type[Exception], target: Path) -> None:
    class Failing:
        def list_artifacts(self, _path: str | None = None) -> list[FileInfo]:
            raise error

        def download_artifacts(self, _artifact_path: str, _dst_path: str | None = None) -> str:
            raise error

    store = ObjectStore(Failing(), "gs://bucket/m", target)
    with pytest.raises(outcome):
        store.entries("")
    with pytest.raises(outcome):
        list(store.content("MLmodel"))
    assert not list(target.iterdir())


def test_keys_that_may_list_and_not_read_are_looked_up_again(
    stored: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FIRST_SECONDS", 0.001)
    renewed: list[bool] = []

    class Listing(LocalArtifactRepository):
        @override
        def download_artifacts(self, artifact_path: str, dst_path: str | None = None) -> str:
            if not renewed:
                raise ClientError("AccessDenied")
            return str(super().download_artifacts(artifact_path, dst_path))  # type: ignore[no-untyped-call]  # MLflow's

    store = ObjectStore(Listing(str(stored)), "s3://bucket/m", target, lambda: renewed.append(True))
    assert download.fetch(store, target, max_bytes=10_000_000) == digest.of_folder(stored)
    assert len(renewed) == 1


def test_a_store_without_its_client_is_named(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.setattr(variables, "of_this_process", Variables(pytest.fail))
    store_of_s3 = Credentials(aws={"AWS_ACCESS_KEY_ID": "x"})
    with pytest.raises(Refused, match="no client for s3://"):
        object_store.open_store("s3://bucket/m", lambda: store_of_s3, scratch=target).entries("")
    assert os.environ["AWS_ACCESS_KEY_ID"] == "x"
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
