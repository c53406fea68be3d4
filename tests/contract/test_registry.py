"""What every `ports.Registry` does: the adapter with a real MLflow server, and the registry in memory."""

from collections.abc import Iterator
from typing import Protocol

import pytest
from mlflow import MlflowClient
from typing_extensions import override

from pintle.adapters.registry import MlflowRegistry
from pintle.conditions import Reason
from pintle.domain import RegisteredVersion
from pintle.errors import PintleError, Retryable, Terminal
from pintle.ports import REGISTRY, Credentials, Endpoint, Registry, name_registry, no_model
from tests.contract.hostile import ALLOWED, LIMITS
from tests.support.fake_registry import SERVER_VERSION, FakeRegistry
from tests.support.mlflow_server import ADMIN, ADMIN_PASSWORD, MlflowServer, model_name


class Stage(Protocol):
    """A registry to ask, and the means to change what is in it."""

    registry: Registry
    endpoint: Endpoint
    with_users: Endpoint  # one that accepts ADMIN only

    def register(self, model: str) -> str: ...
    def set_alias(self, model: str, alias: str, version: str) -> None: ...
    def delete_alias(self, model: str, alias: str) -> None: ...
    def set_tag(self, model: str, version: str, key: str, value: str) -> None: ...
    def delete_version(self, model: str, version: str) -> None: ...
    def delete_model(self, model: str) -> None: ...


class Mlflow(Stage):
    """The adapter, with a server that is changed by MLflow's own client."""

    def __init__(self, server: MlflowServer, with_users: MlflowServer) -> None:
        self.registry = MlflowRegistry(ALLOWED, LIMITS)
        self.endpoint = Endpoint(server.uri)
        self.with_users = Endpoint(with_users.uri)
        self._client = MlflowClient(server.uri)

    @override
    def register(self, model: str) -> str:
        if not self._client.search_registered_models(f"name = '{model}'"):
            self._client.create_registered_model(model)
        return str(self._client.create_model_version(model, f"s3://models/{model}").version)

    @override
    def set_alias(self, model: str, alias: str, version: str) -> None:
        self._client.set_registered_model_alias(model, alias, version)

    @override
    def delete_alias(self, model: str, alias: str) -> None:
        self._client.delete_registered_model_alias(model, alias)

    @override
    def set_tag(self, model: str, version: str, key: str, value: str) -> None:
        self._client.set_model_version_tag(model, version, key, value)

    @override
    def delete_version(self, model: str, version: str) -> None:
        self._client.delete_model_version(model, version)

    @override
    def delete_model(self, model: str) -> None:
        self._client.delete_registered_model(model)


class InMemory(Stage):
    """The registry in memory."""

    def __init__(self) -> None:
        registry = FakeRegistry()
        self._server = registry.server("http://registry:5000")
        registry.server("http://users:5000").accepts = Credentials(ADMIN, ADMIN_PASSWORD)
        self.registry = registry
        self.endpoint = Endpoint("http://registry:5000")
        self.with_users = Endpoint("http://users:5000")

    @override
    def register(self, model: str) -> str:
        return self._server.register(model).version

    @override
    def set_alias(self, model: str, alias: str, version: str) -> None:
        self._server.set_alias(model, alias, version)

    @override
    def delete_alias(self, model: str, alias: str) -> None:
        self._server.delete_alias(model, alias)

    @override
    def set_tag(self, model: str, version: str, key: str, value: str) -> None:
        self._server.set_tag(model, version, key, value)

    @override
    def delete_version(self, model: str, version: str) -> None:
        self._server.delete_version(model, version)

    @override
    def delete_model(self, model: str) -> None:
        self._server.delete_model(model)


