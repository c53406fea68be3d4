"""Candidates for the Lease, in virtual time on an API server in memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pintle import errors
from pintle.domain.resources import LEASES
from pintle.leadership import NAME, Leadership
from pintle.lease import Terms
from tests.support.fake_api_server import FakeApiServer
from tests.support.fake_cluster import FakeCluster, Fault
from tests.support.loop_clock import LoopClock
from tests.support.virtual_time import run_virtually

TERMS = Terms()


@dataclass
class Place:
    """One API server, and candidates by name, each with a client of its own."""

    api: FakeApiServer = field(default_factory=lambda: FakeApiServer(LoopClock(), ("pintle-system",)))
    clusters: dict[str, FakeCluster] = field(default_factory=dict)

    def candidate(self, name: str) -> Leadership:
        self.clusters[name] = FakeCluster(self.api)
        return Leadership(self.clusters[name], LoopClock(), namespace="pintle-system", me=name, terms=TERMS)

    def cut_off(self, name: str) -> None:
        """From now on, no answer of the API server reaches it."""
        gone = errors.Unavailable("connection refused")
        for verb in ("get", "patch", "create"):
            faults = [Fault(verb, "leases", ordinal=n, error=gone) for n in range(1, 1000)]
            self.clusters[name].faults += faults

    @property
    def holder(self) -> str:
        holder: str = self.api.get(LEASES, "pintle-system", NAME)["spec"]["holderIdentity"]
        return holder


def told(story: Callable[[Place], Awaitable[None]]) -> None:
    async def run() -> None:
        await story(Place())

    run_virtually(run())
