"""`revision.json`: what the operator recorded about the revision that this pod runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DEFAULT_MAX_ARTIFACT_BYTES = 20 * 1024**3


@dataclass(frozen=True)
class ProofSettings:
    mode: str = "Auto"
    """`Auto` proves where there are test inputs, `Required` refuses to do without, `Skip` proves nothing."""
    allow_non_finite: bool = False
    timeout_seconds: float = 30.0


@dataclass(frozen=True)
class Index:
    """Where packages come from; without a `url`, the public index."""

    url: str | None = None
    ca_bundle: str | None = None
    """PEM text."""


@dataclass(frozen=True)
class Revision:
    name: str
    model: str
    version: str
    artifact_uri: str
    content_digest: str | None
    """`sha256:...` once the record holds it."""
    environment_digest: str | None
    strict_environment: bool
    proof: ProofSettings
    index: Index
    max_artifact_bytes: int
    cases_digest: str | None = None
    """Of the golden cases beside this file; None where there are none."""


def read(path: Path) -> Revision:
    """Read and parse the mounted file.

    Raises:
        ValueError: the file is not what the operator writes; names the field.
    """
    return parse(json.loads(path.read_text(encoding="utf-8")))


def parse(data: Mapping[str, Any]) -> Revision:
    """Parse the file's content; fields that this release does not know are left alone.

    Raises:
        ValueError: a field is missing or has a value that it cannot have.
    """
    proof = data.get("proof") or {}
    index = data.get("index") or {}
    mode = proof.get("mode", "Auto")
    if mode not in {"Auto", "Required", "Skip"}:
        raise ValueError(f"revision.json: proof.mode is {mode!r}, not Auto, Required or Skip")
    return Revision(
        name=_text(data, "revision"),
        model=_text(data, "model"),
        version=_text(data, "version"),
        artifact_uri=_text(data, "artifactUri"),
        content_digest=_digest(data, "contentDigest"),
        environment_digest=_digest(data, "environmentDigest"),
        strict_environment=bool(data.get("strictEnvironment", False)),
        proof=ProofSettings(
            mode=mode,
            allow_non_finite=bool(proof.get("allowNonFinite", False)),
            timeout_seconds=float(proof.get("timeoutSeconds", 30)),
        ),
        index=Index(url=index.get("url"), ca_bundle=index.get("caBundle")),
        max_artifact_bytes=int(data.get("maxArtifactBytes") or DEFAULT_MAX_ARTIFACT_BYTES),
        cases_digest=_digest(data, "casesDigest"),
    )


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        raise ValueError(f"revision.json: {name} is {value!r}, not a text")
    return str(value)


def _digest(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.startswith("sha256:"):
        raise ValueError(f"revision.json: {name} is {value!r}, not 'sha256:...'")
    return value
