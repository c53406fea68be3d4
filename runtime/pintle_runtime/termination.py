"""How a step ends: its exit code, and the message that the operator reads from the container's status."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING

from pintle_runtime import log

if TYPE_CHECKING:
    from pathlib import Path

# The kubelet keeps 4096 bytes of a message, and 12288 of all of a pod's together.
LIMIT_BYTES = 2048


class Reason(Enum):
    """Why a version is refused, with the exit code that says so."""

    FETCH_FAILED = ("FetchFailed", 10)
    ARTIFACT_CHANGED = ("ArtifactChanged", 11)
    UNSAFE_ARTIFACT = ("UnsafeArtifact", 12)
    UNSAFE_REQUIREMENT = ("UnsafeRequirement", 13)
    LOAD_FAILED = ("LoadFailed", 14)
    PROOF_FAILED = ("ProofFailed", 15)

    def __init__(self, title: str, code: int) -> None:
        self.title = title
        self.code = code


class Refused(Exception):
    """The version itself is at fault: trying again would end the same way."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(f"{reason.title}: {message}")
        self.reason = reason
        self.message = message


def write(path: Path, message: dict[str, object]) -> None:
    """Write the message, shortened to what the kubelet keeps.

    The kubelet mounts a file there. In a container run by hand there is none, and that is no reason to fail.
    """
    text = _encode(message)
    words = message.get("message")
    if len(text) > LIMIT_BYTES and isinstance(words, str):
        kept = words.encode()[: LIMIT_BYTES // 2].decode(errors="ignore")
        while len(text := _encode({**message, "message": kept + " ..."})) > LIMIT_BYTES:
            kept = kept[: len(kept) * 3 // 4]
    try:
        path.write_bytes(text)
    except OSError:
        return


def refuse(path: Path, refused: Refused) -> int:
    """Write why, and return the exit code."""
    write(path, {"reason": refused.reason.title, "message": refused.message})
    return refused.reason.code


def _encode(message: dict[str, object]) -> bytes:
    return log.without_credentials(json.dumps(message, ensure_ascii=False)).encode(errors="replace")
