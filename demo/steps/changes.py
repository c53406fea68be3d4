"""Edits of the version and of the resources: forwards, backwards, and to a version that is broken."""

from dataclasses import replace

from demo.conclusions import expect
from demo.sides import MORE_MEMORY
from demo.stage import Stage

# Reasons of Ready with which a version is given up; design section 3.
REFUSED = {
    "ProofFailed",
    "LoadFailed",
    "FetchFailed",
    "ArtifactChanged",
    "UnsafeRequirement",
    "UnsafeArtifact",
    "DeadlineExceeded",
}


HOPELESS_SECONDS = 40.0


def go_live(stage: Stage) -> None:
    """Both sides are created."""
    with stage.step(f"Version {stage.wanted.version} goes live"):
        stage.declare(stage.wanted)
        for side in stage.sides:
            stage.settle(side)
        stage.show_first_prediction()


def edit(stage: Stage, version: str, *, may_be_refused: bool = False) -> bool:
    """`spec.version` is edited to a version that was not served yet; whether it serves."""
    with stage.step(f"Edit to version {version}"):
        before = stage.wanted.version
        stage.declare(replace(stage.wanted, version=version))
        ended = stage.await_pintle(
            lambda now: now.is_ready or now.reason in REFUSED, f"Pintle: version {version}"
        )
        if not ended.is_ready and may_be_refused:
            _refused(stage, before, version, hopeless=True)
            return False
        stage.settle(stage.pintle)
        stage.settle(stage.plain)
    return True


def edit_to_broken(stage: Stage, version: str) -> None:
    """A version that answers NaN with HTTP 200: its own proof refuses it, and what served serves on."""
    with stage.step(f"Edit to version {version}, which is broken: it answers NaN, with HTTP 200"):
        before = stage.wanted.version
        stage.declare(replace(stage.wanted, version=version))
        what = f"Pintle refuses version {version}"
        ended = stage.await_pintle(lambda now: now.is_ready or now.reason in REFUSED, what)
        expect(ended.reason == "ProofFailed", f"version {version} ended as {ended.reason}, not ProofFailed")
        expect(ended.serving == before, f"{ended.serving or 'nothing'} serves instead of {before}")
        _refused(stage, before, version)


def _refused(stage: Stage, before: str, version: str, *, hopeless: bool = False) -> None:
    """What served serves on. The plain Deployment takes the version, unless its pods never become ready."""
    stage.keeps(stage.pintle, before, version)
    stage.settle(stage.plain, *([HOPELESS_SECONDS] if hopeless else []), give_up=hopeless)


def back(stage: Stage, version: str, *, title: str = "") -> None:
    """`spec.version` is edited to a version that serves still, or stands by."""
    with stage.step(title or f"Roll back to version {version}: edit the field", rollback=True):
        pods = _names(stage, version)
        stage.declare(replace(stage.wanted, version=version))
        stage.settle(stage.pintle)
        made = _names(stage, version) - pods
        expect(not made, f"rolling back to version {version} made new pods: {', '.join(sorted(made))}")
        stage.settle(stage.plain)


def _names(stage: Stage, version: str) -> set[str]:
    return {
        pod["metadata"]["name"]
        for pod in stage.pods(f"pintle.dev/deployment=iris,pintle.dev/version={version}")
    }


def more_memory(stage: Stage) -> None:
    """The pods' resources change, the version stays: a new revision, proven like any other."""
    version = stage.wanted.version
    with stage.step(f"Change the resources; version {version} stays"):
        stage.declare(replace(stage.wanted, memory=MORE_MEMORY))
        for side in stage.sides:
            stage.settle(side)
            stage.by_revision(side)


def back_in_another_shape(stage: Stage, version: str) -> None:
    """The standby has the resources of before: it takes over at once, and the new shape follows."""
    title = f"Roll back to version {version}, although the resources have changed since"
    with stage.step(title, rollback=True):
        standby = stage.pintle.state().standby
        expect(standby == version, f"version {standby or 'none'} stands by instead of {version}")
        stage.declare(replace(stage.wanted, version=version))
        stage.await_pintle(lambda now: now.serving == version, f"Pintle: version {version}")
        stage.show_state()
        for side in stage.sides:
            stage.settle(side)
