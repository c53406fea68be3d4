"""RegistryConnections through whole histories, in virtual time, with the resolver beside them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import Signature
from typing import Any

import pytest

from pintle import errors
from pintle.conditions import Reason
from pintle.domain import Failed, Key, Pending, Query, Resolved
from pintle.domain.resources import CONFIG_MAPS, NAMESPACES, REGISTRY_CONNECTIONS
from pintle.errors import Retryable, Terminal
from pintle.ports import REGISTRY, Credentials, Endpoint
from tests.support.connections_world import CONFIG, KEY, NAME, NAMESPACE, PEM, URI, ConnectionsWorld
from tests.support.fake_cluster import Fault, Verb
from tests.support.fake_registry import SERVER_VERSION, Asked
from tests.support.virtual_time import run_virtually

SOON, HOUR = 0.5, 3600.0
CONNECTED = ("True", "Connected")
OUTAGE = Retryable(Reason.REGISTRY_UNAVAILABLE, f"{REGISTRY} at {URI} is down")
REFUSED = Terminal(Reason.REGISTRY_FORBIDDEN, f"{REGISTRY} at {URI} does not accept them (401)")
STATUS = ("patch", "registryconnections/status")
PATCH, CREATE = ("patch", "configmaps"), ("create", "configmaps")


def history(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test in virtual time with a world of its own."""

    @wraps(test)
    def run(**arguments: object) -> None:
        async def body() -> None:
            world = ConnectionsWorld()
            try:
                await test(world, **arguments)
            finally:
                await world.stop()
            assert asyncio.all_tasks() == {asyncio.current_task()}

        run_virtually(body())

    run.__signature__ = _without_world(test)  # type: ignore[attr-defined] # pytest reads the arguments there
    return run


def _without_world(test: Callable[..., Awaitable[None]]) -> Signature:
    signature = Signature.from_callable(test)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def changes(world: ConnectionsWorld) -> tuple[dict[tuple[str, str], int], list[str]]:
    """Writes and reads since the last call."""
    done = world.writes(), world.reads()
    world.cluster.requests.clear()
    return done


@history
async def test_a_new_connection(world: ConnectionsWorld) -> None:
    uid = world.connect()["metadata"]["uid"]
    await asyncio.sleep(SOON)
    assert world.ready() == CONNECTED
    assert world.message() == f"MLflow {SERVER_VERSION} answers"
    assert world.status()["serverVersion"] == SERVER_VERSION
    assert world.status()["observedGeneration"] == 1
    assert world.config["data"] == {"uri": URI}
    assert world.config["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "pintle.dev/v1alpha1",
            "kind": "RegistryConnection",
            "name": NAME,
            "uid": uid,
            "controller": True,
        }
    ]
    assert changes(world) == ({CREATE: 1, STATUS: 1}, [])
    assert world.changed == [KEY]
    assert world.server.asked == [Asked("server")]


@history
async def test_nothing_is_read_or_written_at_rest(world: ConnectionsWorld) -> None:
    world.secret(username="eve", password="p")
    world.connect(secretRef={"name": "credentials"})
    await asyncio.sleep(SOON)
    assert changes(world) == ({CREATE: 1, STATUS: 1}, ["secrets/credentials"])
    world.api.patch(REGISTRY_CONNECTIONS, NAMESPACE, NAME, {"metadata": {"labels": {"argocd": "1"}}})
    await asyncio.sleep(24 * HOUR)
    assert changes(world) == ({}, [])
    assert len(world.server.asked) == 1


@history
async def test_the_resync_looks_again(world: ConnectionsWorld) -> None:
    world.secret(username="eve", password="p")
    world.connect(secretRef={"name": "credentials"})
    await asyncio.sleep(60)
    changes(world)
    world.intake.everything()
    await asyncio.sleep(SOON)
    assert changes(world) == ({}, []), "one that comes soon after another finds nothing to do"
    world.secret(username="eve", password="rotated")
    await asyncio.sleep(600)
    world.intake.everything()
    await asyncio.sleep(SOON)
    assert changes(world) == ({}, ["secrets/credentials"])
    found = world.connections.endpoint(*KEY)
    assert isinstance(found, Endpoint)
    assert found.credentials == Credentials("eve", "rotated")
    assert world.changed == [KEY, KEY]
    assert len(world.server.asked) == 2


