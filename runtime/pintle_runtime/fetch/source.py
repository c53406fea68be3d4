"""Where an artifact lies, and which client can read it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from pintle_runtime.fetch import credentials
from pintle_runtime.retry import Transient
from pintle_runtime.termination import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pintle_runtime.mounts import Mounts

# Stores that MLflow's own clients read from outside; `file:` and bare paths would be this pod's disk.
OBJECT_STORES = frozenset({"s3", "r2", "b2", "gs", "wasbs", "abfss"})
API = "/api/2.0/mlflow-artifacts/artifacts"


class Changed(Exception):
    """A file is not what the listing said a moment ago."""


@dataclass(frozen=True)
class Entry:
    """One line of a folder's listing, as the other side gave it: the name is not to be trusted yet."""

    name: str
    is_folder: bool
    size: int | None
    """Bytes; None where the store does not say."""


class Source(Protocol):
    """A folder tree to read: paths are relative to the artifact, with `/` between names, `` for the root.

    Both methods raise `Transient` for what may pass, `Refused` for what will not, and `Changed`
    when a file that was listed is not there.

    `renew` reads the credentials that are mounted by now: somebody may have corrected what was refused.
    """

    def entries(self, folder: str) -> list[Entry]: ...

    def content(self, path: str) -> Iterator[bytes]: ...

    def renew(self) -> None: ...


def open_source(artifact_uri: str, mounts: Mounts) -> Source:
    """Choose the client by the URI's scheme; reads the address and the credentials as mounted just now.

    Raises:
        Refused: FetchFailed, when nothing here can read such a URI.
        Transient: the registry's address is not mounted yet.
    """
    parts = urlsplit(artifact_uri)
    read = partial(credentials.read, mounts.credentials)
    if parts.scheme in OBJECT_STORES:
        from pintle_runtime.fetch import object_store  # noqa: PLC0415  # imports mlflow, which takes a second

        return object_store.open_store(artifact_uri, read, scratch=mounts.model)
    if parts.scheme not in {"mlflow-artifacts", "http", "https"}:
        kind = f"the scheme {parts.scheme!r}" if parts.scheme else "no scheme"
        raise Refused(
            Reason.FETCH_FAILED,
            f"the artifact URI {artifact_uri} has {kind}, which only the machine that wrote it can read; "
            "run the tracking server with --serve-artifacts, or use an object store",
        )
    from pintle_runtime.fetch import proxy  # noqa: PLC0415  # the other branch does not need it

    base = _registry_uri(mounts)
    ca = mounts.registry_ca
    return proxy.ArtifactProxy(base, _path_behind(artifact_uri, base), read, ca if ca.is_file() else None)


def _registry_uri(mounts: Mounts) -> str:
    try:
        uri = mounts.registry_uri.read_text(encoding="utf-8").strip().rstrip("/")
    except FileNotFoundError:
        raise Transient(
            "the registry's address is not mounted: its RegistryConnection is missing or not ready"
        ) from None
    if urlsplit(uri).scheme not in {"http", "https"}:
        raise Transient(f"the registry's address {uri!r} is not http(s); correct the RegistryConnection")
    return uri


def _path_behind(artifact_uri: str, base: str) -> str:
    """The artifact's path below the proxy's API; the URI may name the registry's own host, and no other.

    Credentials are the registry's: another host, which the registry's data would choose, never gets them.
    """
    parts, registry = urlsplit(artifact_uri), urlsplit(base)
    if parts.netloc and parts.netloc.rpartition("@")[2] != registry.netloc.rpartition("@")[2]:
        raise Refused(
            Reason.FETCH_FAILED,
            f"the artifact URI {artifact_uri} names another host than the registry's ({registry.netloc}); "
            "nothing is fetched from there",
        )
    path = parts.path
    if parts.scheme in {"http", "https"} or parts.netloc:
        path = path.removeprefix(registry.path).removeprefix(API)
    path = path.strip("/")
    if not path or any(name in {"", ".", ".."} for name in path.split("/")):
        raise Refused(Reason.UNSAFE_ARTIFACT, f"the artifact URI {artifact_uri} does not name a folder")
    return path
