"""Stop it anywhere (P7): the same end and the same pods, whatever happens at whichever write."""

import pytest

from tests.support.disturbed import HISTORIES
from tests.support.kills import points, undisturbed

# The others take minutes, all in all.
OFTEN = {"create", "version change", "roll back", "a standby whose time is over", "a proof that fails"}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in OFTEN else pytest.mark.slow) for name in HISTORIES],
)
def test_the_end_is_as_if_nothing_had_happened(name: str) -> None:
    wanted, tried = undisturbed(HISTORIES[name]), 0
    for point in points(HISTORIES[name]):
        wrong = list(point.differences(wanted))
        assert not wrong, "\n".join(wrong)
        tried += 1
    print(f"{name}: {tried} points")
