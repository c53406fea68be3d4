"""Tags on versions in the registry: what is written when, and what a registry in trouble holds up."""

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest

from pintle.conditions import Reason
from pintle.domain import RegisteredVersion
from pintle.domain.resources import (
    CLUSTER_REGISTRY_CONNECTIONS,
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    MODEL_DEPLOYMENTS,
    NAMESPACES,
    REGISTRY_CONNECTIONS,
)
from pintle.errors import Terminal
from tests.support.connections_world import (
    HOUR,
    NAME,
    NAMESPACE,
    OUTAGE,
    SOON,
    URI,
    ConnectionsWorld,
    history,
)
from tests.support.fake_cluster import Fault, Verb
from tests.support.fake_registry import FakeServer

LEDGER = f"pintle-tags-{NAME}"
SINCE = "2026-11-25T14:05:00Z"
SERVING = f"serving since {SINCE}"
# A debounce of a second, a look at the connection, and two requests and a pause for each tag.
WRITTEN = 10.0


def deploy(
    world: ConnectionsWorld,
    name: str = "iris",
    *,
    registry: str = NAME,
    cluster: bool = False,
    server: FakeServer | None = None,
) -> None:
    """A ModelDeployment, and a record for each version that the registry has."""
    ref = {"name": registry} | ({"kind": "ClusterRegistryConnection"} if cluster else {})
    spec = {"registryRef": ref, "model": "iris", "version": "1"}
    world.api.create(MODEL_DEPLOYMENTS, NAMESPACE, {"metadata": {"name": name}, "spec": spec})
    for version in ("1", "2", "3"):
        known = f"ClusterRegistryConnection/{registry}" if cluster else registry
        record(world, name, (server or world.server).find_version("iris", version), known)


def record(world: ConnectionsWorld, name: str, found: RegisteredVersion, registry: str) -> None:
    version = found.version
    identity = {
        "registry": registry,
        "model": "iris",
        "version": version,
        "source": found.source,
        "createdTime": found.created_time,
    }
    data = {
        "identity": identity,
        "shape": {},
        "template": {},
        "runtime": {"name": "default", "image": "runtime:1"},
        "revisionFile": {},
    }
    labels = {"app.kubernetes.io/managed-by": "pintle", "pintle.dev/deployment": name}
    body = {
        "metadata": {"name": f"{name}-v{version}", "labels": labels},
        "revision": int(version),
        "data": data,
    }
    world.api.create(CONTROLLER_REVISIONS, NAMESPACE, body)


def say(
    world: ConnectionsWorld, name: str = "iris", *, serving: str = "", standby: str = "", rejected: str = ""
) -> None:
    """Write the status that the operator would."""
    status: dict[str, Any] = {"observedGeneration": 1}
    if serving:
        status["serving"] = {"version": serving, "revision": f"{name}-v{serving}", "since": SINCE}
    if standby:
        status["standby"] = {"version": standby, "revision": f"{name}-v{standby}"}
    if rejected:
        refused = {"version": rejected, "revision": f"{name}-v{rejected}", "reason": "ProofFailed"}
        status["rejected"] = [refused | {"message": "NaN", "time": SINCE}]
    world.api.set_status(MODEL_DEPLOYMENTS, NAMESPACE, name, status)


def register(world: ConnectionsWorld) -> None:
    """Three versions, of which the first has a tag of somebody else's."""
    for _ in range(3):
        world.server.register("iris")
    world.server.set_tag("iris", "1", "owner", "ann")


def held(world: ConnectionsWorld) -> dict[str, dict[str, str]]:
    """The tags that the registry has, by version."""
    return {v: dict(world.server.find_version("iris", v).tags) for v in ("1", "2", "3")}


def asked(world: ConnectionsWorld) -> list[tuple[str, str]]:
    """What the registry was asked about tags since the last call."""
    found = [(a.what, a.wanted) for a in world.server.asked if a.what in ("set-tag", "delete-tag", "version")]
    world.server.asked.clear()
    return found


def ledger(world: ConnectionsWorld, name: str = LEDGER) -> list[dict[str, Any]] | None:
    body = world.api.find(CONFIG_MAPS, NAMESPACE, name)
    return json.loads(body["data"]["tags.json"]) if body else None


OURS = "pintle.prod.ml.iris"
UNTAGGED: dict[str, dict[str, str]] = {"1": {"owner": "ann"}, "2": {}, "3": {}}


