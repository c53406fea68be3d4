"""Where the registry's adapter may connect to, and how it finds addresses."""

import asyncio
import socket
import threading
from ipaddress import ip_network
from typing import Any

import pytest

from pintle.adapters.addresses import LOOPBACK, AddressRules
from pintle.adapters.registry import MlflowRegistry
from pintle.adapters.registry_http import Limits
from pintle.conditions import Reason
from pintle.errors import PintleError, Terminal
from pintle.ports import Endpoint
from pintle.settings import load
from tests.contract.hostile import (
    ALLOWED,
    CREDENTIALS,
    LIMITS,
    Server,
    failure,
    found,
    http,
    on_loopback,
    serve,
)


async def test_a_name_without_an_address() -> None:
    def unknown(*_: object, **__: object) -> list[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "planted")

    registry = MlflowRegistry(ALLOWED, LIMITS, lookup=unknown)
    error = await failure(registry, "http://nowhere.invalid:5000")
    await registry.close()
    assert error.reason == Reason.REGISTRY_UNAVAILABLE
    assert error.message.endswith(
        "at http://nowhere.invalid:5000 cannot be found: its host name has no address"
    )


@pytest.mark.parametrize("host", ["a..b", "x" * 70, f"{'x' * 70}.example.com"])
async def test_names_that_cannot_be(host: str) -> None:
    """Asked of the system itself, which refuses them before any name server is asked."""
    registry = MlflowRegistry(ALLOWED, LIMITS)
    error = await failure(registry, f"http://{host}:5000")
    await registry.close()
    assert error.message.endswith("cannot be found: its host name has no address")


class Hanging:
    """As `getaddrinfo`, with a name server that answers for `quick` alone until it is released."""

    def __init__(self, names: int) -> None:
        self.asked: list[str] = []
        self.all_asked = asyncio.Event()
        self.released = threading.Event()
        self._names = names
        self._loop = asyncio.get_running_loop()

    def __call__(self, host: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        if len(self.asked) == self._names:
            self._loop.call_soon_threadsafe(self.all_asked.set)
        if host != "quick":
            self.released.wait(60)
        return on_loopback(host)


async def test_a_name_server_that_hangs_holds_up_nobody_else() -> None:
    lookup = Hanging(names=20)
    registry = MlflowRegistry(ALLOWED, LIMITS, lookup=lookup)
    try:
        async with serve(http(200, found())) as server:
            slow = [Endpoint(f"http://slow-{number % 20}:{server.port}") for number in range(60)]
            questions = [asyncio.create_task(registry.version(each, "iris", "1")) for each in slow]
            await asyncio.wait_for(lookup.all_asked.wait(), 30)
            assert await registry.version(Endpoint(f"http://quick:{server.port}"), "iris", "1")
            asked = [host for host in lookup.asked if host != "quick"]
            assert len(asked) == len(set(asked)) == 20, "one thread for each name"
            assert not any(question.done() for question in questions)
            lookup.released.set()
            assert len(await asyncio.gather(*questions)) == 60
    finally:
        lookup.released.set()
        await registry.close()


async def test_who_gives_up_waiting_for_a_name_leaves_the_thread_to_others() -> None:
    lookup = Hanging(names=1)
    registry = MlflowRegistry(ALLOWED, Limits(connect_seconds=0.2, total_seconds=30), lookup=lookup)
    try:
        for _ in range(3):
            error = await failure(registry, "http://slow:5000")
            assert error.message.endswith("did not accept a connection within 0.2 s")
        assert lookup.asked == ["slow"]
    finally:
        lookup.released.set()
        await registry.close()


async def answers_at(server: Server, rules: AddressRules, host: str, *found_at: str) -> PintleError | None:
    """Ask a server at a host (that has these addresses); None if it answered."""

    def lookup(*_: object, **__: object) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (a, 0)) for a in found_at]

    registry = MlflowRegistry(rules, LIMITS, lookup=lookup)
    asked = Endpoint(f"http://{host}:{server.port}", credentials=CREDENTIALS)
    try:
        await registry.version(asked, "iris", "1")
    except PintleError as error:
        return error
    finally:
        await registry.close()
    return None


