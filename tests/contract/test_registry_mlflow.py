"""The registry's adapter with a real MLflow server. MLflow's own client is the oracle of every field."""

from collections.abc import AsyncIterator, Iterator

import pytest
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pintle.adapters.registry import MlflowRegistry
from pintle.conditions import Reason
from pintle.domain import RegisteredVersion
from pintle.errors import Retryable, Terminal
from pintle.ports import Credentials, Endpoint
from tests.contract.hostile import ALLOWED, LIMITS, on_loopback
from tests.support.mlflow_server import ADMIN, ADMIN_PASSWORD, MlflowServer, model_name

EVE, EVE_PASSWORD = "eve", "password-of-eve"


@pytest.fixture
def client(mlflow_server: MlflowServer) -> MlflowClient:
    return MlflowClient(mlflow_server.uri)


@pytest.fixture
async def registry() -> AsyncIterator[MlflowRegistry]:
    adapter = MlflowRegistry(ALLOWED, LIMITS)
    yield adapter
    await adapter.close()


@pytest.fixture
def endpoint(mlflow_server: MlflowServer) -> Endpoint:
    return Endpoint(mlflow_server.uri)


def as_the_client_sees(client: MlflowClient, found: ModelVersion) -> RegisteredVersion:
    return RegisteredVersion(
        model=found.name,
        version=str(found.version),
        source=found.source or "",
        created_time=found.creation_timestamp,
        run_id=found.run_id or "",
        artifact_uri=client.get_model_version_download_uri(found.name, found.version),
    )


async def agree(registry: MlflowRegistry, endpoint: Endpoint, client: MlflowClient, model: str) -> None:
    """Both see the same in every version of a model, and in its aliases."""
    versions = client.search_model_versions(f'name = "{model}"')
    assert versions
    for found in versions:
        seen = await registry.version(endpoint, model, str(found.version))
        assert seen == as_the_client_sees(client, client.get_model_version(model, found.version))
    known = client.get_registered_model(model)
    for models in ([model], [model, "another"]):
        aliases = (await registry.aliases(endpoint, models))[model]
        assert (aliases.created_time, aliases.versions) == (known.creation_timestamp, known.aliases)


async def test_all_kinds_of_sources(
    registry: MlflowRegistry, endpoint: Endpoint, client: MlflowClient
) -> None:
    model, other = model_name("iris"), model_name("copy")
    experiment = client.create_experiment(model)
    run = client.create_run(experiment)
    logged = client.create_logged_model(experiment, source_run_id=run.info.run_id)
    client.create_registered_model(model)
    client.create_model_version(model, "s3://bucket/no such key")
    client.create_model_version(model, f"runs:/{run.info.run_id}/model", run_id=run.info.run_id)
    client.create_model_version(model, f"models:/{logged.model_id}", model_id=logged.model_id)
    client.copy_model_version(f"models:/{model}/3", other)
    client.set_registered_model_alias(model, "champion", "3")
    client.set_registered_model_alias(model, "1", "2")
    await agree(registry, endpoint, client, model)
    await agree(registry, endpoint, client, other)
    pinned = await registry.version(endpoint, model, "3")
    assert pinned.source.startswith("models:/m-")
    assert pinned.artifact_uri.startswith("mlflow-artifacts:/")
    assert (await registry.version(endpoint, model, "2")).run_id == run.info.run_id


@pytest.mark.parametrize(
    "name",
    [
        "two words",
        "it's",
        "a+b&c=d?e#f%20g",
        "größe 模型 🌱",
        "dots..",
        "{registry}",
        "back\\slash",
        "new\nline",
        "x" * 200,
    ],
)
async def test_odd_names(
    registry: MlflowRegistry, endpoint: Endpoint, client: MlflowClient, name: str
) -> None:
    model = model_name(name)
    client.create_registered_model(model)
    client.create_model_version(model, "s3://bucket/key")
    client.set_registered_model_alias(model, "champion", "1")
    await agree(registry, endpoint, client, model)
    with pytest.raises(Terminal, match="newest is 1"):
        await registry.version(endpoint, model, "2")


@pytest.mark.parametrize("name", ["a/b", "a:b", " ", "../x"])
async def test_names_that_no_model_can_have(registry: MlflowRegistry, endpoint: Endpoint, name: str) -> None:
    with pytest.raises(Terminal) as error:
        await registry.version(endpoint, name, "1")
    assert error.value.reason == Reason.VERSION_NOT_FOUND
    assert await registry.aliases(endpoint, [name]) == {}
    assert await registry.aliases(endpoint, [name, "another"]) == {}


@pytest.mark.parametrize("name", ["two words", "a+b&c=d?e#f%20g", "größe 模型 🌱"])
async def test_tags_as_mlflows_client_sees_them(
    registry: MlflowRegistry, endpoint: Endpoint, client: MlflowClient, name: str
) -> None:
    model = model_name(name)
    client.create_registered_model(model, description="mine")
    client.create_model_version(model, "s3://bucket/key", description="the first", tags={"a": "b"})
    longest = "pintle." + ".".join(["c" * 63, "n" * 63, "d" * 40])
    await registry.set_tag(endpoint, model, "1", longest, "rejected: ProofFailed")
    found = client.get_model_version(model, "1")
    assert found.tags == {"a": "b", longest: "rejected: ProofFailed"}
    assert found.description == "the first"
    assert client.get_registered_model(model).description == "mine"
    await registry.delete_tag(endpoint, model, "1", longest)
    assert client.get_model_version(model, "1").tags == {"a": "b"}


