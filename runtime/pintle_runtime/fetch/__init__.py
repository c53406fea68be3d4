"""The step `fetch`: brings the pinned artifact to /model, and runs and builds nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pintle_runtime import log, revision, termination
from pintle_runtime.fetch import download, source
from pintle_runtime.retry import until_done
from pintle_runtime.termination import Reason, Refused

if TYPE_CHECKING:
    from pintle_runtime.mounts import Mounts

EXAMPLE = "serving_input_example.json"
MAX_RESTARTS = 5


def run(mounts: Mounts) -> None:
    """Fetch the artifact and report its digest.

    Raises:
        Refused: FetchFailed, UnsafeArtifact, or ArtifactChanged when the record holds another digest.
    """
    pinned = revision.read(mounts.revision)
    log.info("fetching", revision=pinned.name, artifact=pinned.artifact_uri)
    digest = _fetch(mounts, pinned)
    if pinned.content_digest not in {None, digest}:
        raise Refused(
            Reason.ARTIFACT_CHANGED,
            f"the artifacts of {pinned.model} version {pinned.version} have the digest {digest}; "
            f"this revision was cleared with {pinned.content_digest}. Register new bytes as a new version",
        )
    example = (mounts.model / EXAMPLE).is_file()
    log.info("fetched", revision=pinned.name, digest=digest, example=example)
    termination.write(mounts.termination, {"contentDigest": digest, "example": example})


def _fetch(mounts: Mounts, pinned: revision.Revision) -> str:
    """Download everything; begin again when files change meanwhile, and give up when they keep changing."""
    last: Exception | None = None
    for _ in range(MAX_RESTARTS):
        try:
            return until_done(lambda: _attempt(mounts, pinned), what="fetch the artifact")
        except source.Changed as change:
            log.warning("the artifact changed while it was fetched; starting again", cause=str(change))
            last = change
    raise Refused(Reason.FETCH_FAILED, f"the artifact kept changing while it was fetched: {last}")


def _attempt(mounts: Mounts, pinned: revision.Revision) -> str:
    where = source.open_source(pinned.artifact_uri, mounts)
    return download.fetch(where, mounts.model, max_bytes=pinned.max_artifact_bytes)
