"""Artifacts in an object store, read by MLflow's own clients, with the credentials in this process only."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from pintle_runtime.fetch import variables
from pintle_runtime.fetch.source import Entry
from pintle_runtime.retry import Transient
from pintle_runtime.termination import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pintle_runtime.fetch.credentials import Credentials

CHUNK_BYTES = 1 << 20
# What the stores' clients say of a place that is not there; an access that is refused may yet be granted.
ABSENT = frozenset({"NoSuchBucket", "NoSuchKey", "BucketNotFound", "ContainerNotFound", "ResourceNotFound"})


class Listed(Protocol):
    """MLflow's FileInfo: `path` is relative to the artifact's root."""

    @property
    def path(self) -> str: ...
    @property
    def is_dir(self) -> bool: ...
    @property
    def file_size(self) -> int | None: ...


class Repository(Protocol):
    """The two methods used of MLflow's ArtifactRepository."""

    def list_artifacts(self, path: str | None = None) -> Sequence[Listed]: ...

    def download_artifacts(self, artifact_path: str, dst_path: str | None = None) -> str: ...


def open_store(artifact_uri: str, read: Callable[[], Credentials], *, scratch: Path) -> ObjectStore:
    """Open the store that the URI names, with the credentials that `read` gives.

    Raises:
        Refused: FetchFailed, when the store's client library is not in this image.
    """

    def renew() -> None:
        variables.of_this_process.take(read().aws)

    renew()
    from mlflow.store.artifact.artifact_repository_registry import (  # noqa: PLC0415  # takes a second; the proxy needs none of it
        get_artifact_repository,
    )

    with _translated(artifact_uri):
        return ObjectStore(get_artifact_repository(artifact_uri), artifact_uri, scratch, renew)


class ObjectStore:
    """A `Source` over MLflow's repository of that scheme."""

    def __init__(
        self, repository: Repository, uri: str, scratch: Path, renew: Callable[[], None] = lambda: None
    ) -> None:
        self._repository, self._uri, self._scratch, self._renew = repository, uri, scratch, renew

    def renew(self) -> None:
        self._renew()

    def entries(self, folder: str) -> list[Entry]:
        with _translated(self._uri):
            listed = self._repository.list_artifacts(folder or None)
        prefix = f"{folder}/" if folder else ""
        return [
            Entry(file.path.removeprefix(prefix), file.is_dir, file.file_size)
            for file in listed
            if file.path.rstrip("/")
            not in {folder, "", "."}  # the empty object that consoles make for a folder
        ]

    def content(self, path: str) -> Iterator[bytes]:
        # Beside the artifact, as /tmp may be too small for it.
        with tempfile.TemporaryDirectory(dir=self._scratch, prefix=".pintle-") as folder:
            with _translated(self._uri):
                file = Path(self._repository.download_artifacts(path, folder))
            if file.is_symlink() or not file.resolve().is_relative_to(Path(folder).resolve()):
                raise Refused(Reason.UNSAFE_ARTIFACT, f"{path} is a link")
            with file.open("rb") as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    yield chunk


class _translated:  # noqa: N801  # used as a statement
    """Turns what a store's client raises into our two kinds of outcome."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None or not isinstance(error, Exception) or isinstance(error, Refused | Transient):
            return
        causes = list(_chain(error))
        missing = next((cause for cause in causes if isinstance(cause, ImportError)), None)
        if missing is not None:
            scheme = urlsplit(self._uri).scheme
            raise Refused(
                Reason.FETCH_FAILED,
                f"this runtime's image has no client for {scheme}:// ({missing}); use an image that has it, "
                "or run the tracking server with --serve-artifacts",
            ) from error
        if any(_code(cause) in ABSENT for cause in causes):
            raise Refused(Reason.FETCH_FAILED, f"{self._uri}: {error}") from error
        raise Transient(f"{urlsplit(self._uri).scheme} store: {type(error).__name__}: {error}") from error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _code(error: BaseException) -> str | None:
    """The error's code, as botocore and Azure carry it."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code"))
    return getattr(error, "error_code", None)