@pytest.mark.parametrize(
    ("host", "found_at"),
    [
        ("127.0.0.1", []),
        ("[::ffff:127.0.0.1]", []),
        ("0.0.0.0", []),  # noqa: S104 - nothing is bound to it
        ("localhost", ["127.0.0.1"]),
        ("mlflow.example.com", ["127.0.0.1"]),
        ("mlflow.example.com", ["127.0.0.1", "127.0.0.2"]),
    ],
)
async def test_loopback_is_refused_where_it_is_connected_to(host: str, found_at: list[str]) -> None:
    async with serve(http(200, found())) as server:
        error = await answers_at(server, AddressRules(), host, *found_at)
        assert isinstance(error, Terminal)
        assert error.reason == Reason.REGISTRY_FORBIDDEN
        assert "the operator's address rules refuse" in error.message
        assert server.connections == 0
        # The control: the same question is answered once the administrator allows it.
        rules = AddressRules.parse(allowed=[*LOOPBACK, "0.0.0.0/8"])
        assert await answers_at(server, rules, host, *found_at) is None
        assert server.connections == 2


async def test_a_name_that_leads_elsewhere_the_second_time() -> None:
    """DNS rebinding: each connection is judged by the address that it is made to."""
    answers = ["127.0.0.2", "127.0.0.1"]

    def lookup(*_: object, **__: object) -> list[tuple[Any, ...]]:
        address = answers.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 0))]

    rules = AddressRules.parse(refused=["127.0.0.1/32"], allowed=["127.0.0.2/32"])
    registry = MlflowRegistry(rules, LIMITS, lookup=lookup)
    async with serve(http(200, found())) as server:
        asked = f"http://mlflow.example.com:{server.port}"
        # The control: at first the name leads where nothing refuses it; nobody listens there.
        assert (await failure(registry, asked)).reason == Reason.REGISTRY_UNAVAILABLE
        assert (await failure(registry, asked)).reason == Reason.REGISTRY_FORBIDDEN
        assert (answers, server.connections) == ([], 0)
    await registry.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "kubernetes.default.svc"])
async def test_the_api_server_is_no_registry(host: str) -> None:
    """Its address comes from Kubernetes itself, and is refused though its network is not."""
    own = load({"KUBERNETES_SERVICE_HOST": "127.0.0.1", "PINTLE_REGISTRY_ALLOWED_NETWORKS": ""})
    rules = AddressRules(refused=tuple(map(ip_network, own.refused_networks())))
    async with serve(http(200, found())) as api_server:
        error = await answers_at(api_server, rules, host, "127.0.0.1")
        assert isinstance(error, Terminal)
        assert (error.reason, api_server.connections) == (Reason.REGISTRY_FORBIDDEN, 0)
        # The control: in a process that Kubernetes has told nothing, it is an address like any other.
        alone = AddressRules(refused=tuple(map(ip_network, load({}).refused_networks())))
        assert await answers_at(api_server, alone, host, "127.0.0.1") is None


async def test_an_allowed_address_beside_a_refused_one_is_used() -> None:
    rules = AddressRules.parse(refused=["127.0.0.2/32"], allowed=["127.0.0.1/32"])
    async with serve(http(200, found())) as server:
        assert await answers_at(server, rules, "mlflow.example.com", "127.0.0.2", "127.0.0.1") is None
        # Where the allowed one does not answer, that is what is wrong.
        server.port = 1
        error = await answers_at(server, rules, "mlflow.example.com", "127.0.0.2", "127.0.0.1")
    assert error
    assert error.reason == Reason.REGISTRY_UNAVAILABLE


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "fe80::1",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "0.0.0.0",  # noqa: S104 - nothing is bound to it
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
    ],
)
def test_addresses_refused_by_default(address: str) -> None:
    assert AddressRules().refuses(address)
    # The control: without the rules it is an address like any other.
    assert not AddressRules(refused=()).refuses(address)


@pytest.mark.parametrize(
    "address",
    ["10.96.0.10", "172.16.0.1", "192.168.1.1", "100.64.0.1", "203.0.113.7", "fd12::1", "2001:db8::1"],
)
def test_addresses_of_clusters_and_networks_are_allowed(address: str) -> None:
    assert not AddressRules().refuses(address)
    assert AddressRules.parse(refused=["0.0.0.0/0", "::/0"]).refuses(address)


def test_rules_that_are_none() -> None:
    with pytest.raises(ValueError, match="not-a-network"):
        AddressRules.parse(refused=["not-a-network"])
