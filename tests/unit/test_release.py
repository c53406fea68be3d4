"""Who ends gives the Lease up, also where it has not heard that it has it."""

import asyncio

import pytest

from pintle.domain.resources import LEASES
from pintle.leadership import NAME
from tests.support.candidates import Place, told
from tests.support.fake_cluster import Fault
from tests.support.waiting import until_async


async def cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_who_is_told_to_stop_amid_a_renewal_hands_over_too() -> None:
    """The renewal is stored, and its answer is on its way: the Lease is not as it was seen last."""

    async def story(place: Place) -> None:
        one = place.candidate("one")
        await one.acquire()
        cluster = place.clusters["one"]
        keeping = asyncio.create_task(one.keep())
        await asyncio.sleep(1)
        cluster.answer_seconds = 0.5
        await until_async(lambda: cluster.writes()["patch", "leases"] == 1, within=5, what="a renewal")
        await cancelled(keeping)
        await one.release()
        assert place.holder == ""

    told(story)


def test_who_is_told_to_stop_amid_its_first_lease_hands_over_too() -> None:
    async def story(place: Place) -> None:
        one = place.candidate("one")
        cluster = place.clusters["one"]
        cluster.answer_seconds = 0.5
        waiting = asyncio.create_task(one.acquire())
        await until_async(lambda: cluster.writes()["create", "leases"] == 1, within=5, what="a Lease")
        await cancelled(waiting)
        assert place.holder == "one"
        await one.release()
        assert place.holder == ""

    told(story)


@pytest.mark.parametrize(("times", "holder"), [(1, ""), (2, "one")])
def test_a_renewal_that_is_stored_amid_the_release_is_released_once(times: int, holder: str) -> None:
    async def story(place: Place) -> None:
        one = place.candidate("one")
        await one.acquire()

        def renewed() -> None:
            spec = {"renewTime": f"2026-01-01T00:00:0{len(place.clusters['one'].requests)}.000000Z"}
            place.api.patch(LEASES, "pintle-system", NAME, {"spec": spec})

        place.clusters["one"].faults += [
            Fault("patch", "leases", ordinal=n, meanwhile=renewed) for n in range(1, times + 1)
        ]
        await one.release()
        assert place.holder == holder
        assert not one.leading

    told(story)


def test_who_never_took_the_lease_asks_nothing_in_the_end() -> None:
    async def story(place: Place) -> None:
        one, two = place.candidate("one"), place.candidate("two")
        await two.release()
        assert place.clusters["two"].requests == []
        await one.acquire()
        waiting = asyncio.create_task(two.acquire())
        await asyncio.sleep(3)
        await cancelled(waiting)
        asked = len(place.clusters["two"].requests)
        await two.release()
        assert len(place.clusters["two"].requests) == asked
        assert place.holder == "one"

    told(story)
