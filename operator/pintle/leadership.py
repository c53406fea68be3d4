"""Which of several operators works: the one that holds the Lease.

Only the leader works on keys; the others watch, so that they can go on at once. Two may overlap all the same,
as a process can be stopped between a decision and its write: the preconditions of every write make that
harmless (docs/architecture.md), and `guard` keeps it rare.
"""

import asyncio
import logging

from pintle import lease
from pintle.domain.resources import LEASES
from pintle.errors import ClusterError, Conflict, NotFound, Unavailable
from pintle.lease import Seen, Terms
from pintle.ports import Clock, Cluster

log = logging.getLogger(__name__)

NAME = "pintle-operator"


class Lost(Exception):
    """The Lease could not be renewed, or somebody else has it."""


class Leadership:
    """One candidate, called `me`: started anew under that name, a process has its Lease back at once."""

    def __init__(self, cluster: Cluster, clock: Clock, *, namespace: str, me: str, terms: Terms) -> None:
        self._cluster = cluster
        self._clock = clock
        self._namespace = namespace
        self._me = me
        self._terms = terms
        self._seen: Seen | None = None
        self._until: float | None = None
        self._tried = False  # to take it: it may be held from then on, whatever was answered

    @property
    def leading(self) -> bool:
        """Whether the Lease is held, by the last that is known."""
        return self._until is not None and asyncio.get_running_loop().time() < self._until

    def guard(self) -> None:
        """Refuse to write where somebody else may be the leader by now: raises Unavailable."""
        if not self.leading:
            raise Unavailable("not written: this operator does not hold the Lease")

    async def acquire(self) -> None:
        """Wait until the Lease is held."""
        while True:
            if await self._attempt():
                break
            await asyncio.sleep(self._terms.retry)
        log.info("this operator, %s, is the leader", self._me)

    async def keep(self) -> None:
        """Renew the Lease for as long as that can be done.

        Raises:
            Lost: it cannot. Whoever works has to stop.
        """
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while True:
            await asyncio.sleep(self._terms.retry)
            began = loop.time()
            if await self._attempt():
                renewed = began
            elif self._until is None or loop.time() >= renewed + self._terms.deadline:
                self._until = None
                raise Lost(f"{self._me} does not hold Lease {self._namespace}/{NAME} any more")

    async def release(self) -> None:
        """Give the Lease up, if it is held: the next leader need not wait for its end.

        Only the API server knows whether it is: who is told to stop amid a renewal has not heard its answer.
        """
        self._until = None
        if not self._tried:
            return
        try:
            async with asyncio.timeout(self._terms.retry):
                try:
                    await self._give_up()
                except Conflict:  # a renewal was on its way even now
                    await self._give_up()
        except (ClusterError, TimeoutError) as error:
            log.warning("cannot release the Lease, it ends by itself: %s", str(error) or "no answer")

    async def _give_up(self) -> None:
        body = await self._cluster.get(LEASES, self._namespace, NAME)
        seen = lease.see(body, self._seen, asyncio.get_running_loop().time())
        if seen.holder == self._me:
            await self._cluster.patch(LEASES, self._namespace, NAME, lease.release(seen))

    async def _attempt(self) -> bool:
        """Look at the Lease and take or renew it, within a pause's time; whether it is held then."""
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(self._terms.retry, 1)):
                held = await self._take()
        except (ClusterError, TimeoutError) as error:
            log.warning("cannot get hold of Lease %s/%s: %s", self._namespace, NAME, error or "no answer")
            return False
        # Counted from before the request: others count from when they see it.
        self._until = began + self._terms.duration if held else None
        return held

    async def _take(self) -> bool:
        loop = asyncio.get_running_loop()
        try:
            body = await self._cluster.get(LEASES, self._namespace, NAME)
        except NotFound:
            made = lease.new(NAME, self._me, self._terms, self._clock.now())
            self._tried = True
            body = await self._cluster.create(LEASES, self._namespace, made)
            self._seen = lease.see(body, None, loop.time())
            return True
        self._seen = lease.see(body, self._seen, loop.time())
        if not lease.may_take(self._seen, self._me, loop.time()):
            return False
        patch = lease.hold(self._seen, self._me, self._terms, self._clock.now())
        self._tried = True
        body = await self._cluster.patch(LEASES, self._namespace, NAME, patch)
        self._seen = lease.see(body, self._seen, loop.time())
        return True
