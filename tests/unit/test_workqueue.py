"""client-go's rules, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pintle.workqueue import BACKOFF_FIRST, BACKOFF_LIMIT, ShutDown, WorkQueue
from tests.support.virtual_time import run_virtually, settle


def now() -> float:
    return asyncio.get_running_loop().time()


def virtually(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        async def body() -> None:
            await test()

        run_virtually(body())

    run.__name__ = getattr(test, "__name__", "test")
    return run


@virtually
async def test_a_waiting_key_is_there_once() -> None:
    queue = WorkQueue[str]()
    for key in ("a", "b", "a"):
        queue.add(key)
    assert queue.depth() == 2
    assert [await queue.get(), await queue.get()] == ["a", "b"]
    assert queue.depth() == 0


@virtually
async def test_a_key_added_while_worked_on_waits_until_done() -> None:
    queue = WorkQueue[str]()
    queue.add("a")
    key = await queue.get()
    queue.add("a")
    waiter = asyncio.create_task(queue.get())
    await settle()
    assert not waiter.done()
    queue.done(key)
    assert await waiter == "a"


@virtually
async def test_one_key_is_never_worked_on_twice_at_once_and_workers_are_bounded() -> None:
    queue = WorkQueue[int]()
    busy: set[int] = set()
    most = 0
    worked: list[int] = []
    idle = asyncio.Event()

    async def work(key: int) -> None:
        nonlocal most
        assert key not in busy
        busy.add(key)
        most = max(most, len(busy))
        await asyncio.sleep(1)
        busy.remove(key)
        worked.append(key)
        if not busy and not queue.depth():
            idle.set()

    workers = asyncio.create_task(queue.run(work, workers=3))
    for repeat in range(4):
        for key in range(6):
            queue.add(key)
        await asyncio.sleep(0.4 * repeat)
    await idle.wait()
    queue.shut_down()
    await workers
    assert most == 3
    assert set(worked) == set(range(6))


@virtually
async def test_of_several_later_times_the_earliest_wins() -> None:
    queue = WorkQueue[str]()
    queue.add_after("a", 30)
    queue.add_after("a", 10)
    queue.add_after("a", 20)
    assert queue.depth() == 0
    assert await queue.get() == "a"
    assert now() == pytest.approx(10)
    queue.done("a")
    await asyncio.sleep(60)
    assert queue.depth() == 0


@virtually
async def test_backoff_doubles_up_to_its_limit_until_forgotten() -> None:
    queue = WorkQueue[str](jitter=lambda: 0.0)
    waits = []
    for _ in range(12):
        waits.append(queue.add_rate_limited("a"))
        queue.done(await queue.get())
    assert waits[:5] == [BACKOFF_FIRST * 2**n for n in range(5)]
    assert waits[-1] == BACKOFF_LIMIT
    queue.forget("a")
    assert queue.add_rate_limited("a") == BACKOFF_FIRST


@virtually
async def test_jitter_only_shortens() -> None:
    queue = WorkQueue[str](jitter=lambda: 0.999)
    assert BACKOFF_FIRST * 0.75 <= queue.add_rate_limited("a") < BACKOFF_FIRST


@virtually
async def test_backoff_may_start_lower_and_is_never_below_what_was_asked_for() -> None:
    queue = WorkQueue[str](jitter=lambda: 0.0)
    assert queue.add_rate_limited("a", first=0.05) == 0.05
    assert queue.add_rate_limited("a", first=0.05) == 0.1
    assert queue.add_rate_limited("a", least=7) == 7


@virtually
async def test_the_oldest_age_counts_waiting_and_stuck_work_but_not_what_is_planned() -> None:
    queue = WorkQueue[str]()
    queue.add_after("later", 100)
    await asyncio.sleep(5)
    assert queue.oldest_age(now()) == 0
    queue.add("a")
    await asyncio.sleep(5)
    assert queue.oldest_age(now()) == pytest.approx(5)
    key = await queue.get()
    await asyncio.sleep(7)
    assert queue.oldest_age(now()) == pytest.approx(7)
    queue.done(key)
    assert queue.oldest_age(now()) == 0


@virtually
async def test_shutting_down_waits_for_current_work_and_drops_the_rest() -> None:
    queue = WorkQueue[str]()
    ended: list[str] = []

    async def work(key: str) -> None:
        await asyncio.sleep(3)
        ended.append(key)

    workers = asyncio.create_task(queue.run(work, workers=2))
    for key in ("a", "b", "c"):
        queue.add(key)
    await asyncio.sleep(1)
    queue.shut_down()
    await workers
    assert sorted(ended) == ["a", "b"]
    assert now() == pytest.approx(3)
    with pytest.raises(ShutDown):
        await queue.get()


@virtually
async def test_a_cancelled_waiter_loses_no_key() -> None:
    queue = WorkQueue[str]()
    waiters = [asyncio.create_task(queue.get()) for _ in range(2)]
    await settle()
    queue.add("a")
    waiters[0].cancel()
    done, _ = await asyncio.wait(waiters)
    assert [task.result() for task in done if not task.cancelled()] == ["a"]


@virtually
async def test_work_that_raises_ends_the_run() -> None:
    queue = WorkQueue[str]()
    queue.add("a")

    async def work(_: str) -> None:
        raise RuntimeError("boom")

    with pytest.raises(ExceptionGroup) as caught:
        await queue.run(work, workers=2)
    assert caught.group_contains(RuntimeError, match="boom")
