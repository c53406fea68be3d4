"""Where the registry's adapter may connect to, and how it finds addresses."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from pintle.adapters.addresses import LOOPBACK, AddressRules
from pintle.adapters.registry import MlflowRegistry
from pintle.conditions import Reason
from pintle.errors import PintleError, Terminal
from pintle.ports import Endpoint
from tests.contract.hostile import ALLOWED, CREDENTIALS, QUICK, Server, failure, found, http, serve


async def test_a_name_without_an_address() -> None:
    def unknown(*_: object, **__: object) -> list[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "planted")

    registry = MlflowRegistry(ALLOWED, QUICK, lookup=unknown)
    error = await failure(registry, "http://nowhere.invalid:5000")
    await registry.close()
    assert error.reason == Reason.REGISTRY_UNAVAILABLE
    assert error.message.endswith(
        "at http://nowhere.invalid:5000 cannot be found: its host name has no address"
    )


@pytest.mark.parametrize("host", ["a..b", "x" * 70, f"{'x' * 70}.example.com"])
async def test_names_that_cannot_be(host: str) -> None:
    """Asked of the system itself, which refuses them before any name server is asked."""
    registry = MlflowRegistry(ALLOWED, QUICK)
    error = await failure(registry, f"http://{host}:5000")
    await registry.close()
    assert error.message.endswith("cannot be found: its host name has no address")


async def test_a_name_server_that_hangs_holds_up_nobody_else() -> None:
    released = threading.Event()
    all_hang = asyncio.Event()
    loop = asyncio.get_running_loop()
    looked_up: list[str] = []

    def lookup(host: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        looked_up.append(host)
        if len(looked_up) == 20:
            loop.call_soon_threadsafe(all_hang.set)
        if host != "quick.example":
            released.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 0))]

    registry = MlflowRegistry(ALLOWED, QUICK, lookup=lookup)
    try:
        async with serve(http(200, found())) as server:
            hanging = [f"http://slow-{n % 20}.example:{server.port}" for n in range(60)]
            questions = [asyncio.create_task(failure(registry, uri)) for uri in hanging]
            await asyncio.wait_for(all_hang.wait(), 10)
            endpoint = Endpoint(f"http://quick.example:{server.port}")
            assert await registry.version(endpoint, "iris", "1")
            for error in await asyncio.gather(*questions):
                assert error.message.endswith("did not accept a connection within 0.5 s")
        slow = [host for host in looked_up if host.startswith("slow")]
        assert len(slow) == len(set(slow)) == 20, "one thread for each name"
    finally:
        released.set()
        await registry.close()


async def answers_at(server: Server, rules: AddressRules, host: str, *found_at: str) -> PintleError | None:
    """Ask a server at a host (that has these addresses); None if it answered."""

    def lookup(*_: object, **__: object) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (a, 0)) for a in found_at]

    registry = MlflowRegistry(rules, QUICK, lookup=lookup)
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