@history
async def test_credentials_and_certificates(world: ConnectionsWorld) -> None:
    world.secret(username="eve", password="p")
    world.api.create(CONFIG_MAPS, NAMESPACE, {"metadata": {"name": "ca"}, "data": {"ca.crt": PEM}})
    world.server.accepts = Credentials("eve", "p")
    world.connect(
        uri=f"{URI}/",
        secretRef={"name": "credentials"},
        caBundle={"configMapRef": {"name": "ca"}},
        pollSeconds=7,
    )
    assert world.connections.endpoint(*KEY) == Pending(world.clock.now())
    seen = world.connections.view(*KEY)
    assert seen
    assert (seen.secret, seen.secret_problem, seen.checked) == ("credentials", "", False)
    await asyncio.sleep(SOON)
    found = world.connections.endpoint(*KEY)
    assert found == Endpoint(URI, PEM, Credentials("eve", "p"))
    assert isinstance(found, Endpoint)
    assert found.poll_seconds == 7
    seen = world.connections.view(*KEY)
    assert seen
    assert (seen.secret, seen.secret_problem, seen.checked) == ("credentials", "", True)
    assert world.config["data"] == {"uri": f"{URI}/", "ca.crt": PEM}
    assert world.ready() == CONNECTED
    assert world.connections.endpoint(NAMESPACE, "other") is None
    assert world.connections.view("shop", NAME) is None


@history
async def test_a_role_that_is_missing(world: ConnectionsWorld) -> None:
    world.secret(username="eve", password="p")
    world.cluster.readable.clear()
    world.connect(secretRef={"name": "credentials"})
    await asyncio.sleep(SOON)
    assert world.ready() == ("False", "CredentialsForbidden")
    assert [c["type"] for c in world.status()["conditions"]] == ["Ready", "Stalled"]
    command = "kubectl -n ml create role pintle-reads-credentials --verb=get --resource=secrets"
    assert command in world.message()
    found, seen = world.connections.endpoint(*KEY), world.connections.view(*KEY)
    assert isinstance(found, Failed)
    assert found.message == world.message()
    assert seen
    assert seen.secret_problem == world.message()
    assert world.config["data"] == {"uri": URI}, "pods read their Secret themselves"
    assert world.server.asked == []
    world.cluster.readable.add("credentials")
    await asyncio.sleep(2)
    assert world.ready() == CONNECTED
    assert world.changed == [KEY, KEY]


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("Opaque", {"token": "planted"}, "has the type Opaque"),
        ("pintle.dev/registry-credentials", {"password": "planted"}, "has no key username"),
    ],
)
@history
async def test_a_secret_that_is_not_meant_for_this(
    world: ConnectionsWorld, kind: str, data: dict[str, str], words: str
) -> None:
    world.secret(kind=kind, **data)
    world.connect(secretRef={"name": "credentials"})
    await asyncio.sleep(SOON)
    assert world.ready() == ("False", "CredentialsForbidden")
    assert words in world.message()
    assert world.server.asked == []
    world.secret(token="t")
    await asyncio.sleep(2)
    assert world.ready() == CONNECTED


@history
async def test_a_registry_that_is_down_and_comes_back(world: ConnectionsWorld) -> None:
    world.server.fault = OUTAGE
    world.connect()
    await asyncio.sleep(2000)
    assert world.ready() == ("False", "RegistryUnavailable")
    assert world.message() == f"registry mlflow at {URI} is down"
    assert [c["type"] for c in world.status()["conditions"]] == ["Ready", "Reconciling"]
    times = [round(t) for t in world.server.asked_at]
    assert times == [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111, 1411, 1711]
    assert changes(world) == ({CREATE: 1, STATUS: 1}, [])
    world.server.fault = None
    await asyncio.sleep(300)
    assert world.ready() == CONNECTED
    assert changes(world) == ({STATUS: 1}, [])
    await asyncio.sleep(HOUR)
    assert len(world.server.asked) == len(times) + 1


@history
async def test_a_registry_that_hangs_holds_up_nobody_else(world: ConnectionsWorld) -> None:
    world.server.hang()
    for number in range(20):
        world.connect(f"slow-{number}")
    world.registry.server("http://quick:5000")
    world.connect("quick", uri="http://quick:5000")
    await asyncio.sleep(SOON)
    assert world.ready("quick") == CONNECTED
    assert world.ready("slow-0") == ("", ""), "nothing is known yet, and nothing claimed"
    assert isinstance(world.connections.endpoint(NAMESPACE, "slow-0"), Endpoint)
    world.server.release()
    await asyncio.sleep(SOON)
    assert world.ready("slow-0") == CONNECTED


