"""Listing an artifact, and refusing what must not be written."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pintle_runtime.termination import Reason, Refused

if TYPE_CHECKING:
    from pintle_runtime.fetch.source import Entry, Source

MAX_FILES = 10_000
MAX_FOLDERS = 1_000
MAX_DEPTH = 16
MAX_NAME_BYTES = 255


@dataclass(frozen=True)
class Item:
    """One file to fetch."""

    path: str
    size: int | None


def walk(source: Source, *, max_bytes: int) -> list[Item]:
    """List every file below the artifact's root, sorted by path.

    Raises:
        Refused: UnsafeArtifact for a name, a count or a size over the limits; FetchFailed when there is
            nothing, or no MLmodel.
    """
    items: list[Item] = []
    folders, total = [""], 0
    for folder in folders:  # grows while it is walked
        names: set[str] = set()
        for entry in source.entries(folder):
            _check_name(entry, folder, names)
            path = f"{folder}/{entry.name}".lstrip("/")
            if entry.is_folder:
                folders.append(path)
            else:
                items.append(Item(path, entry.size))
                total += entry.size or 0
            _check_limits(len(items), len(folders), path.count("/"), total, max_bytes)
    if not items:
        raise Refused(Reason.FETCH_FAILED, "the version's artifact folder is missing or empty")
    if not any(item.path == "MLmodel" for item in items):
        raise Refused(
            Reason.FETCH_FAILED, "the version's artifacts hold no MLmodel file: this is not an MLflow model"
        )
    return sorted(items, key=lambda item: item.path)


def _check_name(entry: Entry, folder: str, names: set[str]) -> None:
    """Admit a single, plain file name that this folder does not have yet."""
    name, where = entry.name, f"in folder {folder!r}" if folder else "at the artifact's root"
    fault = None
    if name in {"", ".", ".."} or "/" in name or "\\" in name:
        fault = "is not a plain name"
    elif len(name.encode(errors="replace")) > MAX_NAME_BYTES:
        fault = f"is longer than {MAX_NAME_BYTES} bytes"
    elif any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in name):
        fault = "holds characters that cannot be seen"
    elif name in names:
        fault = "is there twice"
    elif entry.size is not None and entry.size < 0:
        fault = "has a size below zero"
    if fault:
        raise Refused(Reason.UNSAFE_ARTIFACT, f"the name {name[:100]!r} {where} {fault}")
    names.add(name)


def _check_limits(files: int, folders: int, depth: int, total: int, max_bytes: int) -> None:
    for what, count, limit in (
        ("files", files, MAX_FILES),
        ("folders", folders, MAX_FOLDERS),
        ("levels", depth, MAX_DEPTH),
        ("bytes", total, max_bytes),
    ):
        if count > limit:
            raise Refused(Reason.UNSAFE_ARTIFACT, f"the artifact has more than {limit} {what}")
