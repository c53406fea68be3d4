"""Aliases of a real MLflow server, with the requests that they cost counted at its door."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from mlflow import MlflowClient

from pintle.adapters.registry import MlflowRegistry
from pintle.conditions import Reason
from pintle.domain import Failed, Key, Query, Resolution, Resolved
from pintle.errors import Retryable, Terminal
from pintle.ports import Credentials, Endpoint, Json
from pintle.resolver import Resolver
from tests.contract.hostile import ALLOWED, LIMITS, found, http, serve
from tests.support.counting_proxy import Counted, counting
from tests.support.mlflow_server import ADMIN, ADMIN_PASSWORD, MlflowServer, model_name
from tests.support.waiting import until_async

POLL = 1.0


@pytest.fixture
def client(mlflow_server: MlflowServer) -> MlflowClient:
    return MlflowClient(mlflow_server.uri)


@pytest.fixture
async def registry() -> AsyncIterator[MlflowRegistry]:
    adapter = MlflowRegistry(ALLOWED, LIMITS)
    yield adapter
    await adapter.close()


@pytest.fixture
async def counted(mlflow_server: MlflowServer) -> AsyncIterator[Counted]:
    async with counting("127.0.0.1", mlflow_server.port) as proxy:
        yield proxy


def make(client: MlflowClient, *models: str) -> None:
    """Models with two versions, `champion` being the first."""
    for model in models:
        client.create_registered_model(model)
        client.create_model_version(model, f"s3://bucket/{uuid4()}")
        client.create_model_version(model, f"s3://bucket/{uuid4()}")
        client.set_registered_model_alias(model, "champion", "1")


async def test_as_the_client_sees_them(
    registry: MlflowRegistry, client: MlflowClient, counted: Counted
) -> None:
    models = [model_name("iris") for _ in range(3)]
    make(client, *models)
    client.set_registered_model_alias(models[0], "1", "2")
    client.delete_registered_model_alias(models[2], "champion")
    seen = await registry.aliases(Endpoint(counted.uri), [*models, model_name("missing")])
    assert set(seen) == set(models)
    for model in models:
        known = client.get_registered_model(model)
        assert (seen[model].created_time, seen[model].versions) == (known.creation_timestamp, known.aliases)
        assert await registry.aliases(Endpoint(counted.uri), [model]) == {model: seen[model]}
    assert counted.paths() == ["search", "get", "get", "get"]


@pytest.mark.parametrize(
    "name", ["two words", "it's", 'say "no"', "a+b&c=d?e#f%20g", "größe 模型", "back\\slash", "IN ('a')"]
)
async def test_names_in_a_filter(
    registry: MlflowRegistry, client: MlflowClient, counted: Counted, name: str
) -> None:
    model, other = model_name(name), model_name()
    make(client, model, other)
    assert set(await registry.aliases(Endpoint(counted.uri), [model, other])) == {model, other}
    assert counted.paths() == ["search"]


async def test_more_names_than_a_request_line_takes(
    registry: MlflowRegistry, client: MlflowClient, counted: Counted
) -> None:
    model = model_name()
    make(client, model)
    many = [model, *(model_name("x" * 60) for _ in range(1000))]
    assert set(await registry.aliases(Endpoint(counted.uri), many)) == {model}
    assert [len(request) < 4096 for request in counted.requests] == [True]
    assert "filter" not in counted.requests[0]


async def test_a_list_is_read_page_by_page(
    registry: MlflowRegistry, client: MlflowClient, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [model_name("it's") for _ in range(5)]
    make(client, *models)
    monkeypatch.setattr("pintle.adapters.registry._PAGE", 2)
    assert set(await registry.aliases(Endpoint(counted.uri), models)) == set(models)
    assert len(counted.requests) >= 3
    monkeypatch.setattr("pintle.adapters.registry._PAGES", 2)
    with pytest.raises(Retryable, match="lists more than 4 models"):
        await registry.aliases(Endpoint(counted.uri), [*models, model_name("missing's")])


async def test_a_registry_that_knows_no_list_in_a_filter(registry: MlflowRegistry) -> None:
    """Others speak MLflow's interface too."""
    refusal = http(400, '{"error_code": "INVALID_PARAMETER_VALUE", "message": "unknown comparator IN"}')
    models = ", ".join(
        f'{{"name": "{name}", "creation_timestamp": 7, "aliases": [{{"alias": "champion", "version": "1"}}]}}'
        for name in ("iris", "fraud", "others")
    )
    listed = http(200, f'{{"registered_models": [{models}]}}')

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(refusal if "filter=" in server.requests[-1] else listed)
        await writer.drain()

    async with serve(talk) as server:
        assert set(await registry.aliases(Endpoint(server.uri), ["iris", "fraud"])) == {"iris", "fraud"}
    assert server.connections == 2


