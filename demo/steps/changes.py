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
    about = "A ModelDeployment, and beside it a plain Deployment and a Service, with two pods each."
    with stage.step(f"Version {stage.wanted.version} goes live", about):
        stage.declare(stage.wanted)
        stage.settle()
        stage.show_first_prediction()


def edit(stage: Stage, version: str, *, may_be_refused: bool = False) -> bool:
    """`spec.version` is edited to a version that was not served yet; whether it serves."""
    change = f"spec.version: {stage.wanted.version} -> {version}."
    about = f"{change} It starts beside what serves, proves itself, and takes over."
    with stage.step(f"Edit to version {version}", about):
        before = stage.wanted.version
        stage.declare(replace(stage.wanted, version=version))
        ended = stage.await_pintle(
            lambda now: now.is_ready or now.reason in REFUSED, f"Pintle: version {version}"
        )
        if not ended.is_ready and may_be_refused:
            stage.keep_pintle(before, version)
            stage.settle_plain(HOPELESS_SECONDS)
            return False
        stage.settle()
    return True


def edit_to_broken(stage: Stage, version: str) -> None:
    """A version that answers NaN with HTTP 200: its own proof refuses it, and what served serves on."""
    about = "It answers NaN, with HTTP 200. No probe sees that; the model's own input example does."
    with stage.step(f"Edit to version {version}, which is broken", about):
        before = stage.wanted.version
        stage.declare(replace(stage.wanted, version=version))
        what = f"Pintle refuses version {version}"
        ended = stage.await_pintle(lambda now: now.is_ready or now.reason in REFUSED, what)
        expect(ended.reason == "ProofFailed", f"version {version} ended as {ended.reason}, not ProofFailed")
        expect(ended.serving == before, f"{ended.serving or 'nothing'} serves instead of {before}")
        stage.keep_pintle(before, version)
        stage.settle_plain()


def edit_back(stage: Stage, version: str) -> None:
    """From a refused version to the one that serves on."""
    about = f"spec.version: {stage.wanted.version} -> {version}. It never stopped serving."
    _back(stage, version, f"Edit back to version {version}", about)


def roll_back(stage: Stage, version: str) -> None:
    """To the standby, in its shape."""
    about = f"spec.version: {stage.wanted.version} -> {version}. It stands by, warm."
    _back(stage, version, f"Roll back to version {version}", about)


def _back(stage: Stage, version: str, title: str, about: str) -> None:
    """`spec.version` is edited to a version whose pods run: no pod is made for it."""
    with stage.step(title, about, rollback=True):
        pods = _pods(stage, version)
        stage.declare(replace(stage.wanted, version=version))
        stage.settle_pintle()
        made = _pods(stage, version) - pods
        expect(not made, f"rolling back to version {version} made new pods: {', '.join(sorted(made))}")
        stage.settle_plain()


def _pods(stage: Stage, version: str) -> set[str]:
    found = stage.pods(f"pintle.dev/deployment=iris,pintle.dev/version={version}")
    return {pod["metadata"]["name"] for pod in found}


def more_memory(stage: Stage) -> None:
    """The pods' resources change, the version stays: a new revision, proven like any other."""
    version, before = stage.wanted.version, stage.wanted.memory
    about = (
        f"spec.resources.requests.memory: {before} -> {MORE_MEMORY}. Version {version} stays, in new pods."
    )
    with stage.step("Change the resources", about):
        stage.declare(replace(stage.wanted, memory=MORE_MEMORY))
        stage.settle()
        for side in stage.sides:
            stage.by_revision(side)


def roll_back_in_another_shape(stage: Stage, version: str) -> None:
    """The standby has the resources of before: it takes over at once, and the new shape follows."""
    title = f"Roll back to version {version}, resources changed"
    about = f"The warm pods, with the resources of before, take over at once; pods with {MORE_MEMORY} follow."
    with stage.step(title, about, rollback=True):
        standby = stage.pintle.state().standby
        expect(standby == version, f"version {standby or 'none'} stands by instead of {version}")
        stage.declare(replace(stage.wanted, version=version))
        stage.await_pintle(lambda now: now.serving == version, f"Pintle: version {version}")
        stage.show_state()
        stage.settle()