async def test_the_newest_version_is_that_of_any_stage(
    registry: MlflowRegistry, endpoint: Endpoint, client: MlflowClient
) -> None:
    model = model_name()
    client.create_registered_model(model)
    for _ in range(12):
        client.create_model_version(model, "s3://bucket/key")
    client.set_registered_model_tag(model, "some", "tag")
    with pytest.warns(FutureWarning, match="deprecated"):
        client.transition_model_version_stage(model, "3", "Production")
    client.delete_model_version(model, "12")
    with pytest.raises(Terminal, match=r"\(newest is 11\)"):
        await registry.version(endpoint, model, "12")


async def test_the_servers_version_is_that_of_the_package(
    registry: MlflowRegistry, endpoint: Endpoint
) -> None:
    import mlflow  # noqa: PLC0415 - for its version alone

    assert await registry.server_version(endpoint) == mlflow.__version__


@pytest.fixture
def eve(mlflow_server_with_users: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """A user who may read nothing, of a server with a model `secret`; her endpoint."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", ADMIN)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", ADMIN_PASSWORD)
    server, models = mlflow_server_with_users, MlflowClient(mlflow_server_with_users.uri)
    server.administer("POST", "users/create", {"username": EVE, "password": EVE_PASSWORD})
    models.create_registered_model("secret")
    models.create_model_version("secret", "s3://bucket/key")
    yield Endpoint(server.uri, credentials=Credentials(EVE, EVE_PASSWORD))
    models.delete_registered_model("secret")
    server.administer("DELETE", "users/delete", {"username": EVE})


async def test_a_user_without_permission(registry: MlflowRegistry, eve: Endpoint) -> None:
    assert await registry.server_version(eve)
    admin = Endpoint(eve.uri, credentials=Credentials(ADMIN, ADMIN_PASSWORD))
    assert (await registry.version(admin, "secret", "1")).source == "s3://bucket/key"
    with pytest.raises(Terminal) as error:
        await registry.version(eve, "secret", "1")
    assert error.value.reason == Reason.REGISTRY_FORBIDDEN
    assert "does not let the username and password read this (403)" in error.value.message
    assert EVE not in error.value.message


async def test_a_user_who_may_not_write(registry: MlflowRegistry, eve: Endpoint) -> None:
    admin = Endpoint(eve.uri, credentials=Credentials(ADMIN, ADMIN_PASSWORD))
    await registry.set_tag(admin, "secret", "1", "pintle.prod.ml.iris", "standby")
    for question in (
        registry.set_tag(eve, "secret", "1", "pintle.prod.ml.iris", "serving"),
        registry.delete_tag(eve, "secret", "1", "pintle.prod.ml.iris"),
    ):
        with pytest.raises(Terminal) as error:
            await question
        assert error.value.reason == Reason.REGISTRY_FORBIDDEN
        assert "write this (403): grant EDIT in MLflow" in error.value.message
    assert (await registry.version(admin, "secret", "1")).tags == {"pintle.prod.ml.iris": "standby"}


async def test_a_username_beats_a_token(registry: MlflowRegistry, eve: Endpoint) -> None:
    both = Credentials(EVE, EVE_PASSWORD, token="of no use")
    assert await registry.server_version(Endpoint(eve.uri, credentials=both))


async def test_a_host_name_that_the_server_does_not_go_by(
    mlflow_server: MlflowServer, client: MlflowClient
) -> None:
    """A new MLflow server in a cluster, asked by its Service's name."""
    model = model_name()
    client.create_registered_model(model)
    client.create_model_version(model, "s3://bucket/key")
    registry = MlflowRegistry(ALLOWED, LIMITS, lookup=on_loopback)
    known = Endpoint(f"http://localhost:{mlflow_server.port}")
    assert (await registry.version(known, model, "1")).version == "1"
    unknown = Endpoint(f"http://mlflow.ml.svc:{mlflow_server.port}")
    for question in (
        registry.version(unknown, model, "1"),
        registry.aliases(unknown, [model]),
        registry.aliases(unknown, [model, "another"]),
        registry.server_version(unknown),
    ):
        with pytest.raises(Terminal) as error:
            await question
        assert error.value.reason == Reason.HOST_HEADER_REFUSED
        assert f"`mlflow server --allowed-hosts mlflow.ml.svc:{mlflow_server.port}`" in error.value.message
    await registry.close()


async def test_a_server_under_a_path(
    registry: MlflowRegistry, mlflow_server_with_users: MlflowServer
) -> None:
    uri, admin = mlflow_server_with_users.uri, Credentials(ADMIN, ADMIN_PASSWORD)
    assert uri.endswith("/some/path")
    for right in (uri, f"{uri}/"):
        assert await registry.server_version(Endpoint(right, credentials=admin))
        with pytest.raises(Terminal, match="there is no model"):
            await registry.version(Endpoint(right, credentials=admin), "iris", "1")
    with pytest.raises(Retryable, match=r"check the path in spec\.uri"):
        await registry.server_version(Endpoint(uri.removesuffix("/path"), credentials=admin))
