"""Events: one for the same words within ten minutes, never in the way of whoever posts them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from pintle import errors
from pintle.adapters.telemetry.events import EVENTS, KubernetesEvents
from pintle.domain.resources import MODEL_DEPLOYMENTS, MODEL_RUNTIMES
from pintle.ports import Event
from tests.support.fake_api_server import FakeApiServer
from tests.support.fake_clock import FakeClock
from tests.support.fake_cluster import FakeCluster, Fault

EVENT = Event(
    regarding=MODEL_DEPLOYMENTS,
    namespace="ml",
    name="iris",
    uid="uid-1",
    type="Warning",
    reason="ProofFailed",
    message="prediction[0] is NaN",
)


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.api = FakeApiServer(self.clock, namespaces=("ml", "default"))
        self.cluster = FakeCluster(self.api)
        self.events = KubernetesEvents(self.cluster, self.clock, instance="pintle-operator-0")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    running = asyncio.create_task(world.events.run())
    yield world
    running.cancel()


async def test_an_event_says_what_happened_to_what(world: World) -> None:
    world.events.post(EVENT)
    await world.events.drain()
    (event,) = world.api.objects(EVENTS)
    assert event["metadata"]["namespace"] == "ml"
    assert event["regarding"] == {
        "apiVersion": "pintle.dev/v1alpha1",
        "kind": "ModelDeployment",
        "namespace": "ml",
        "name": "iris",
        "uid": "uid-1",
    }
    shown = {k: event[k] for k in ("type", "reason", "note", "action", "reportingInstance", "eventTime")}
    assert shown == {
        "type": "Warning",
        "reason": "ProofFailed",
        "note": "prediction[0] is NaN",
        "action": "Reconcile",
        "reportingInstance": "pintle-operator-0",
        "eventTime": "2026-01-01T12:00:00.000000Z",
    }


async def test_the_same_within_ten_minutes_is_counted(world: World) -> None:
    for _ in range(3):
        world.events.post(EVENT)
        await world.events.drain()
        world.clock.advance(300)
    (event,) = world.api.objects(EVENTS)
    assert event["series"] == {"count": 3, "lastObservedTime": "2026-01-01T12:10:00.000000Z"}
    world.clock.advance(301)
    world.events.post(EVENT)
    await world.events.drain()
    assert len(world.api.objects(EVENTS)) == 2


@pytest.mark.parametrize(
    "other",
    [replace(EVENT, uid="uid-2"), replace(EVENT, reason="LoadFailed"), replace(EVENT, message="another")],
)
async def test_what_differs_is_another_event(world: World, other: Event) -> None:
    world.events.post(EVENT)
    world.events.post(other)
    await world.events.drain()
    assert len(world.api.objects(EVENTS)) == 2


async def test_an_event_that_has_expired_is_written_anew(world: World) -> None:
    world.events.post(EVENT)
    await world.events.drain()
    (event,) = world.api.objects(EVENTS)
    world.api.remove(EVENTS, "ml", event["metadata"]["name"])
    world.events.post(EVENT)
    await world.events.drain()
    (event,) = world.api.objects(EVENTS)
    assert "series" not in event


async def test_an_event_about_a_cluster_scoped_object_lives_in_default(world: World) -> None:
    world.events.post(replace(EVENT, regarding=MODEL_RUNTIMES, namespace="", name="sklearn"))
    await world.events.drain()
    (event,) = world.api.objects(EVENTS)
    assert event["metadata"]["namespace"] == "default"
    assert "namespace" not in event["regarding"]


async def test_a_note_is_as_long_as_the_api_server_takes(world: World) -> None:
    world.events.post(replace(EVENT, message="é\n" * 5000))
    await world.events.drain()
    (event,) = world.api.objects(EVENTS)
    assert 1000 < len(event["note"].encode()) <= 1024
    assert "\n" not in event["note"]


@pytest.mark.parametrize("error", [errors.Unavailable("down"), errors.Forbidden("quota"), ValueError("ours")])
async def test_an_event_that_cannot_be_written_is_given_up(world: World, error: Exception) -> None:
    world.cluster.faults.append(Fault("create", "events", error=error))
    world.events.post(EVENT)
    world.events.post(replace(EVENT, message="another"))
    await world.events.drain()
    (event,) = world.api.objects(EVENTS)
    assert event["note"] == "another"


async def test_posting_never_waits_and_never_fails() -> None:
    world = World()  # nobody writes
    for number in range(2000):
        world.events.post(replace(EVENT, message=str(number)))
    assert world.api.objects(EVENTS) == []