async def test_a_list_is_bounded(registry: MlflowRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than other answers, but not without end. The control is the limit that lets it through."""
    padding = "x" * LIMITS.body_bytes
    body = (
        f'{{"registered_models": [{{"name": "iris", "creation_timestamp": 1, "description": "{padding}"}}]}}'
    )
    async with serve(http(200, body)) as server:
        assert set(await registry.aliases(Endpoint(server.uri), ["iris", "fraud"])) == {"iris"}
        monkeypatch.setattr("pintle.adapters.registry._PAGE_BYTES", LIMITS.body_bytes)
        assert await registry.aliases(Endpoint(server.uri), ["iris", "fraud"]) == {}


@pytest.mark.parametrize(
    "model",
    ['{"name": "iris"}', '{"name": "iris", "creation_timestamp": -1}', "[]", '{"aliases": "champion"}'],
)
async def test_lists_that_are_none(registry: MlflowRegistry, model: str) -> None:
    async with serve(http(200, f'{{"registered_models": [{model}]}}')) as server:
        with pytest.raises(Retryable, match="does not answer as an MLflow server does"):
            await registry.aliases(Endpoint(server.uri), ["iris", "fraud"])
    async with serve(http(200, found())) as server:
        with pytest.raises(Retryable, match="does not answer as an MLflow server does"):
            await registry.aliases(Endpoint(server.uri), ["iris"])


@pytest.fixture
def secret(mlflow_server_with_users: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """A user who may not read model `hidden`, of a server that has it and `shown`; the endpoint."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", ADMIN)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", ADMIN_PASSWORD)
    server, models = mlflow_server_with_users, MlflowClient(mlflow_server_with_users.uri)
    server.administer("POST", "users/create", {"username": "bob", "password": "password-of-bob"})
    make(models, "hidden", "shown")
    grant = {"username": "bob", "resource_type": "registered_model", "resource_id": "shown"}
    server.administer("POST", "users/permissions/grant", grant | {"permission": "READ"}, api="3.0")
    yield Endpoint(server.uri, credentials=Credentials("bob", "password-of-bob"))
    for model in ("hidden", "shown"):
        models.delete_registered_model(model)
    server.administer("DELETE", "users/delete", {"username": "bob"})


async def test_a_list_leaves_out_what_may_not_be_read(registry: MlflowRegistry, secret: Endpoint) -> None:
    """That is why a model that is not in it is asked for by itself."""
    admin = Endpoint(secret.uri, credentials=Credentials(ADMIN, ADMIN_PASSWORD))
    assert set(await registry.aliases(admin, ["hidden", "shown"])) == {"hidden", "shown"}
    assert set(await registry.aliases(secret, ["hidden", "shown"])) == {"shown"}
    with pytest.raises(Terminal) as error:
        await registry.aliases(secret, ["hidden"])
    assert error.value.reason == Reason.REGISTRY_FORBIDDEN
    assert await registry.aliases(admin, ["missing"]) == {}


