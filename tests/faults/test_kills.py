"""Every write of every workload x {killed before it, killed after it, answer lost}, with real processes.

`make test` runs that of a rollback; `make test-all` runs all of them.
"""

import pytest

from tests.support.faults.campaign import Campaign, Outcome
from tests.support.faults.lane import Lane
from tests.support.faults.rules import Effect
from tests.support.faults.workloads import BY_NAME, Workload

EFFECTS = (Effect.LOST, Effect.KILL_BEFORE, Effect.KILL_AFTER)
SHORT = ("rollback",)


def run(lane: Lane, workload: Workload) -> Outcome:
    campaign = Campaign(lane, workload)
    clean = campaign.clean()
    outcome = campaign.run(clean, clean.writes, EFFECTS)
    print(outcome)
    return outcome


@pytest.mark.parametrize("name", SHORT)
def test_every_write_of(lane: Lane, name: str) -> None:
    outcome = run(lane, BY_NAME[name])
    assert outcome.wrong == {}
    assert outcome.struck > 0.9 * 3 * outcome.requests, outcome.missed


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in SHORT])
def test_every_write_of_the_others(lane: Lane, name: str) -> None:
    outcome = run(lane, BY_NAME[name])
    assert outcome.wrong == {}
    assert outcome.struck >= 0.9 * 3 * outcome.requests, outcome.missed
