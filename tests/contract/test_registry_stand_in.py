"""The fault kit's registry stand-in answers as MLflow's own server does, as far as the operator asks."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from mlflow import MlflowClient

from tests.support.faults.registry import RegistryStandIn
from tests.support.mlflow_server import MlflowServer, model_name

API = "/api/2.0/mlflow"
# Fields of an error or an answer that say the same in other words, or that nothing of ours reads.
OWN_WORDS = {"message", "creation_timestamp", "run_id", "last_updated_timestamp", "tags"}


@pytest.fixture
async def stand_in() -> AsyncIterator[RegistryStandIn]:
    registry = RegistryStandIn()
    await registry.start()
    yield registry
    await registry.stop()


def same(told: object, real: object, at: str = "") -> list[str]:
    """Where the stand-in's JSON says what the server's does not; the server may say more."""
    if isinstance(told, dict) and isinstance(real, dict):
        pairs = ((k, told[k], real.get(k)) for k in told if k not in OWN_WORDS)
        return [wrong for k, a, b in pairs for wrong in same(a, b, f"{at}/{k}")]
    if isinstance(told, list) and isinstance(real, list):
        return [wrong for a, b in zip(told, real, strict=True) for wrong in same(a, b, f"{at}[]")]
    return [] if told == real else [f"{at}: {told!r}, not {real!r}"]


async def test_it_answers_as_the_server_does(mlflow_server: MlflowServer, stand_in: RegistryStandIn) -> None:
    model, absent = model_name(), model_name("absent")
    client = MlflowClient(mlflow_server.uri)
    client.create_registered_model(model)
    for version in ("1", "2"):
        client.create_model_version(model, f"s3://models/{model}/{version}")
    client.set_registered_model_alias(model, "champion", "1")
    stand_in.register(model, "1", "2")
    stand_in.set_alias(model, "champion", "1")
    questions = [
        (f"{API}/{path}", {"name": name, **more})
        for name in (model, absent)
        for path, more in (
            ("model-versions/get", {"version": "2"}),
            ("model-versions/get", {"version": "7"}),
            ("model-versions/get-download-uri", {"version": "2"}),
            ("model-versions/get-download-uri", {"version": "7"}),
            ("registered-models/get", {}),
        )
    ]
    both = {"filter": f"name IN ('{model}', '{absent}')", "max_results": "1000"}
    questions.append((f"{API}/registered-models/search", both))
    async with aiohttp.ClientSession() as session:
        for path, query in questions:
            async with session.get(f"{mlflow_server.uri}{path}", params=query) as answer:
                status, real = answer.status, await answer.json()
            async with session.get(f"{stand_in.uri}{path}", params=query) as answer:
                told = await answer.json()
                assert (answer.status, same(told, real)) == (status, []), (path, query, told, real)
