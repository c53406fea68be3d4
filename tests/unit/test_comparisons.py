"""Reading pods beside the passes, in virtual time: when, how many at once, and who is told."""

import asyncio
from collections import Counter

from pintle.api import Analysis
from pintle.comparisons import ALL_CONCURRENCY, CONCURRENCY, INTERVAL_SECONDS, Comparisons
from pintle.domain import Comparison, Key, Outcome, Reading, Subject, Target, Unreadable
from tests.support.resolver_bench import virtually
from tests.support.virtual_time import settle
from tests.unit.test_analysis import counted

IRIS, OTHER = Key("ml", "iris"), Key("shop", "iris")
TERMS = Analysis(min_requests=100)


def compare(pods: int = 1, stage: str = "10 %", name: str = "iris") -> Comparison:
    candidates = tuple(Target(f"{name}-c{n}", f"{name}-v2-{n}", f"10.0.0.{n}") for n in range(pods))
    stables = tuple(Target(f"{name}-s{n}", f"{name}-v1-{n}", f"10.0.1.{n}") for n in range(pods))
    subject = Subject(f"{name}-v2", f"{name}-v1", stage, TERMS)
    return Comparison(subject, candidates, stables, f"{name} version 2", "version 1")


class Pods:
    """A `ports.Scraper`: each pod has answered 30 more requests with each reading, some of them badly."""

    def __init__(self, *, failing: int = 0, seconds: float = 0.0) -> None:
        self.failing, self.seconds = failing, seconds
        self.reads: Counter[str] = Counter()
        self.at_once = self.most = 0
        self.hanging = False

    async def read(self, target: Target) -> Reading:
        self.reads[target.uid] += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(2 if self.hanging else self.seconds)
        finally:
            self.at_once -= 1
        if self.hanging:
            return Unreadable("does not answer")
        number = self.reads[target.uid]
        bad = number * self.failing if "-c" in target.uid else 0
        return counted(30 * number, bad)

    async def close(self) -> None: ...


@virtually
async def test_rounds_until_it_can_be_told() -> None:
    pods, requeued = Pods(), list[Key]()
    comparisons = Comparisons(pods, requeued.append)
    assert comparisons.want(IRIS, compare()).outcome is Outcome.INCONCLUSIVE
    await asyncio.sleep(4.5 * INTERVAL_SECONDS)
    assert comparisons.want(IRIS, compare()).outcome is Outcome.PASSED
    assert pods.reads["iris-c0"] == 5, "0, 30, 60, 90 and 120 more than at first"
    assert requeued == [IRIS, IRIS], "once for each thing that was news"
    await comparisons.stop()


@virtually
async def test_what_fails_is_told_once() -> None:
    pods, requeued = Pods(failing=10), list[Key]()
    comparisons = Comparisons(pods, requeued.append)
    comparisons.want(IRIS, compare())
    await asyncio.sleep(4.5 * INTERVAL_SECONDS)
    verdict = comparisons.want(IRIS, compare())
    assert verdict.outcome is Outcome.FAILED
    assert "failed 40 of 120 requests" in verdict.why
    await comparisons.stop()


@virtually
async def test_what_is_forgotten_is_read_no_more() -> None:
    pods = Pods()
    comparisons = Comparisons(pods, lambda _: None)
    comparisons.want(IRIS, compare())
    await asyncio.sleep(INTERVAL_SECONDS + 1)
    comparisons.forget(IRIS)
    reads = pods.reads.total()
    assert reads == 4
    await asyncio.sleep(100 * INTERVAL_SECONDS)
    assert pods.reads.total() == reads
    comparisons.forget(IRIS)
    await comparisons.stop()


@virtually
async def test_another_share_begins_anew_and_goes_on_reading() -> None:
    pods = Pods()
    comparisons = Comparisons(pods, lambda _: None)
    comparisons.want(IRIS, compare())
    await asyncio.sleep(4.5 * INTERVAL_SECONDS)
    assert comparisons.want(IRIS, compare()).outcome is Outcome.PASSED
    assert comparisons.want(IRIS, compare(stage="50 %")).outcome is Outcome.INCONCLUSIVE
    await asyncio.sleep(3 * INTERVAL_SECONDS)
    assert comparisons.want(IRIS, compare(stage="50 %")).outcome is Outcome.INCONCLUSIVE
    await asyncio.sleep(INTERVAL_SECONDS)
    assert comparisons.want(IRIS, compare(stage="50 %")).outcome is Outcome.PASSED
    await comparisons.stop()


@virtually
async def test_what_was_read_for_another_share_is_not_counted() -> None:
    """The share changes while pods are being read."""
    pods = Pods(seconds=1.0)
    comparisons = Comparisons(pods, lambda _: None)
    comparisons.want(IRIS, compare())
    await settle()
    first = comparisons.want(IRIS, compare(stage="50 %"))
    await asyncio.sleep(1.5)
    assert comparisons.want(IRIS, compare(stage="50 %")) == first
    await comparisons.stop()


@virtually
async def test_pods_that_hang_hold_up_nobody_else() -> None:
    """Every pod of many others takes the two seconds that it may."""
    hanging, pods = Pods(), Pods()
    hanging.hanging = True

    class Both:
        async def read(self, target: Target) -> Reading:
            return await (pods if target.uid.startswith("iris") else hanging).read(target)

        async def close(self) -> None: ...

    comparisons = Comparisons(Both(), lambda _: None)
    for number in range(6):
        comparisons.want(Key("bad", f"m{number}"), compare(16, name=f"m{number}"))
    comparisons.want(IRIS, compare())
    await asyncio.sleep(5 * INTERVAL_SECONDS)
    assert comparisons.want(IRIS, compare()).outcome is Outcome.PASSED
    assert hanging.most <= 6 * CONCURRENCY <= ALL_CONCURRENCY
    await comparisons.stop()


@virtually
async def test_no_more_at_once_than_is_allowed() -> None:
    pods = Pods(seconds=0.5)
    comparisons = Comparisons(pods, lambda _: None)
    comparisons.want(IRIS, compare(16))
    await asyncio.sleep(2)
    assert pods.most == CONCURRENCY
    for number in range(20):
        comparisons.want(Key("ml", f"m{number}"), compare(16, name=f"m{number}"))
    await asyncio.sleep(4)
    assert pods.most == ALL_CONCURRENCY
    await comparisons.stop()


@virtually
async def test_a_scraper_with_a_bug_is_asked_again_with_the_next_pass() -> None:
    pods = Pods()
    broken = True

    class Broken:
        async def read(self, target: Target) -> Reading:
            if broken:
                raise AssertionError(target)
            return await pods.read(target)

        async def close(self) -> None: ...

    comparisons = Comparisons(Broken(), lambda _: None)
    assert comparisons.want(IRIS, compare()).outcome is Outcome.INCONCLUSIVE
    await asyncio.sleep(3 * INTERVAL_SECONDS)
    broken = False
    assert comparisons.want(IRIS, compare()).outcome is Outcome.INCONCLUSIVE
    await asyncio.sleep(5 * INTERVAL_SECONDS)
    assert comparisons.want(IRIS, compare()).outcome is Outcome.PASSED
    await comparisons.stop()


@virtually
async def test_nothing_is_left_over() -> None:
    comparisons = Comparisons(Pods(seconds=60), lambda _: None)
    comparisons.want(IRIS, compare())
    comparisons.want(OTHER, compare())
    await settle()
    await comparisons.stop()
    assert {t for t in asyncio.all_tasks() if t is not asyncio.current_task()} == set()
