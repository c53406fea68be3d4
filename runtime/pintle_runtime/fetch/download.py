"""Writing an artifact to disk: all of it or nothing, and never outside its folder."""

from __future__ import annotations

import hashlib
import os
import shutil
from functools import partial
from typing import TYPE_CHECKING

from pintle_runtime import log
from pintle_runtime.fetch import digest, listing
from pintle_runtime.fetch.digest import FileDigest
from pintle_runtime.fetch.source import Changed, Source
from pintle_runtime.retry import until_done
from pintle_runtime.termination import Reason, Refused

if TYPE_CHECKING:
    from pathlib import Path

    from pintle_runtime.fetch.listing import Item

INCOMING = ".pintle-incoming"


def fetch(source: Source, target: Path, *, max_bytes: int) -> str:
    """Fetch every file into `target`, which is emptied first; returns the content digest.

    Files appear in `target` only when all of them are there: a killed step leaves nothing that looks whole.

    Raises:
        Refused, Transient, Changed: as `source` does, and UnsafeArtifact for more bytes than allowed.
    """
    _empty(target)
    items = listing.walk(source, max_bytes=max_bytes)
    log.info("listed", files=len(items), bytes=sum(item.size or 0 for item in items))
    incoming = target / INCOMING
    incoming.mkdir()
    files: list[FileDigest] = []
    for item in items:
        left = max_bytes - sum(file.size for file in files)
        attempt = partial(_file, source, item, incoming, left)
        files.append(until_done(attempt, what=f"fetch {item.path}", before_another=source.renew))
    for path in incoming.iterdir():
        path.rename(target / path.name)
    incoming.rmdir()
    return digest.of_manifest(files)


def _file(source: Source, item: Item, folder: Path, left: int) -> FileDigest:
    path = folder / item.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    limit = left if item.size is None else item.size
    sha256, size = hashlib.sha256(), 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in source.content(item.path):
            size += len(chunk)
            if size > limit:
                break
            sha256.update(chunk)
            file.write(chunk)
    if item.size is None and size > limit:
        raise Refused(Reason.UNSAFE_ARTIFACT, f"{item.path} takes the artifact over its limit of bytes")
    if item.size is not None and size != item.size:
        raise Changed(
            f"{item.path} was listed with {item.size} bytes and came with {min(size, limit + 1)} or more"
        )
    return FileDigest(item.path, size, sha256.hexdigest())


def _empty(folder: Path) -> None:
    """The volume's own folder stays: it is the mount."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
