"""Which of two operators is the leader, in virtual time on an API server in memory."""

import asyncio

import pytest

from pintle import errors
from pintle.domain.resources import LEASES, SERVICES
from pintle.guarded import Guarded
from pintle.leadership import NAME, Lost
from tests.support.candidates import TERMS, Place, told
from tests.support.fake_cluster import Fault


def now() -> float:
    return asyncio.get_running_loop().time()


def test_the_first_leads_at_once_and_the_second_waits() -> None:
    async def story(place: Place) -> None:
        one, two = place.candidate("one"), place.candidate("two")
        await one.acquire()
        assert (now(), place.holder) == (0, "one")
        keeping = asyncio.create_task(one.keep())
        waiting = asyncio.create_task(two.acquire())
        await asyncio.sleep(3600)
        assert (one.leading, two.leading, keeping.done(), waiting.done()) == (True, False, False, False)
        assert place.clusters["two"].writes().total() == 0, "who waits writes nothing"
        waiting.cancel()
        keeping.cancel()

    told(story)


def test_who_is_told_to_stop_hands_over_within_a_pause() -> None:
    async def story(place: Place) -> None:
        one, two = place.candidate("one"), place.candidate("two")
        await one.acquire()
        waiting = asyncio.create_task(two.acquire())
        await asyncio.sleep(7)
        began = now()
        await one.release()
        assert not one.leading
        await waiting
        assert now() - began <= TERMS.retry
        assert place.api.get(LEASES, "pintle-system", NAME)["spec"]["leaseTransitions"] == 1

    told(story)


def test_who_is_killed_is_followed_when_the_lease_has_run_out() -> None:
    async def story(place: Place) -> None:
        one, two = place.candidate("one"), place.candidate("two")
        await one.acquire()
        waiting = asyncio.create_task(two.acquire())
        keeping = asyncio.create_task(one.keep())
        await asyncio.sleep(100)
        keeping.cancel()
        began = now()
        await waiting
        assert TERMS.duration - TERMS.retry <= now() - began <= TERMS.duration + TERMS.retry

    told(story)


def test_who_is_cut_off_stops_before_another_begins() -> None:
    async def story(place: Place) -> None:
        one, two = place.candidate("one"), place.candidate("two")
        await one.acquire()
        waiting = asyncio.create_task(two.acquire())
        keeping = asyncio.create_task(one.keep())
        await asyncio.sleep(100)
        place.cut_off("one")
        with pytest.raises(Lost):
            await keeping
        assert not one.leading
        assert not waiting.done()
        await waiting

    told(story)


def test_a_blip_is_no_loss() -> None:
    async def story(place: Place) -> None:
        one = place.candidate("one")
        await one.acquire()
        keeping = asyncio.create_task(one.keep())
        await asyncio.sleep(100)
        gone = errors.Unavailable("connection refused")
        place.clusters["one"].faults += [Fault("get", "leases", ordinal=n, error=gone) for n in (1, 2, 3)]
        await asyncio.sleep(100)
        assert not keeping.done()
        assert one.leading
        keeping.cancel()

    told(story)


def test_whose_lease_is_taken_away_stops_with_the_next_look() -> None:
    async def story(place: Place) -> None:
        one = place.candidate("one")
        await one.acquire()
        keeping = asyncio.create_task(one.keep())
        await asyncio.sleep(3)
        place.api.patch(LEASES, "pintle-system", NAME, {"spec": {"holderIdentity": "two"}})
        began = now()
        with pytest.raises(Lost):
            await keeping
        assert now() - began <= TERMS.retry
        await one.release()
        assert place.holder == "two", "what is another's is not released"

    told(story)


def test_a_process_started_anew_under_its_name_goes_on_at_once() -> None:
    async def story(place: Place) -> None:
        await place.candidate("one").acquire()
        await asyncio.sleep(1)
        await place.candidate("one").acquire()
        assert now() == 1

    told(story)


def test_a_candidate_goes_by_its_own_clock() -> None:
    """The times in a Lease are another machine's: it is held for as long as it is seen to change."""

    async def story(place: Place) -> None:
        ancient = "2001-01-01T00:00:00.000000Z"
        spec = {"holderIdentity": "other", "leaseDurationSeconds": 15, "renewTime": ancient}
        place.api.create(LEASES, "pintle-system", {"metadata": {"name": NAME}, "spec": spec})
        waiting = asyncio.create_task(place.candidate("one").acquire())
        for second in range(40):
            change = {"spec": {"renewTime": f"2001-01-01T00:00:{second:02}.000000Z"}}
            place.api.patch(LEASES, "pintle-system", NAME, change)
            await asyncio.sleep(1)
        assert not waiting.done()
        await waiting
        assert now() >= 40 - 1 + TERMS.duration

    told(story)


def test_only_the_leader_writes() -> None:
    async def story(place: Place) -> None:
        one = place.candidate("one")
        cluster = Guarded(place.clusters["one"], one.guard)
        service = {"metadata": {"name": "iris"}, "spec": {}}
        with pytest.raises(errors.Unavailable, match="does not hold the Lease"):
            await cluster.create(SERVICES, "pintle-system", service)
        await one.acquire()
        made = await cluster.create(SERVICES, "pintle-system", service)
        await asyncio.sleep(TERMS.duration + 1)  # stopped as a whole, by a debugger or the hypervisor
        for write in (
            cluster.patch(SERVICES, "pintle-system", "iris", {}),
            cluster.replace(SERVICES, "pintle-system", made),
            cluster.delete(SERVICES, "pintle-system", "iris", uid=made["metadata"]["uid"]),
        ):
            with pytest.raises(errors.Unavailable):
                await write
        assert await cluster.get(SERVICES, "pintle-system", "iris") == made

    told(story)
