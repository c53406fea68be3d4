"""From an empty process to a model that may take traffic, beside the server that answers the probes."""

from __future__ import annotations

import gc
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pintle_runtime import environment, log, revision
from pintle_runtime.fetch import digest
from pintle_runtime.termination import Reason, Refused

if TYPE_CHECKING:
    from pintle_runtime.mounts import Mounts
    from pintle_runtime.revision import Revision
    from pintle_runtime.serve.app import Application
    from pintle_runtime.serve.scoring import Scoring
    from pintle_runtime.serve.state import State


class Starting:
    """Loads, proves and checks one model, in a thread."""

    def __init__(self, mounts: Mounts, pinned: Revision, state: State, application: Application) -> None:
        self._mounts, self._pinned = mounts, pinned
        self._state, self._application = state, application

    def run(self) -> None:
        """Open the server to predictions.

        Raises:
            Refused: LoadFailed, ProofFailed or ArtifactChanged.
        """
        began = time.monotonic()
        with ThreadPoolExecutor(1, thread_name_prefix="digest") as beside:
            content = beside.submit(digest.of_folder, self._mounts.model)
            self._state.doing = "loading the model"
            scoring = self._load()
            loaded = time.monotonic()
            self._state.doing = "proving the model"
            proof = self._prove(scoring)
            self._state.doing = "comparing digests"
            # Read again: the record may have been filled in since this pod's `fetch` looked.
            record = revision.read(self._mounts.revision)
            self._check_content(content.result(), record)
        self._check_environment(record)
        # What lives now lives on: no collection looks at it again, which would hold requests up for 80 ms.
        gc.collect()
        gc.freeze()
        self._application.scoring = scoring
        self._state.open()
        log.info(
            "ready",
            revision=self._pinned.name,
            proof=proof,
            load_seconds=round(loaded - began, 3),
            proof_seconds=round(time.monotonic() - loaded, 3),
        )

    def _load(self) -> Scoring:
        gc.disable()  # imports make no garbage, and looking for it takes a seventh of the time to ready
        try:
            # Takes seconds, in which the probes are answered.
            from pintle_runtime.serve import loading  # noqa: PLC0415
        except Exception as error:
            log.error("MLflow cannot be imported", exc_info=True)
            raise _load_failed("the model's environment breaks the server", error) from error
        finally:
            gc.freeze()
            gc.enable()
        self._application.versions |= loading.versions()
        try:
            return loading.load(self._mounts.model)
        except BaseException as error:  # a model's `sys.exit` is its failure too
            log.error("the model does not load", exc_info=True)
            raise _load_failed("the model does not load", error) from error

    def _prove(self, scoring: Scoring) -> str:
        from pintle_runtime.serve import cases, proof  # noqa: PLC0415  # behind MLflow

        golden = cases.read(self._mounts.cases, self._pinned.cases_digest)
        return proof.prove(scoring, self._mounts.model, self._pinned.proof, golden)

    def _check_content(self, content: str, record: Revision) -> None:
        if record.content_digest not in {None, content}:
            raise Refused(
                Reason.ARTIFACT_CHANGED,
                f"this pod's copy of {record.model} version {record.version} has the digest {content}; "
                f"the revision was cleared with {record.content_digest}",
            )

    def _check_environment(self, record: Revision) -> None:
        """Compare the packages with those that the revision was cleared with."""
        found = environment.digest(environment.inspect(environment.site_path()))
        if record.environment_digest in {None, found}:
            return
        if record.strict_environment:
            raise Refused(
                Reason.LOAD_FAILED,
                f"this pod's packages have the digest {found}, the revision was cleared with "
                f"{record.environment_digest}, and rollout.strictEnvironment is true; pin every package in "
                "the model's requirements.txt, or set a new rolloutToken",
            )
        log.warning("the environment differs from the record", found=found, record=record.environment_digest)


def _load_failed(what: str, error: BaseException) -> Refused:
    words = " ".join(str(error).split())[:700]
    return Refused(
        Reason.LOAD_FAILED,
        f"{what}: {type(error).__name__}: {words}" if words else f"{what}: {type(error).__name__}",
    )
