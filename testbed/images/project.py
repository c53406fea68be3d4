"""The images that the project's Dockerfile describes: which there are, and a key for the content of each."""

import hashlib
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import TestbedError
from testbed.images import dockerfile

TARGETS = ("operator", "runtime", "mlflow")
BASE_IMAGE = "docker.io/library/debian:trixie-slim"
_REPOSITORY = "docker.io/pintle"
_NOT_CONTENT = {"__pycache__", ".git", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


@dataclass(frozen=True)
class ProjectImage:
    """An image of this project. `key` changes with every input that this project controls."""

    target: str
    reference: str
    key: str


def images(repository: Path, wanted: Sequence[str] = ()) -> list[ProjectImage]:
    """The wanted images, or all that the test bed uses and the Dockerfile has.

    Raises:
        TestbedError: there is no Dockerfile, or a wanted target or a file that it copies is not there.
    """
    text = _read(repository / "Dockerfile")
    there = dockerfile.stages(text)
    if unknown := sorted(set(wanted) - set(there)):
        raise TestbedError(f"the Dockerfile has no target {unknown[0]}; it has {', '.join(there)}")
    version = tomllib.loads(_read(repository / "pyproject.toml"))["project"]["version"]
    return [
        ProjectImage(target, f"{_REPOSITORY}/{target}:{version}", _key(repository, text, target))
        for target in (wanted or [target for target in TARGETS if target in there])
    ]


def _key(repository: Path, text: str, target: str) -> str:
    digest = hashlib.sha256(f"{target}\0{text}".encode())
    digest.update(_read(repository / ".dockerignore", default="").encode())
    for source in dockerfile.sources_of(text, target):
        for path in _files(repository, source):
            digest.update(f"\0{path.relative_to(repository)}\0{path.stat().st_mode & 0o777:o}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _files(repository: Path, source: str) -> Iterator[Path]:
    tops = sorted(repository.glob(source))
    if not tops:
        raise TestbedError(f"the Dockerfile copies {source}, which is not in {repository}")
    for top in tops:
        if top.is_file():
            yield top
        for path in sorted(top.rglob("*")):
            if path.is_file() and not _NOT_CONTENT & set(path.relative_to(repository).parts):
                yield path


def _read(path: Path, default: str | None = None) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        if default is not None:
            return default
        raise TestbedError(f"{path} is not there: run the test bed from the project's folder") from None
