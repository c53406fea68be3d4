"""Credentials that are planted where they belong, and looked for in all that the operator's process says."""

import base64
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from typing_extensions import override

from pintle.adapters.telemetry.events import EVENTS
from pintle.domain.resources import CHILDREN, LEASES, MODEL_DEPLOYMENTS, REGISTRY_CONNECTIONS, SECRETS
from pintle.naming import CREDENTIALS_TYPE
from tests.support.faults.bench import Bench
from tests.support.faults.lane import MODEL, VERSIONS, Lane
from tests.support.faults.registry import RegistryStandIn

PLANTED = {
    "username": "planted-user-7b1f",
    "password": "planted-password-7b1f",
    "AWS_SECRET_ACCESS_KEY": "planted-key-7b1f",
}
BASIC = base64.b64encode(f"{PLANTED['username']}:{PLANTED['password']}".encode()).decode()
# As they are, as a Secret holds them, and as they are sent.
NEEDLES = (*PLANTED.values(), *(base64.b64encode(v.encode()).decode() for v in PLANTED.values()), BASIC)

Answer = Callable[[str], web.Response]


def _echo(status: int, **headers: str) -> Answer:
    """An answer that repeats what it was sent, where a client may take words from."""

    def answer(said: str) -> web.Response:
        words = f"{said} {PLANTED['password']}"
        body = orjson.dumps({"error_code": words, "message": words}).decode()
        shown = {name: value.format(words.replace(" ", "-")) for name, value in headers.items()}
        return web.Response(status=status, text=body, headers=shown, reason=words)

    return answer


ECHOES = {
    "an error": (_echo(500), "RegistryUnavailable"),
    "a refusal": (_echo(401, **{"WWW-Authenticate": 'Basic realm="{}"'}), "RegistryForbidden"),
    "no right": (_echo(403), "RegistryForbidden"),
    "a redirect": (_echo(302, Location="https://{}.example/"), "RegistryUnavailable"),
    "not there": (_echo(404), "RegistryUnavailable"),
    "something else": (_echo(200), "RegistryUnavailable"),
}


class Echoing(RegistryStandIn):
    """A registry that answers those who have the credentials, and may turn on them."""

    def __init__(self) -> None:
        super().__init__()
        self.echo: Answer | None = None
        self.authorizations: set[str] = set()

    @web.middleware
    @override
    async def _troubled(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        said = request.headers.get("Authorization", "")
        self.authorizations.add(said)
        return self.echo(said) if self.echo else await handler(request)


@pytest.fixture
def registry(bench: Bench) -> Iterator[Echoing]:
    registry = Echoing()
    registry.register(MODEL, *VERSIONS)
    bench.loop.run(registry.start())
    yield registry
    bench.loop.run(registry.stop())


@pytest.fixture
def talkative(bench: Bench, tmp_path: Path) -> Iterator[Lane]:
    """A namespace whose operator logs all that it can."""
    with bench.lane(tmp_path, PINTLE_LOG_LEVEL="DEBUG") as lane:
        lane.operator.start()
        yield lane


def _said(lane: Lane) -> dict[str, str]:
    """All that the operator says or writes, by where."""
    kinds = (MODEL_DEPLOYMENTS, REGISTRY_CONNECTIONS, *CHILDREN, EVENTS, LEASES)
    said = {kind.plural: orjson.dumps(lane.bench.kube.list(kind, lane.namespace)).decode() for kind in kinds}
    process = lane.operator.process
    said |= {path: process.get(path)[1] for path in ("/metrics", "/healthz", "/readyz")}
    return said | {"the log": process.log()}


def _found(said: dict[str, str]) -> list[tuple[str, str]]:
    return [(needle, where) for where, text in said.items() for needle in NEEDLES if needle in text]


def test_planted_credentials_come_out_nowhere(talkative: Lane, registry: Echoing) -> None:
    lane = talkative
    secret = {"metadata": {"name": "mlflow-credentials"}, "type": CREDENTIALS_TYPE, "stringData": PLANTED}
    lane.bench.kube.create(SECRETS, lane.namespace, secret)
    lane.connect("guarded", registry.uri, {"secretRef": {"name": "mlflow-credentials"}})
    subject = lane.subject()
    lane.create(subject, {"version": 1, "registryRef": {"name": "guarded"}})
    lane.becomes(subject, "Serving")
    for number, (echo, reason) in enumerate(ECHOES.values(), start=2):
        registry.echo = echo
        lane.edit(subject, version=number)
        lane.becomes(subject, reason)
        registry.echo = None
        lane.becomes(subject, "Serving")
    said = _said(lane)
    assert all(said.values()), "there is something to look through everywhere"
    assert _found(said) == []
    # The controls: the credentials were sent each time, and what holds them is noticed.
    assert registry.authorizations == {f"Basic {BASIC}"}
    held = {"secrets": orjson.dumps(lane.bench.kube.list(SECRETS, lane.namespace)).decode()}
    assert {where for _, where in _found(held)} == {"secrets"}
    assert len(_found({"the log": said["the log"] + "".join(NEEDLES)})) == len(NEEDLES)