@history
async def test_an_edit(world: ConnectionsWorld) -> None:
    world.connect()
    world.server.register("iris")
    await asyncio.sleep(SOON)
    world.resolver.want(Key(NAMESPACE, "iris"), Query(NAME, "iris", "1"))
    await asyncio.sleep(SOON)
    changes(world)
    other = world.registry.server("http://other:5000")
    expected = other.register("iris")
    world.edit(uri="http://other:5000")
    assert isinstance(world.connections.endpoint(*KEY), Pending), "what it led to before is not asked"
    await asyncio.sleep(SOON)
    assert changes(world) == ({PATCH: 1, STATUS: 1}, [])
    assert world.config["data"] == {"uri": "http://other:5000"}
    assert world.ready() == CONNECTED
    assert world.status()["observedGeneration"] == 2
    assert world.resolver.want(Key(NAMESPACE, "iris"), Query(NAME, "iris", "1")) == Resolved(expected)


@history
async def test_an_edit_while_the_registry_is_asked(world: ConnectionsWorld) -> None:
    world.server.hang()
    world.connect()
    await asyncio.sleep(SOON)
    world.registry.server("http://other:5000").fault = OUTAGE
    world.edit(uri="http://other:5000")
    await asyncio.sleep(SOON)
    world.server.release()
    await asyncio.sleep(SOON)
    assert world.ready() == ("False", "RegistryUnavailable"), "the answer of the first one says nothing now"


