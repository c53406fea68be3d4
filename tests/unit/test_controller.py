"""What a pass's end means for when its key comes back, in virtual time."""

import asyncio
from itertools import pairwise

import pytest

from pintle import errors
from pintle.controller import CONFLICT_FIRST, Controller
from pintle.domain import Key
from pintle.ports import Json
from pintle.workqueue import BACKOFF_FIRST, BACKOFF_LIMIT, WorkQueue
from tests.support.virtual_time import run_virtually

KEY = Key("ml", "iris")


class Counted:
    """A `ports.Metrics` that keeps the outcomes of passes."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def reconciled(self, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.outcomes.append(outcome)

    def polled(self, outcome: str) -> None:
        raise AssertionError(outcome)

    def transition(self, outcome: str) -> None:
        raise AssertionError(outcome)

    def deployment(self, namespace: str, name: str, *, status: Json | None, model: str = "") -> None:
        raise AssertionError((namespace, name, status, model))


def passes(results: list[float | BaseException | None]) -> tuple[list[float], list[str]]:
    """Times at which a key is worked on when its passes end like this, and the outcomes counted."""
    times: list[float] = []
    metrics = Counted()

    async def run() -> None:
        queue = WorkQueue[Key](jitter=lambda: 0.0)
        left = iter(results)

        async def reconcile(key: Key) -> float | None:
            assert key == KEY
            times.append(asyncio.get_running_loop().time())
            result = next(left)
            if isinstance(result, BaseException):
                raise result
            if len(times) == len(results):
                queue.shut_down()
            return result

        queue.add(KEY)
        await Controller("thing", queue, reconcile, metrics).run(workers=2)

    run_virtually(run())
    return times, metrics.outcomes


def test_a_pass_says_when_it_wants_to_be_made_again() -> None:
    assert passes([5.0, 2.5, None]) == ([0, 5, 7.5], ["ok", "ok", "ok"])


@pytest.mark.parametrize(
    ("error", "after", "outcome"),
    [
        (errors.Conflict("", status=409), CONFLICT_FIRST, "conflict"),
        (errors.Waiting("Starting", "", after=3), 3, "retry"),
        (errors.Unavailable("", after=7), 7, "retry"),
        (errors.Unavailable(""), BACKOFF_FIRST, "retry"),
        (errors.Forbidden(""), BACKOFF_FIRST, "retry"),
        (errors.Terminal("InvalidSpec", ""), BACKOFF_FIRST, "retry"),
        (errors.Retryable("RegistryUnavailable", ""), BACKOFF_FIRST, "retry"),
        (ValueError("a fault of our own"), BACKOFF_FIRST, "error"),
    ],
)
def test_a_failed_pass_is_made_again(error: Exception, after: float, outcome: str) -> None:
    assert passes([error, None]) == ([0, after], [outcome, "ok"])


def test_failures_in_a_row_come_ever_slower_and_success_starts_anew() -> None:
    errors_in_a_row: list[float | BaseException | None] = [errors.Unavailable("") for _ in range(10)]
    times, _ = passes([*errors_in_a_row, 0.001, errors.Unavailable(""), None])
    gaps = [round(later - earlier, 3) for earlier, later in pairwise(times)]
    assert gaps[:4] == [0.25, 0.5, 1.0, 2.0]
    assert gaps[9] == BACKOFF_LIMIT
    assert gaps[-1] == BACKOFF_FIRST