@history
async def test_what_serves_stands_by_and_was_refused(world: ConnectionsWorld) -> None:
    register(world)
    world.connect(writeBack=True)
    deploy(world)
    say(world, serving="1")
    await asyncio.sleep(WRITTEN)
    assert held(world) == UNTAGGED | {"1": {"owner": "ann", OURS: SERVING}}
    say(world, serving="2", standby="1", rejected="3")
    await asyncio.sleep(WRITTEN)
    assert held(world) == {
        "1": {"owner": "ann", OURS: "standby"},
        "2": {OURS: SERVING},
        "3": {OURS: "rejected: ProofFailed"},
    }
    say(world, serving="2")
    await asyncio.sleep(WRITTEN)
    assert held(world) == UNTAGGED | {"2": {OURS: SERVING}}, "what is kept no longer is not called so"


@history
async def test_without_it_nothing_is_written(world: ConnectionsWorld) -> None:
    """The control, and the default."""
    register(world)
    world.connect()
    deploy(world)
    say(world, serving="1")
    await asyncio.sleep(HOUR)
    assert (held(world), asked(world), ledger(world)) == (UNTAGGED, [], None)


@history
async def test_what_is_written_is_not_asked_about_again(world: ConnectionsWorld) -> None:
    """Neither when statuses change in what no tag says, nor with a resync, nor by the next process."""
    register(world)
    world.connect(writeBack=True)
    deploy(world)
    say(world, serving="1")
    await asyncio.sleep(WRITTEN)
    assert asked(world) == [("version", "1"), ("set-tag", "1")]
    world.cluster.requests.clear()
    world.api.patch(MODEL_DEPLOYMENTS, NAMESPACE, "iris", {"spec": {"replicas": 3}})
    world.intake.everything()
    await asyncio.sleep(HOUR)
    await world.stop()
    world.start()
    await asyncio.sleep(HOUR)
    assert asked(world) == []
    assert [r for r in world.cluster.requests if r.resource == "configmaps" and r.name == LEDGER] == []


@history
async def test_a_registry_that_is_down_delays_it(world: ConnectionsWorld) -> None:
    register(world)
    world.connect(writeBack=True)
    deploy(world)
    await asyncio.sleep(SOON)
    world.server.fault = OUTAGE
    say(world, serving="1")
    await asyncio.sleep(HOUR)
    tries = len([a for a in world.server.asked if a.what == "version"])
    assert 12 < tries < 25, "after 1 s, then twice as long each time, up to 5 min"
    world.server.fault = None
    say(world, serving="2", standby="1")
    await asyncio.sleep(310)
    assert held(world) == UNTAGGED | {"1": {"owner": "ann", OURS: "standby"}, "2": {OURS: SERVING}}
    assert world.events == [], "the connection's condition says it"


@history
async def test_one_that_hangs_holds_up_no_other(world: ConnectionsWorld) -> None:
    register(world)
    other = world.registry.server("http://other:5000")
    world.connect(writeBack=True)
    world.connect("second", writeBack=True, uri="http://other:5000")
    for _ in range(3):
        other.register("iris")
    deploy(world)
    deploy(world, "there", registry="second", server=other)
    await asyncio.sleep(SOON)
    world.server.hang()
    say(world, serving="1")
    say(world, "there", serving="1")
    await asyncio.sleep(WRITTEN)
    assert other.find_version("iris", "1").tags == {"pintle.prod.ml.there": SERVING}
    assert held(world) == UNTAGGED
    world.server.release()
    await asyncio.sleep(WRITTEN)
    assert held(world)["1"] == {"owner": "ann", OURS: SERVING}


@history
async def test_tags_of_an_object_that_is_gone_go(world: ConnectionsWorld) -> None:
    register(world)
    world.connect(writeBack=True)
    deploy(world)
    deploy(world, "other")
    say(world, serving="1", standby="2")
    say(world, "other", serving="1")
    await asyncio.sleep(WRITTEN)
    world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, "iris")
    await asyncio.sleep(WRITTEN)
    assert held(world) == UNTAGGED | {"1": {"owner": "ann", "pintle.prod.ml.other": SERVING}}