@pytest.fixture(params=["mlflow", "in memory"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    if request.param == "in memory":
        yield InMemory()
    else:
        server = request.getfixturevalue("mlflow_server")
        yield Mlflow(server, request.getfixturevalue("mlflow_server_with_users"))


@pytest.fixture
def model() -> str:
    return model_name("iris")


async def ask(stage: Stage, model: str, version: str) -> RegisteredVersion:
    return await stage.registry.version(stage.endpoint, model, version)


def said(error: pytest.ExceptionInfo[PintleError]) -> tuple[str, str]:
    return error.value.reason, name_registry(error.value.message, "mlflow")


async def test_a_version(stage: Stage, model: str) -> None:
    versions = [stage.register(model), stage.register(model)]
    first, second = [await ask(stage, model, version) for version in versions]
    assert (first.model, first.version, second.version) == (model, "1", "2")
    assert first.source
    assert first.artifact_uri
    assert first.created_time < second.created_time


async def test_what_is_said_of_a_version(stage: Stage, model: str) -> None:
    """Its tags, and the aliases that name it; they do not make it another one."""
    stage.register(model), stage.register(model)
    plain = await ask(stage, model, "1")
    assert (plain.tags, plain.aliases) == ({}, frozenset())
    for value in ("pending", "approved"):
        stage.set_tag(model, "1", "validation_status", value)
    stage.set_alias(model, "released", "1")
    stage.set_alias(model, "champion", "2")
    said_of = await ask(stage, model, "1")
    assert (said_of.tags, said_of.aliases) == (
        {"validation_status": "approved"},
        frozenset({"released"}),
    )
    assert said_of == plain


async def test_a_tag_is_set_and_taken_away(stage: Stage, model: str) -> None:
    """And none but that, of that version alone."""
    stage.register(model), stage.register(model)
    stage.set_tag(model, "1", "owner", "ann")
    ours = "pintle.prod.ml.iris"
    for value in ("standby", "serving since 2026-11-25T14:05:00Z", "größe: 模型"):
        await stage.registry.set_tag(stage.endpoint, model, "1", ours, value)
        assert (await ask(stage, model, "1")).tags == {"owner": "ann", ours: value}
    for _ in range(2):
        await stage.registry.delete_tag(stage.endpoint, model, "1", ours)
        assert (await ask(stage, model, "1")).tags == {"owner": "ann"}
    assert (await ask(stage, model, "2")).tags == {}


async def test_a_tag_of_what_is_gone(stage: Stage, model: str) -> None:
    stage.register(model), stage.register(model)
    stage.delete_version(model, "1")
    for name, version in ((model, "1"), (f"{model}-missing", "1")):
        with pytest.raises(Terminal) as error:
            await stage.registry.set_tag(stage.endpoint, name, version, "pintle.prod.ml.iris", "standby")
        assert error.value.reason == Reason.VERSION_NOT_FOUND
        await stage.registry.delete_tag(stage.endpoint, name, version, "pintle.prod.ml.iris")


async def test_a_missing_version_names_the_newest(stage: Stage, model: str) -> None:
    for _ in range(4):
        stage.register(model)
    with pytest.raises(Terminal) as error:
        await ask(stage, model, "7")
    assert REGISTRY in error.value.message
    assert said(error) == (
        Reason.VERSION_NOT_FOUND,
        f"{model} version 7 is not in registry mlflow (newest is 4)",
    )


async def test_a_version_that_no_database_could_hold(stage: Stage, model: str) -> None:
    stage.register(model)
    with pytest.raises(Terminal) as error:
        await ask(stage, model, "9999999999")
    assert said(error)[1] == f"{model} version 9999999999 is not in registry mlflow (newest is 1)"


async def test_a_model_without_versions(stage: Stage, model: str) -> None:
    stage.delete_version(model, stage.register(model))
    with pytest.raises(Terminal) as error:
        await ask(stage, model, "1")
    assert said(error) == (
        Reason.VERSION_NOT_FOUND,
        f"{model} version 1 is not in registry mlflow (the model has no versions)",
    )


async def test_a_missing_model_says_so(stage: Stage, model: str) -> None:
    with pytest.raises(Terminal) as error:
        await ask(stage, model, "1")
    assert said(error) == (
        Reason.VERSION_NOT_FOUND,
        f"there is no model {model} in registry mlflow: register it",
    )
    assert error.value.message == no_model(model).message


async def versions(stage: Stage, *models: str) -> dict[str, dict[str, str]]:
    """What the aliases of these models name: by model, then by alias."""
    seen = await stage.registry.aliases(stage.endpoint, models)
    return {model: dict(aliases.versions) for model, aliases in seen.items()}


async def test_an_alias_moves_and_vanishes(stage: Stage, model: str) -> None:
    stage.register(model), stage.register(model)
    for version in ("1", "2"):
        stage.set_alias(model, "champion", version)
        assert await versions(stage, model) == {model: {"champion": version}}
    stage.set_alias(model, "canary", "1")
    assert await versions(stage, model) == {model: {"champion": "2", "canary": "1"}}
    stage.delete_alias(model, "champion")
    assert await versions(stage, model) == {model: {"canary": "1"}}


async def test_aliases_of_several_models(stage: Stage, model: str) -> None:
    """A model that is not there is not in the answer, be it one of several or alone."""
    other, missing = f"{model}-other", f"{model}-missing"
    stage.register(model), stage.register(other)
    stage.set_alias(other, "champion", "1")
    assert await versions(stage, other, model, missing) == {model: {}, other: {"champion": "1"}}
    assert await versions(stage, missing) == {}


async def test_a_deleted_version_takes_its_aliases_along(stage: Stage, model: str) -> None:
    stage.register(model), stage.register(model)
    stage.set_alias(model, "champion", "2")
    stage.delete_version(model, "2")
    assert await versions(stage, model) == {model: {}}
    assert stage.register(model) == "3"  # the number is not used again


async def test_a_model_made_again_is_another_one(stage: Stage, model: str) -> None:
    before = await ask(stage, model, stage.register(model))
    created = (await stage.registry.aliases(stage.endpoint, [model]))[model].created_time
    assert (await stage.registry.aliases(stage.endpoint, [model]))[model].created_time == created
    stage.delete_model(model)
    after = await ask(stage, model, stage.register(model))
    assert before.version == after.version == "1"
    assert before.created_time < after.created_time
    assert created < (await stage.registry.aliases(stage.endpoint, [model]))[model].created_time


async def test_the_servers_version(stage: Stage) -> None:
    assert await stage.registry.server_version(stage.endpoint) == SERVER_VERSION


@pytest.mark.parametrize(
    "credentials",
    [Credentials(), Credentials(ADMIN, "wrong"), Credentials(token="wrong")],
    ids=["none", "password", "token"],
)
async def test_refused_credentials(stage: Stage, credentials: Credentials) -> None:
    right = Endpoint(stage.with_users.uri, credentials=Credentials(ADMIN, ADMIN_PASSWORD))
    assert await stage.registry.server_version(right) == SERVER_VERSION
    wrong = Endpoint(stage.with_users.uri, credentials=credentials)
    for question in (
        stage.registry.version(wrong, "iris", "1"),
        stage.registry.aliases(wrong, ["iris"]),
        stage.registry.aliases(wrong, ["iris", "fraud"]),
        stage.registry.server_version(wrong),
        stage.registry.set_tag(wrong, "iris", "1", "pintle.prod.ml.iris", "standby"),
        stage.registry.delete_tag(wrong, "iris", "1", "pintle.prod.ml.iris"),
    ):
        with pytest.raises(Terminal) as error:
            await question
        assert error.value.reason == Reason.REGISTRY_FORBIDDEN
        assert "(401)" in error.value.message
        assert "wrong" not in error.value.message


async def test_nobody_is_there(stage: Stage) -> None:
    nobody = Endpoint("http://127.0.0.1:1")
    for question in (
        stage.registry.version(nobody, "iris", "1"),
        stage.registry.aliases(nobody, ["iris"]),
        stage.registry.aliases(nobody, ["iris", "fraud"]),
        stage.registry.server_version(nobody),
        stage.registry.set_tag(nobody, "iris", "1", "pintle.prod.ml.iris", "standby"),
        stage.registry.delete_tag(nobody, "iris", "1", "pintle.prod.ml.iris"),
    ):
        with pytest.raises(Retryable) as error:
            await question
        assert said(error) == (
            Reason.REGISTRY_UNAVAILABLE,
            "registry mlflow at http://127.0.0.1:1 cannot be connected to (connection refused)",
        )
