"""One control plane for all tests with faults, apart from that of the other tests: its pods are played."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.faults import bench as benches
from tests.support.faults.bench import Bench
from tests.support.faults.lane import Lane
from tests.support.faults.workloads import FATES


# Not for the session: the API server ends a watch after half an hour to an hour, and so long that may last.
@pytest.fixture(scope="package")
def bench() -> Iterator[Bench]:
    with benches.raised() as raised:
        raised.player.fates.update(FATES)
        yield raised


@pytest.fixture
def lane(bench: Bench, tmp_path: Path) -> Iterator[Lane]:
    """A namespace of the test's own, and its operator at work."""
    with bench.lane(tmp_path) as lane:
        lane.operator.start()
        yield lane
