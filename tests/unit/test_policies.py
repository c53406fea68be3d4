"""What is a candidate rejected for, and what does it wait for? State -> finding, as tables."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pintle.conditions import Reason
from pintle.domain import PodView
from pintle.policies import REJECTING, WAITING, Candidate, first
from tests.support.builders import DIGEST, NOW, ago, ended, pod, record, workload

CANDIDATE = Candidate(
    record=record(),
    workload=workload(),
    pods=(pod("p1"), pod("p2")),
    replicas=2,
    progress_deadline_seconds=600,
    capacity_wait_seconds=120,
    now=NOW,
)
READY = pod("p1", ready=True, unready_since=None)
OTHER = "sha256:" + "b" * 64
OOM = ended(137, "OOMKilled")


@pytest.mark.parametrize(
    ("pods", "reason", "words"),
    [
        ((pod(exits=(ended(10, "FetchFailed", "no such folder"),)),), "FetchFailed", "no such folder"),
        ((pod(exits=(ended(11, "ArtifactChanged", "differs"),)),), "ArtifactChanged", "differs"),
        ((pod(exits=(ended(12, "UnsafeArtifact", "../x"),)),), "UnsafeArtifact", "../x"),
        ((pod(exits=(ended(13, "UnsafeRequirement", "-e ."),)),), "UnsafeRequirement", "-e ."),
        ((pod(exits=(ended(14, "LoadFailed", "ModuleNotFoundError"),)),), "LoadFailed", "ModuleNotFound"),
        ((pod(exits=(ended(15, "ProofFailed", "NaN"),)),), "ProofFailed", "iris version 3: NaN (pod p1)"),
        ((pod(exits=(ended(15),)),), "ProofFailed", "exit code 15"),
        ((pod("p1"), pod("p2", content_digest=OTHER)), "ArtifactChanged", "changed while it was fetched"),
        ((READY, pod("p2", content_digest=OTHER)), "ArtifactChanged", "rolloutToken"),
        ((pod(initialized=ago(600)),), "DeadlineExceeded", "0 of 2 pods were ready 600 s"),
        ((READY, pod("p2", initialized=ago(601))), "DeadlineExceeded", "1 of 2 pods were ready"),
        ((pod(initialized=ago(601), exits=(OOM,)),), "DeadlineExceeded", "last exit: code 137 OOMKilled"),
    ],
)
def test_rejected(pods: tuple[PodView, ...], reason: str, words: str) -> None:
    finding = first(REJECTING, replace(CANDIDATE, pods=pods))
    assert finding is not None
    assert finding.reason == reason
    assert words in finding.message


@pytest.mark.parametrize(
    "pods",
    [
        pytest.param((pod(exits=(ended(14, "LoadFailed"),)),), id="a terminal exit"),
        pytest.param((pod(initialized=ago(600)),), id="late"),
        pytest.param((pod("p1"), pod("p2", content_digest=OTHER)), id="other bytes"),
    ],
)
def test_nothing_is_rejected_for_what_pods_of_before_did(pods: tuple[PodView, ...]) -> None:
    """A ModelDeployment was deleted and made again at once: the former's pods have the same labels."""
    of_before = replace(CANDIDATE, pods=pods, workload=workload(created=ago(29)))
    assert first(REJECTING, of_before) is None
    assert first(REJECTING, replace(of_before, workload=None)) is None, "its Deployment is not made yet"
    assert first(REJECTING, replace(of_before, workload=workload(created=ago(30)))), "the control: its own"


@pytest.mark.parametrize(
    "pods",
    [
        pytest.param((), id="no pod yet"),
        pytest.param((pod(),), id="proving"),
        pytest.param((READY, pod("p2", exits=(ended(15, "ProofFailed"),))), id="another pod is ready"),
        pytest.param((pod(exits=(OOM,), restarts=9),), id="out of memory, whatever the number"),
        pytest.param((pod(exits=(ended(1, "Error"),), restarts=9),), id="an exit nobody classified"),
        pytest.param((pod(initialized=ago(599)),), id="just before the deadline"),
        pytest.param((pod(initialized=None, created=ago(9999)),), id="still fetching after hours"),
        pytest.param((pod(initialized=ago(9999), deleting=True),), id="on its way out"),
        pytest.param((READY, replace(READY, name="p2", initialized=ago(9999))), id="all ready for hours"),
        pytest.param((pod(content_digest=""), pod("p2")), id="one has not fetched yet"),
        pytest.param((pod(initialized=ago(9999), unready_since=ago(1)),), id="ready until a moment ago"),
        pytest.param(
            (pod(exits=(ended(14, "LoadFailed"),), unready_since=ago(-9)),), id="recovered since it ended"
        ),
    ],
)
def test_not_rejected(pods: tuple[PodView, ...]) -> None:
    assert first(REJECTING, replace(CANDIDATE, pods=pods)) is None


def test_other_bytes_than_those_pinned_are_a_rejection() -> None:
    pinned = replace(CANDIDATE, record=record(expected_digest=OTHER))
    assert DIGEST != OTHER
    found = first(REJECTING, pinned)
    assert found is not None
    assert found.reason is Reason.ARTIFACT_CHANGED


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"workload": workload(quota=True, refused="exceeded quota: q")}, "InsufficientCapacity", "quota: q"),
        ({"workload": workload(refused="violates PodSecurity")}, "Degraded", "violates PodSecurity"),
        (
            {"pods": (pod(unschedulable="0/1 nodes", unschedulable_since=ago(119)),)},
            "Starting",
            "waiting for room: 0/1 nodes",
        ),
        (
            {"pods": (pod(unschedulable="0/1 nodes", unschedulable_since=ago(120)),)},
            "InsufficientCapacity",
            "0/1 nodes",
        ),
        (
            {"pods": (pod(image_problem="ErrImagePull: denied", serving_started=False),)},
            "ImagePullFailed",
            "denied",
        ),
        ({"pods": (pod(exits=(OOM,), restarts=3),)}, "Degraded", "ended 3 times, last with code 137"),
        ({"pods": (pod(exits=(OOM,), restarts=2),)}, "Proving", "0 of 2 pods"),
        ({"pods": (READY, pod("p2"))}, "Proving", "1 of 2 pods have proven themselves"),
        ({"pods": (pod(serving_started=False, initialized=None),)}, "Starting", "fetching the model"),
        (
            {"pods": (pod(serving_started=False, initialized=None, fetching=True),)},
            "Starting",
            "fetching the model from registry mlflow",
        ),
        ({"pods": ()}, "Starting", "starting 2 pods"),
        ({"pods": (), "workload": None}, "Starting", "starting 2 pods"),
    ],
)
def test_waiting(changes: dict[str, object], reason: str, words: str) -> None:
    finding = first(WAITING, replace(CANDIDATE, **changes))  # type: ignore[arg-type]  # rows of several types
    assert finding is not None
    assert finding.reason == reason
    assert words in finding.message


def test_waiting_says_when_time_alone_changes_the_answer() -> None:
    proving = first(WAITING, replace(CANDIDATE, pods=(pod(initialized=ago(10)),)))
    assert proving is not None
    assert proving.recheck == NOW + timedelta(seconds=590)
    crowded = pod(unschedulable="no room", unschedulable_since=ago(20), initialized=None)
    waiting = first(WAITING, replace(CANDIDATE, pods=(crowded,)))
    assert waiting is not None
    assert waiting.recheck == NOW + timedelta(seconds=100)