@history
async def test_tags_of_an_object_that_went_while_nobody_looked(world: ConnectionsWorld) -> None:
    """By the ledger: the next process knows of it by nothing else."""
    register(world)
    world.connect(writeBack=True)
    deploy(world)
    say(world, serving="1", standby="2")
    await asyncio.sleep(WRITTEN)
    await world.stop()
    world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, "iris")
    world.start()
    world.intake.everything()
    await asyncio.sleep(WRITTEN)
    assert (held(world), ledger(world)) == (UNTAGGED, [])


@history
async def test_switched_off_it_takes_its_tags_away(world: ConnectionsWorld) -> None:
    register(world)
    world.connect(writeBack=True)
    deploy(world)
    say(world, serving="1", standby="2")
    await asyncio.sleep(WRITTEN)
    assert len(ledger(world) or ()) == 2
    world.edit(writeBack=False)
    await asyncio.sleep(WRITTEN)
    assert (held(world), ledger(world)) == (UNTAGGED, None)


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("verb", ["create", "patch"])
@history
async def test_killed_at_a_write_of_the_ledger(world: ConnectionsWorld, verb: Verb, committed: bool) -> None:
    """No tag is in the registry that the ledger does not have."""
    register(world)
    world.connect(writeBack=True)
    deploy(world)
    killed = asyncio.Event()
    fault = Fault(verb, "configmaps", LEDGER, error=asyncio.CancelledError(), committed=committed)
    fault.meanwhile = killed.set
    world.cluster.faults.append(fault)
    say(world, serving="1")
    await asyncio.wait_for(killed.wait(), 60)
    await world.end()
    world.api.listeners.remove(world.watch._changed)
    known = {entry["version"] for entry in ledger(world) or ()}
    assert {v for v, t in held(world).items() if OURS in t} <= known
    world.cluster.faults.clear()
    say(world, serving="2")
    world.start()
    world.intake.everything()
    await asyncio.sleep(WRITTEN)
    assert held(world) == UNTAGGED | {"2": {OURS: SERVING}}


@history
async def test_a_ledger_that_somebody_deletes(world: ConnectionsWorld) -> None:
    register(world)
    world.connect(writeBack=True)
    deploy(world)
    say(world, serving="1")
    await asyncio.sleep(WRITTEN)
    world.api.delete(CONFIG_MAPS, NAMESPACE, LEDGER)
    asked(world)
    await asyncio.sleep(WRITTEN)
    assert asked(world) == [("version", "1")], "the tag is there already, and is noted again"
    say(world)
    await asyncio.sleep(WRITTEN)
    assert held(world) == UNTAGGED


@history
async def test_another_version_of_the_same_number_is_left_alone(world: ConnectionsWorld) -> None:
    """The model was deleted and made again; what serves is not what the registry has now."""
    register(world)
    world.connect(writeBack=True)
    deploy(world)
    world.server.delete_model("iris")
    register(world)
    say(world, serving="1")
    await asyncio.sleep(WRITTEN)
    assert held(world) == UNTAGGED
    assert asked(world) == [("version", "1")]
    await asyncio.sleep(HOUR)
    assert asked(world) == []


@history
async def test_a_version_that_is_gone_is_nothing_to_wait_for(world: ConnectionsWorld) -> None:
    register(world)
    world.connect(writeBack=True)
    deploy(world)
    world.server.delete_version("iris", "1")
    say(world, serving="1", standby="2")
    await asyncio.sleep(WRITTEN)
    assert world.server.find_version("iris", "2").tags == {OURS: "standby"}
    asked(world)
    await asyncio.sleep(HOUR)
    assert asked(world) == []


@history
async def test_a_registry_that_forbids_it(world: ConnectionsWorld) -> None:
    """It is said once, tried again every five minutes, and nothing else suffers."""
    register(world)
    world.connect(writeBack=True)
    deploy(world)
    await asyncio.sleep(SOON)
    refused = Terminal(Reason.REGISTRY_FORBIDDEN, "{registry} does not let the token write this (403)")
    world.server.faults["set-tag"] = refused
    say(world, serving="1")
    await asyncio.sleep(HOUR)
    assert world.ready() == ("True", "Connected")
    assert 10 <= len([a for a in world.server.asked if a.what == "set-tag"]) <= 13
    (event,) = world.events
    assert (event.regarding, event.name, event.reason) == (REGISTRY_CONNECTIONS, NAME, "WriteBackFailed")
    assert event.message == (
        "tags of versions cannot be written: registry mlflow does not let the token write this (403)"
    )
    world.server.faults.clear()
    await asyncio.sleep(310)
    assert held(world)["1"] == {"owner": "ann", OURS: SERVING}


