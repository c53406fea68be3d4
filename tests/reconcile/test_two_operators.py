"""Two operators overlap, one with a late decision: nothing is lost, and both end as one alone."""

import pytest

from tests.support.histories import FETCHING, NAN, V1, V2, Edit
from tests.support.overlap import overlaps

SHORT = {"rollout": {"standbySeconds": 30}}
HISTORIES = {
    "create": (V1,),
    "version change": (V1, V2),
    "roll back": (V1, V2, Edit({"version": 1})),
    "roll back to what has no pods": (
        Edit({"version": 1, "replicas": 2, **SHORT}),
        Edit({"version": 2}, seconds=60),
        Edit({"version": 1}),
    ),
    "a standby that is replaced": (V1, V2, Edit({"version": 3})),
    "a standby whose time is over": (Edit({"version": 1, "replicas": 2, **SHORT}), V2, Edit(seconds=60)),
    "a proof that fails": (V1, Edit({"version": 2}, fates={"2": NAN})),
    "an edit in mid-rollout": (V1, Edit({"version": 2}, fates={"2": FETCHING}), Edit({"version": 3})),
    "more replicas": (V1, V2, Edit({"replicas": 3})),
    "another shape": (V1, V2, Edit({"resources": {"requests": {"cpu": "200m"}}})),
    "0 replicas": (V1, V2, Edit({"replicas": 0})),
    "pruned": (
        Edit({"version": 1, "replicas": 2, "revisionHistoryLimit": 0, **SHORT}),
        V2,
        Edit(seconds=60),
    ),
}


# The others take minutes.
OFTEN = {
    "create",
    "version change",
    "roll back",
    "roll back to what has no pods",
    "a standby whose time is over",
    "more replicas",
    "pruned",
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in OFTEN else pytest.mark.slow) for name in HISTORIES],
)
def test_a_late_write_of_another_operator(name: str) -> None:
    tried = 0
    for overlap in overlaps(HISTORIES[name]):
        wrong = list(overlap.differences())
        assert not wrong, "\n".join(wrong)
        tried += 2
    print(f"{name}: {tried} interleavings")
