"""The content digest: what says that two copies of an artifact are the same."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class FileDigest:
    path: str
    size: int
    sha256: str
    """Hexadecimal."""


def of_manifest(files: Iterable[FileDigest]) -> str:
    """`sha256:` of the lines `path NUL size NUL sha256 LF`, sorted by the bytes of the path."""
    manifest = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.path.encode()):
        manifest.update(f"{file.path}\0{file.size}\0{file.sha256}\n".encode())
    return f"sha256:{manifest.hexdigest()}"


def of_folder(root: Path) -> str:
    """Hash every file below `root` anew.

    Raises:
        ValueError: something below is neither a folder nor a regular file.
    """
    return of_manifest(_files(root))


def _files(root: Path) -> Iterable[FileDigest]:
    for folder, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = Path(folder, name)
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise ValueError(f"{path} is not a regular file")
        for name in names:
            path = Path(folder, name)
            with path.open("rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            yield FileDigest(path.relative_to(root).as_posix(), path.stat().st_size, sha256)