class Followers:
    """Deployments that follow `champion`, with the operator's own resolver, in the time of the clock."""

    def __init__(self, registry: MlflowRegistry, uri: str, models: list[str]) -> None:
        self._endpoint = Endpoint(uri, poll_seconds=POLL)
        self.resolver = Resolver(registry, self, self, lambda *_: self._endpoint, lambda _: None)
        self._models = models
        self._wants: dict[Key, Query] = {}

    def follow(self, deployments: int, connections: int) -> None:
        for number in range(deployments):
            model = self._models[number % len(self._models)]
            name = f"registry-{number % connections}"
            self._wants[Key(f"team-{number % connections}", str(number))] = Query(
                name, model, alias="champion"
            )
        self.answers()

    def answers(self) -> list[Resolution]:
        return [self.resolver.want(key, query) for key, query in self._wants.items()]

    def versions(self) -> set[str]:
        """What all of them are on; `?` where one is on nothing."""
        return {a.version.version if isinstance(a, Resolved) else "?" for a in self.answers()}

    # As `ports.Clock` and `ports.Metrics`.

    def now(self) -> datetime:
        return datetime.now(UTC)

    def reconciled(self, outcome: str, seconds: float) -> None: ...

    def polled(self, outcome: str) -> None: ...

    def transition(self, outcome: str) -> None: ...

    def deployment(self, namespace: str, name: str, *, status: Json | None, model: str = "") -> None: ...


async def polls(counted: Counted, number: int) -> list[str]:
    """The requests until there have been so many more polls, and what came with the last."""
    start = len(counted.requests)
    await until_async(
        lambda: sum(p == "search" for p in counted.paths()[start:]) > number,
        within=POLL * 20,
        what=f"{number} polls",
    )
    return counted.paths()[start:]


async def test_1000_deployments_over_200_connections_cost_as_much_as_10(
    registry: MlflowRegistry, client: MlflowClient, mlflow_server: MlflowServer
) -> None:
    models = [model_name("iris") for _ in range(10)]
    make(client, *models)

    async def cost(followers: Followers, counted: Counted) -> tuple[int, list[str], list[str]]:
        """Requests to find everything out, of three polls at rest, and for one move beside the polls."""
        await until_async(lambda: followers.versions() == {"1"}, within=60, what="all are on version 1")
        begun = len(counted.requests)
        at_rest = await polls(counted, 3)
        client.set_registered_model_alias(models[0], "champion", "2")
        await until_async(lambda: "2" in followers.versions(), within=POLL * 10, what="one moves")
        await followers.resolver.stop()
        return begun, at_rest, [path for path in counted.paths()[begun:] if path != "search"]

    costs = []
    for deployments, connections in ((10, 1), (1000, 200)):
        client.set_registered_model_alias(models[0], "champion", "1")
        async with counting("127.0.0.1", mlflow_server.port) as counted:
            followers = Followers(registry, counted.uri, models)
            followers.follow(deployments, connections)
            costs.append(await cost(followers, counted))
    print(f"10 deployments, then 1,000 over 200 connections: {costs}")
    assert costs[0] == costs[1] == (1 + 2 * len(models), ["search"] * 4, ["get", "get-download-uri"])


async def test_moves_deletions_and_a_model_made_again(
    registry: MlflowRegistry, client: MlflowClient, counted: Counted
) -> None:
    models = [model_name("iris"), model_name("fraud")]
    make(client, *models)
    followers = Followers(registry, counted.uri, models[:1])
    followers.follow(3, 3)

    async def become(answer: str) -> None:
        await until_async(
            lambda: followers.versions() == {answer}, within=POLL * 10, what=f"all are on {answer}"
        )

    def failure() -> tuple[str, str]:
        answer = followers.answers()[0]
        return (answer.reason, answer.message) if isinstance(answer, Failed) else ("", "")

    await become("1")
    first = followers.answers()[0]
    client.set_registered_model_alias(models[0], "champion", "2")
    await become("2")
    client.delete_registered_model_alias(models[0], "champion")
    client.set_registered_model_alias(models[0], "canary", "2")
    await become("?")
    assert failure() == (
        Reason.ALIAS_NOT_FOUND,
        f"{models[0]} has no alias champion in registry registry-0 (it has canary): set it in MLflow",
    )
    client.delete_registered_model(models[0])
    await until_async(
        lambda: failure()[0] == Reason.VERSION_NOT_FOUND, within=POLL * 10, what="the model is missed"
    )
    make(client, models[0])
    await become("1")
    again = followers.answers()[0]
    assert isinstance(first, Resolved)
    assert isinstance(again, Resolved)
    assert first.version.created_time < again.version.created_time
    await followers.resolver.stop()
