"""Real servers, asked by clients and read by the operator's own reader: what is made of their numbers."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pintle.adapters.pod_metrics import PodMetrics
from pintle.api import Analysis
from pintle.domain import Comparison, Outcome, Reading, Subject, Target, Verdict
from pintle.sampling import Window, after
from tests.support.predicting import BODY
from tests.unit.runtime.conftest import Pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.unit.runtime.process import Server

REQUESTS = 60
CANDIDATE, STABLE = Target("c", "iris-v2", "127.0.0.1"), Target("s", "iris-v1", "127.0.0.1")
SUBJECT = Subject("iris-v2", "iris-v1", "10 %", Analysis(min_requests=50))
COMPARISON = Comparison(SUBJECT, (CANDIDATE,), (STABLE,), "iris version 2", "version 1")


@contextlib.contextmanager
def serving(model: Path, folder: Path) -> Iterator[Server]:
    pod = Pod(folder / "pod")
    pod.hold(model)
    with pod.serve() as server:
        server.wait_until_ready()
        yield server


@pytest.fixture(scope="module")
def stable(saved: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(saved("linear"), tmp_path_factory.mktemp("stable")) as server:
        yield server


def ask(server: Server) -> list[int]:
    """Send what clients send, by four of them at once; the statuses."""
    with ThreadPoolExecutor(4) as clients:
        answers = [clients.submit(server.request, "POST", "/invocations", BODY) for _ in range(REQUESTS)]
        return [answer.result()[0] for answer in answers]


def read(server: Server, target: Target) -> Reading:
    async def once() -> Reading:
        scraper = PodMetrics(port=server.port, seconds=60)
        try:
            return await scraper.read(target)
        finally:
            await scraper.close()

    return asyncio.run(once())


def compare(candidate: Server, stable: Server) -> Verdict:
    """Read both, and have both answer, until it can be told: on a busy machine chance does a lot."""
    window, why = Window(), ""
    for _ in range(10):
        readings = {"c": read(candidate, CANDIDATE), "s": read(stable, STABLE)}
        window, verdict = after(window, COMPARISON, readings)
        if verdict.outcome is not Outcome.INCONCLUSIVE:
            return verdict
        why = verdict.why
        ask(stable)
        ask(candidate)
    raise AssertionError(why)


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("boosted", (Outcome.PASSED, "")),
        ("sometimes-fails", (Outcome.FAILED, "failed 12 of 60 requests (20.0 %), version 1 0 of 60")),
        ("slow-for-clients", (Outcome.FAILED, "for 60 of 60 requests (100.0 %), version 1 answers 99 %")),
    ],
)
def test_a_version_by_its_requests(
    saved: Callable[[str], Path], tmp_path: Path, stable: Server, variant: str, expected: tuple[Outcome, str]
) -> None:
    """Each has answered its example well before: it is ready."""
    outcome, words = expected
    with serving(saved(variant), tmp_path) as candidate:
        verdict = compare(candidate, stable)
    print(f"{variant}: {verdict.outcome} {verdict.why}")
    assert verdict.outcome is outcome, verdict.why
    assert words in verdict.why


def test_the_status_that_it_fails_with(saved: Callable[[str], Path], tmp_path: Path) -> None:
    with serving(saved("sometimes-fails"), tmp_path) as server:
        assert sorted(set(ask(server))) == [200, 500]