@history
async def test_one_at_a_time_talks_to_a_registry(world: ConnectionsWorld) -> None:
    """However often what is wanted changes while it hangs; in the end it has what is wanted last."""
    register(world)
    world.connect(writeBack=True)
    deploy(world)
    await asyncio.sleep(SOON)
    world.server.hang()
    for version in ("1", "2", "3", "1", "2"):
        say(world, serving=version)
        await asyncio.sleep(WRITTEN)
        talking = [t for t in asyncio.all_tasks() if t.get_name() == f"tags of {NAMESPACE}/{NAME}"]
        assert len(talking) == 1
    world.server.release()
    await asyncio.sleep(WRITTEN)
    assert held(world) == UNTAGGED | {"2": {OURS: SERVING}}


@history
async def test_a_standby_of_a_connection_that_is_declared_no_more(world: ConnectionsWorld) -> None:
    """Nothing names the cluster's connection, and it is looked at all the same, and not without end."""
    register(world)
    spec = {"uri": URI, "allowedNamespaces": {}, "writeBack": True}
    world.api.create(CLUSTER_REGISTRY_CONNECTIONS, "", {"metadata": {"name": "central"}, "spec": spec})
    deploy(world, registry="central", cluster=True)
    ref = {"kind": "RegistryConnection", "name": "elsewhere"}
    world.api.patch(MODEL_DEPLOYMENTS, NAMESPACE, "iris", {"spec": {"registryRef": ref}})
    say(world, standby="1")
    await asyncio.sleep(WRITTEN)
    assert held(world)["1"] == {"owner": "ann", OURS: "standby"}


@history
async def test_its_rate_is_bounded(world: ConnectionsWorld) -> None:
    register(world)
    world.connect(writeBack=True)
    for number in range(40):
        deploy(world, f"iris-{number}")
        say(world, f"iris-{number}", serving="1")
    await asyncio.sleep(HOUR)
    times = [t for t, a in zip(world.server.asked_at, world.server.asked, strict=True) if a.what == "set-tag"]
    assert len(times) == 40
    assert min(b - a for a, b in pairwise(times)) > 0.19


@history
async def test_a_connection_of_the_cluster(world: ConnectionsWorld) -> None:
    """Its ledger is in each namespace that uses it; the last tag goes though nothing uses it any more."""
    register(world)
    spec = {"uri": URI, "allowedNamespaces": {}, "writeBack": True}
    world.api.create(CLUSTER_REGISTRY_CONNECTIONS, "", {"metadata": {"name": "central"}, "spec": spec})
    deploy(world, registry="central", cluster=True)
    say(world, serving="1")
    await asyncio.sleep(WRITTEN)
    assert held(world)["1"] == {"owner": "ann", OURS: SERVING}
    assert len(ledger(world, "pintle-cluster-tags-central") or ()) == 1
    await world.stop()
    world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, "iris")
    world.start()
    world.intake.everything()
    await asyncio.sleep(WRITTEN)
    assert (held(world), ledger(world, "pintle-cluster-tags-central")) == (UNTAGGED, [])


@history
async def test_a_name_that_somebody_holds(world: ConnectionsWorld) -> None:
    """Without a ledger nothing is written."""
    register(world)
    world.api.create(CONFIG_MAPS, NAMESPACE, {"metadata": {"name": LEDGER}, "data": {"mine": "yes"}})
    world.connect(writeBack=True)
    deploy(world)
    say(world, serving="1")
    await asyncio.sleep(HOUR)
    assert held(world) == UNTAGGED
    assert world.api.get(CONFIG_MAPS, NAMESPACE, LEDGER)["data"] == {"mine": "yes"}
    world.api.delete(CONFIG_MAPS, NAMESPACE, LEDGER)
    await asyncio.sleep(310)
    assert held(world)["1"] == {"owner": "ann", OURS: SERVING}


@history
async def test_the_cluster_is_named_by_what_no_other_has(world: ConnectionsWorld) -> None:
    assert world.write_back._cluster() == "prod"
    world.write_back._cluster_name = ""
    assert world.write_back._cluster() == ""
    namespace = {"metadata": {"name": "kube-system", "uid": "3f2a9c1b-0000", "resourceVersion": "1"}}
    world.cache.upsert(NAMESPACES, namespace)
    assert world.write_back._cluster() == "3f2a9c1b"
