"""What the operator keeps in memory: a process of its own at a real control plane, with pods that are played.

Each ModelDeployment has two revisions, one that serves and one that stands by, of two pods each.
"""

import os
import tempfile
from pathlib import Path

from benchmarks.output import line
from tests.support.faults import bench
from tests.support.faults.lane import Lane

DEPLOYMENTS = 100
RESIDENT_MB = 160


def run(rounds: int) -> bool:
    """Measure once (`rounds` is of no use here) and print; whether the goal is kept."""
    del rounds
    with tempfile.TemporaryDirectory() as folder, bench.raised() as raised, raised.lane(Path(folder)) as lane:
        lane.operator.start()
        before = _resident(lane)
        _deploy(lane)
        after = _resident(lane)
    line(f"resident memory of the operator: {before:.0f} MB at rest with none of its objects,")
    line(f"{after:.0f} MB with {DEPLOYMENTS} ModelDeployments and 4 pods each (goal {RESIDENT_MB})")
    return after <= RESIDENT_MB


def _deploy(lane: Lane) -> None:
    subjects = [lane.subject() for _ in range(DEPLOYMENTS)]
    for subject in subjects:
        lane.create(subject, {"version": 1})
    for subject in subjects:
        lane.becomes(subject, "Serving", within=300)
    for subject in subjects:
        lane.edit(subject, version=2)
    for subject in subjects:
        lane.becomes(subject, "Serving", within=300)
    lane.silence(subjects)


def _resident(lane: Lane) -> float:
    """In MB, as the kernel counts it."""
    pages = Path(f"/proc/{lane.operator.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6