@history
async def test_its_config_map_is_put_back(world: ConnectionsWorld) -> None:
    world.connect()
    await asyncio.sleep(SOON)
    changes(world)
    world.api.remove(CONFIG_MAPS, NAMESPACE, CONFIG)
    await asyncio.sleep(SOON)
    assert changes(world) == ({CREATE: 1}, [])
    edit: dict[str, Any]
    for edit, reads in (
        ({"data": {"uri": "http://evil:5000", "mine": "kept"}}, []),
        ({"data": {"ca.crt": "planted"}}, []),
        ({"metadata": {"labels": {"pintle.dev/registry": None}}}, []),
        ({"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}, [f"configmaps/{CONFIG}"]),
    ):
        world.api.patch(CONFIG_MAPS, NAMESPACE, CONFIG, edit)
        world.intake.everything()
        await asyncio.sleep(SOON)
        writes, read = changes(world)
        assert (writes.pop(PATCH), read) == (1, reads)
        assert set(writes) <= {CREATE}
        assert world.config["data"] == {"uri": URI, "mine": "kept"}
        assert world.config["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "pintle"
    assert len(world.server.asked) == 1


@pytest.mark.parametrize(
    "labels", [{}, {"app.kubernetes.io/managed-by": "pintle"}], ids=["foreign", "orphan"]
)
@history
async def test_a_name_that_is_taken(world: ConnectionsWorld, labels: dict[str, str]) -> None:
    theirs = {"metadata": {"name": CONFIG, "labels": labels}, "data": {"uri": "http://theirs"}}
    world.api.create(CONFIG_MAPS, NAMESPACE, theirs)
    world.connect()
    await asyncio.sleep(SOON)
    assert world.ready() == ("False", "NameTaken")
    assert f"kubectl -n ml delete configmap {CONFIG}" in world.message()
    assert world.config["data"] == {"uri": "http://theirs"}
    assert isinstance(world.connections.endpoint(*KEY), Endpoint), "the registry can be asked all the same"
    await asyncio.sleep(2000)
    assert len([r for r in world.cluster.requests if r.resource == "configmaps"]) < 40
    world.api.remove(CONFIG_MAPS, NAMESPACE, CONFIG)
    await asyncio.sleep(301)
    assert world.ready() == CONNECTED
    assert world.config["data"] == {"uri": URI}


@history
async def test_made_again_under_the_same_name(world: ConnectionsWorld) -> None:
    world.connect()
    await asyncio.sleep(SOON)
    world.api.remove(REGISTRY_CONNECTIONS, NAMESPACE, NAME)
    await asyncio.sleep(SOON)
    assert world.connections.endpoint(*KEY) is None
    uid = world.connect()["metadata"]["uid"]
    changes(world)
    await asyncio.sleep(60)
    assert world.config["metadata"]["ownerReferences"][0]["uid"] != uid, (
        "it is on its way out, and waited for"
    )
    assert set(changes(world)[0]) <= {STATUS}
    world.controllers.step()  # the garbage collector
    await asyncio.sleep(SOON)
    assert world.config["metadata"]["ownerReferences"][0]["uid"] == uid
    assert world.ready() == CONNECTED


@history
async def test_deletion(world: ConnectionsWorld) -> None:
    world.connect()
    await asyncio.sleep(SOON)
    finalizer = {"metadata": {"finalizers": ["somebody.else/thinks"]}}
    world.api.patch(REGISTRY_CONNECTIONS, NAMESPACE, NAME, finalizer)
    world.api.delete(REGISTRY_CONNECTIONS, NAMESPACE, NAME)
    world.api.remove(CONFIG_MAPS, NAMESPACE, CONFIG)
    changes(world)
    world.intake.everything()
    await asyncio.sleep(HOUR)
    assert changes(world) == ({}, [])
    world.api.remove(REGISTRY_CONNECTIONS, NAMESPACE, NAME)
    await asyncio.sleep(HOUR)
    assert changes(world) == ({}, [])
    assert world.connections.endpoint(*KEY) is None
    assert world.changed == [KEY, KEY]


@history
async def test_a_namespace_on_its_way_out(world: ConnectionsWorld) -> None:
    world.connect()
    await asyncio.sleep(SOON)
    finalizer = {"metadata": {"finalizers": ["kubernetes"]}}
    world.api.patch(NAMESPACES, "", NAMESPACE, finalizer)
    world.api.delete(NAMESPACES, "", NAMESPACE)
    world.api.remove(CONFIG_MAPS, NAMESPACE, CONFIG)
    changes(world)
    await asyncio.sleep(300)
    writes, _ = changes(world)
    assert set(writes) == {CREATE}
    assert writes[CREATE] <= 11


@history
async def test_a_rotated_secret(world: ConnectionsWorld) -> None:
    """Nothing tells of it but a question that is refused; the Secret is read again now and then."""
    world.secret(username="eve", password="old")
    world.server.accepts = Credentials("eve", "old")
    world.server.register("iris")
    world.connect(secretRef={"name": "credentials"})
    await asyncio.sleep(SOON)
    wanted = Key(NAMESPACE, "iris"), Query(NAME, "iris", "1")
    world.server.accepts = Credentials("eve", "new")
    world.resolver.want(*wanted)
    changes(world)
    await asyncio.sleep(299)
    assert world.ready() == ("False", "RegistryForbidden")
    reads = changes(world)[1]
    assert set(reads) == {"secrets/credentials"}
    assert len(reads) <= 10 + 5, "once in 30 s, and after 1, 2, 4, 8 and 16 s as the status tells of trouble"
    world.secret(username="eve", password="new")
    await asyncio.sleep(61)
    assert world.ready() == CONNECTED
    assert isinstance(world.resolver.want(*wanted), Resolved)
    changes(world)
    await asyncio.sleep(HOUR)
    assert changes(world) == ({}, [])


@history
async def test_an_outage_that_a_question_meets(world: ConnectionsWorld) -> None:
    world.connect()
    world.server.register("iris")
    await asyncio.sleep(60)
    world.server.fault = OUTAGE
    world.resolver.want(Key(NAMESPACE, "iris"), Query(NAME, "iris", "1"))
    await asyncio.sleep(SOON)
    assert world.ready() == ("False", "RegistryUnavailable")
    await asyncio.sleep(2000)
    world.server.fault = None
    await asyncio.sleep(31)
    assert isinstance(world.resolver.want(Key(NAMESPACE, "iris"), Query(NAME, "iris", "1")), Resolved)
    await asyncio.sleep(31)
    assert world.ready() == CONNECTED, "found by the question, long before the pause of 300 s is over"


@history
async def test_a_missing_version_is_no_trouble_of_the_connection(world: ConnectionsWorld) -> None:
    world.connect()
    await asyncio.sleep(SOON)
    changes(world)
    world.resolver.want(Key(NAMESPACE, "iris"), Query(NAME, "iris", "1"))
    await asyncio.sleep(HOUR)
    assert changes(world) == ({}, [])
    assert [asked.what for asked in world.server.asked].count("server") == 1


@history
async def test_one_that_cannot_be_read_harms_no_other(world: ConnectionsWorld) -> None:
    body = world.connect("odd")
    body["spec"]["pollSeconds"] = "of another schema"
    world.cache.upsert(
        REGISTRY_CONNECTIONS, {**body, "metadata": {**body["metadata"], "resourceVersion": "99999"}}
    )
    world.queue.add(Key(NAMESPACE, "odd"))
    world.connect()
    await asyncio.sleep(SOON)
    assert world.connections.endpoint(NAMESPACE, "odd") is None
    assert world.ready() == CONNECTED


# Each request of a first pass with a Secret and a CA.
STEPS: list[tuple[Verb, str]] = [
    ("get", "secrets"),
    ("get", "configmaps"),
    ("create", "configmaps"),
    ("patch", "registryconnections/status"),
]
FAULTS: dict[str, Callable[[], BaseException]] = {
    "409": lambda: errors.Conflict("the object has been modified", status=409),
    "500": lambda: errors.Unavailable("etcdserver: request timed out", status=500),
    "429": lambda: errors.Unavailable("too many requests", status=429, after=2),
}


@pytest.mark.parametrize("committed", [False, True], ids=["refused", "lost"])
@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("step", STEPS, ids=" ".join)
@history
async def test_a_fault_at_each_request(
    world: ConnectionsWorld, step: tuple[Verb, str], kind: str, committed: bool
) -> None:
    fault = Fault(*step, error=FAULTS[kind](), committed=committed)
    world.cluster.faults.append(fault)
    await _from_nothing_to_connected(world)
    assert fault.seen, "the fault has struck"


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=" ".join)
@history
async def test_killed_at_each_request(
    world: ConnectionsWorld, step: tuple[Verb, str], committed: bool
) -> None:
    """The next process carries on from what the cluster holds."""
    killed = asyncio.Event()
    stuck = Fault(*step, error=asyncio.CancelledError(), committed=committed)
    stuck.meanwhile = killed.set
    world.cluster.faults.append(stuck)
    _make(world)
    await asyncio.wait_for(killed.wait(), 60)
    world.task.cancel()
    await asyncio.gather(world.task, return_exceptions=True)
    await world.connections.stop()
    world.api.listeners.remove(world.watch._changed)
    world.cluster.faults.clear()
    world.start()
    await _from_nothing_to_connected(world)


def _make(world: ConnectionsWorld) -> None:
    world.secret(username="eve", password="planted")
    world.server.accepts = Credentials("eve", "planted")
    world.api.create(CONFIG_MAPS, NAMESPACE, {"metadata": {"name": "ca"}, "data": {"ca.crt": PEM}})
    world.connect(secretRef={"name": "credentials"}, caBundle={"configMapRef": {"name": "ca"}})


async def _from_nothing_to_connected(world: ConnectionsWorld) -> None:
    """The same end, whatever happened on the way, and then rest."""
    if world.api.find(REGISTRY_CONNECTIONS, NAMESPACE, NAME) is None:
        _make(world)
    await asyncio.sleep(10)
    assert world.ready() == CONNECTED
    assert world.config["data"] == {"uri": URI, "ca.crt": PEM}
    assert len(world.api.objects(CONFIG_MAPS)) == 2
    changes(world)
    await asyncio.sleep(HOUR)
    assert changes(world) == ({}, [])


@history
async def test_a_late_watch_makes_nothing_twice(world: ConnectionsWorld) -> None:
    world.watch.hold()
    world.connect()
    world.watch.deliver()
    await asyncio.sleep(60)
    world.watch.release()
    await asyncio.sleep(60)
    assert changes(world) == ({CREATE: 1, STATUS: 1}, [])
    assert world.ready() == CONNECTED


@history
async def test_no_secret_gets_out(world: ConnectionsWorld) -> None:
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(logging.Formatter().format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("pintle")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        _make(world)
        await asyncio.sleep(SOON)
        world.server.accepts = Credentials("eve", "another")
        world.resolver.want(Key(NAMESPACE, "iris"), Query(NAME, "iris", "1"))
        world.server.fault = ZeroDivisionError("at fault")
        await asyncio.sleep(HOUR)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert told
    shown = [*told, repr(world.connections.endpoint(*KEY)), repr(world.connections.view(*KEY))]
    shown += [repr(r.body) for r in world.cluster.requests] + [repr(world.body()), repr(world.config)]
    assert not any("planted" in text or "cGxhbnRlZA" in text for text in shown)
