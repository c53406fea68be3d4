"""Two operators overlap, one with a late decision: nothing is lost, and both end as one alone."""

import pytest

from tests.support.disturbed import HISTORIES
from tests.support.overlap import overlaps

# Where pods are started again, a late start of those that stand by now is as good as one before the edit.
COMPARED = [name for name in HISTORIES if name != "back from 0 replicas"]
# The others take minutes.
OFTEN = {"create", "roll back", "a standby whose time is over"}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in OFTEN else pytest.mark.slow) for name in COMPARED],
)
def test_a_late_write_of_another_operator(name: str) -> None:
    tried = 0
    for overlap in overlaps(HISTORIES[name]):
        wrong = list(overlap.differences())
        assert not wrong, "\n".join(wrong)
        tried += 2
    print(f"{name}: {tried} interleavings")
