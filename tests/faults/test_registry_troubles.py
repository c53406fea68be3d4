"""A registry in each kind of trouble: the way back is open, and what waits says what for."""

from collections.abc import Iterator

import pytest

from tests.support.faults import oracles
from tests.support.faults.bench import Bench
from tests.support.faults.lane import MODEL, VERSIONS, Lane
from tests.support.faults.registry import RegistryStandIn, Trouble

WAITS = {
    Trouble.REFUSES: "RegistryUnavailable",
    Trouble.HANGS: "RegistryUnavailable",
    Trouble.SLOW: "Serving",
    Trouble.BROKEN: "RegistryUnavailable",
    Trouble.UNAUTHORIZED: "RegistryForbidden",
    Trouble.HTML: "RegistryUnavailable",
    Trouble.WRONG_SCHEMA: "RegistryUnavailable",
}
# The way back asks nobody: it is a write or two, whatever the machine is busy with. To ask a registry that
# hangs would take 10 s.
AT_ONCE = 9.0


@pytest.fixture
def registry(bench: Bench) -> Iterator[RegistryStandIn]:
    """A registry of the test's own."""
    registry = RegistryStandIn()
    registry.register(MODEL, *VERSIONS)
    bench.loop.run(registry.start())
    yield registry
    bench.loop.run(registry.stop())


@pytest.mark.parametrize("trouble", list(Trouble), ids=lambda t: t.name.lower())
def test_a_registry_that(lane: Lane, registry: RegistryStandIn, trouble: Trouble) -> None:
    lane.connect("troubled", registry.uri)
    reference = {"registryRef": {"name": "troubled"}}
    subject, waiting = lane.subject(), lane.subject()
    lane.create(subject, {"version": 1, **reference})
    lane.becomes(subject, "Serving")
    lane.edit(subject, version=2)
    lane.becomes(subject, "Serving")

    lane.bench.loop.run(registry.be(trouble))
    lane.edit(subject, version=1)
    lane.becomes(subject, "Serving", within=AT_ONCE)
    lane.create(waiting, {"version": 3, **reference})
    lane.edit(subject, version=3)
    for each in (subject, waiting):
        lane.becomes(each, WAITS[trouble])

    lane.bench.loop.run(registry.be(None))
    for each in (subject, waiting):
        lane.becomes(each, "Serving")
        assert list(oracles.broken_promises(lane.bench.witness.history(each))) == []
