"""`ports.Registry` on MLflow's REST interface (2.0; https://mlflow.org/docs/latest/api_reference/rest-api.html).

MLflow's own client is not used: it blocks for minutes when a server is down, and shares one session
and one set of credentials in the whole process. It is the oracle of the contract tests.

What the server says in an error is judged by its status and error code and never repeated in a
message: see `ports.Registry`.
"""

import re
from collections.abc import Mapping, Sequence
from socket import getaddrinfo
from typing import TypeVar
from urllib.parse import quote

import orjson
from pydantic import BaseModel, ValidationError

from pintle.adapters.addresses import AddressRules
from pintle.adapters.lookups import GetAddrInfo
from pintle.adapters.registry_http import Answer, Conversation, HttpReader, Limits
from pintle.adapters.registry_shapes import (
    AliasedModelAnswer,
    AliasedModelsAnswer,
    DownloadAnswer,
    ErrorAnswer,
    ModelAnswer,
    ModelVersion,
    SearchAnswer,
    ServerVersion,
    VersionAnswer,
)
from pintle.conditions import Reason
from pintle.domain import ModelAliases, RegisteredVersion
from pintle.errors import PintleError, Retryable, Terminal, Unauthorized
from pintle.ports import REGISTRY, Endpoint, no_model

_API = "/api/2.0/mlflow"
_OK, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 400, 401, 403, 404
# MLflow stores versions as 32-bit integers; asked for a larger one, it fails with 500 on some databases.
_NEWEST_POSSIBLE = 2**31 - 1
# What MLflow gives on one page at most, the pages that are read, and the bytes of each: descriptions and
# tags come along.
_PAGE, _PAGES, _PAGE_BYTES = 1000, 64, 16 * 1024 * 1024
# As it is sent. Servers and proxies take request lines of 8 KB, some of 4.
_FILTER_LENGTH = 3500
_QUOTES_SAFELY = re.compile(r"[A-Za-z0-9 ._+-]+", re.ASCII)
# The answer's first words where a server is asked by a name that it does not go by (MLflow >= 3.5).
_HOST_REFUSED = b"Invalid Host header"


_A = TypeVar("_A", bound=BaseModel)


class MlflowRegistry:
    """A `ports.Registry`. It holds no state of any registry, and tries nothing twice.

    `lookup` turns host names into addresses, as `socket.getaddrinfo` does; it may block.
    """

    def __init__(
        self,
        rules: AddressRules | None = None,
        limits: Limits | None = None,
        *,
        lookup: GetAddrInfo = getaddrinfo,
    ) -> None:
        self._http = HttpReader(rules or AddressRules(), limits or Limits(), lookup)

    async def version(self, endpoint: Endpoint, model: str, version: str) -> RegisteredVersion:
        """See `ports.Registry`."""
        async with self._http.open(endpoint) as talk:
            if int(version) > _NEWEST_POSSIBLE:
                raise await _no_version(talk, model, version)
            answer = await talk.get(f"{_API}/model-versions/get", {"name": model, "version": version})
            if _code(answer) in _ABSENT:
                raise await _no_version(talk, model, version)
            found = _parse(talk, answer, VersionAnswer).model_version
            if found.version != version:
                raise _strange(talk)
            return await _complete(talk, model, found)

    async def aliases(self, endpoint: Endpoint, models: Sequence[str]) -> Mapping[str, ModelAliases]:
        """See `ports.Registry`."""
        wanted = set(models)
        async with self._http.open(endpoint) as talk:
            if len(wanted) == 1:
                return await _one_model(talk, *wanted)
            return await _many_models(talk, wanted)

    async def server_version(self, endpoint: Endpoint) -> str:
        """See `ports.Registry`."""
        async with self._http.open(endpoint) as talk:
            # `/version` and `/health` answer any Host header, and on some servers anybody: only a
            # request to the registry itself tells whether it can be used.
            answer = await talk.get(f"{_API}/registered-models/search", {"max_results": "1"})
            _parse(talk, answer, SearchAnswer)
            told = await talk.get("/version")
            if told.status != _OK:
                return ""
            try:
                text = told.body.decode("ascii", "replace").strip()
                return ServerVersion(version=text).version
            except ValidationError:
                return ""

    async def close(self) -> None:
        """See `ports.Registry`."""
        await self._http.close()


_ABSENT = {(_NOT_FOUND, "RESOURCE_DOES_NOT_EXIST"), (_BAD_REQUEST, "INVALID_PARAMETER_VALUE")}


async def _one_model(talk: Conversation, model: str) -> dict[str, ModelAliases]:
    answer = await talk.get(f"{_API}/registered-models/get", {"name": model})
    if _code(answer) in _ABSENT:
        return {}
    return {model: _parse(talk, answer, AliasedModelAnswer).registered_model.aliased()}


async def _many_models(talk: Conversation, wanted: set[str]) -> dict[str, ModelAliases]:
    """Ask for several models in one request, if their names can be written into one, or for all there are."""
    found: dict[str, ModelAliases] = {}
    params = {"max_results": str(_PAGE)} | _filter(wanted)
    for _ in range(_PAGES):
        answer = await talk.get(f"{_API}/registered-models/search", params, body_bytes=_PAGE_BYTES)
        if "filter" in params and _code(answer) == (_BAD_REQUEST, "INVALID_PARAMETER_VALUE"):
            del params["filter"]  # a registry that speaks as MLflow does, and knows no IN
            continue
        page = _parse(talk, answer, AliasedModelsAnswer)
        found |= {each.name: each.aliased() for each in page.registered_models if each.name in wanted}
        if not page.next_page_token or len(found) == len(wanted):
            return found
        params["page_token"] = page.next_page_token
    raise Retryable(
        Reason.REGISTRY_UNAVAILABLE,
        f"{talk.where} lists more than {_PAGES * _PAGE} models: follow aliases of fewer models",
    )


def _filter(names: set[str]) -> dict[str, str]:
    """A filter for these names; none where MLflow's parser might not read them as they are, or for too many.

    Up to 1,000 models are one page, so that a list of all costs one request too.
    """
    listed = ", ".join(f"'{name}'" for name in sorted(names))
    if len(quote(listed)) > _FILTER_LENGTH or not all(_QUOTES_SAFELY.fullmatch(name) for name in names):
        return {}
    return {"filter": f"name IN ({listed})"}


async def _complete(talk: Conversation, model: str, found: ModelVersion) -> RegisteredVersion:
    """Add where the artifacts are; `source` may be `models:/m-...` or another version."""
    if found.status == "PENDING_REGISTRATION":
        raise Retryable(
            Reason.RESOLVING, f"{model} version {found.version} is being registered in {REGISTRY}"
        )
    if found.status == "FAILED_REGISTRATION":
        raise Terminal(
            Reason.VERSION_NOT_FOUND,
            f"{model} version {found.version} could not be registered in {REGISTRY}: register it again",
        )
    asked = {"name": model, "version": found.version}
    answer = await talk.get(f"{_API}/model-versions/get-download-uri", asked)
    if _code(answer) in _ABSENT:  # deleted since the question before
        raise await _no_version(talk, model, found.version)
    return RegisteredVersion(
        model=model,
        version=found.version,
        source=found.source,
        created_time=found.creation_timestamp,
        run_id=found.run_id or "",
        artifact_uri=_parse(talk, answer, DownloadAnswer).artifact_uri,
        tags={tag.key: tag.value for tag in found.tags},
        aliases=frozenset(found.aliases),
    )


async def _no_version(talk: Conversation, model: str, version: str) -> Terminal:
    """Say that a version is not there, and what is. That it is not there is known, come what may."""
    missing = f"{model} version {version} is not in {REGISTRY}"
    try:
        answer = await talk.get(f"{_API}/registered-models/get", {"name": model})
        if _code(answer) in _ABSENT:
            return no_model(model)
        known = _parse(talk, answer, ModelAnswer).registered_model.latest_versions
    except PintleError:
        return Terminal(Reason.VERSION_NOT_FOUND, missing)
    # The newest of each stage; the newest of these is the newest of all.
    newest = max((each.version for each in known), default=None)
    return Terminal(
        Reason.VERSION_NOT_FOUND,
        f"{missing} ({f'newest is {newest}' if newest else 'the model has no versions'})",
    )


def _code(answer: Answer) -> tuple[int, str]:
    """Status and MLflow's error code; "" where a body is not MLflow's."""
    if answer.status == _OK:
        return (_OK, "")
    try:
        return (answer.status, ErrorAnswer.model_validate(orjson.loads(answer.body)).error_code)
    except (orjson.JSONDecodeError, ValidationError):
        return (answer.status, "")


def _parse(talk: Conversation, answer: Answer, shape: type[_A]) -> _A:
    """Read an answer of 200 as what it should be; raise what any other one means."""
    if answer.status == _UNAUTHORIZED:
        raise Unauthorized(
            Reason.REGISTRY_FORBIDDEN,
            f"{talk.where} does not accept {talk.identification} (401): "
            f"name a Secret with a username and password, or a token, in the connection's spec.secretRef",
        )
    if answer.status == _FORBIDDEN:
        raise _forbidden(talk, answer)
    if answer.status != _OK:
        raise Retryable(Reason.REGISTRY_UNAVAILABLE, f"{talk.where} answers {answer.status}{_hint(answer)}")
    try:
        return shape.model_validate(orjson.loads(answer.body))
    except (orjson.JSONDecodeError, ValidationError):
        # `from None`: a ValidationError quotes what it was given.
        raise _strange(talk) from None


def _hint(answer: Answer) -> str:
    if answer.status == _NOT_FOUND:
        return ", not as an MLflow server does: check the path in spec.uri"
    return ""


def _strange(talk: Conversation) -> Retryable:
    return Retryable(
        Reason.REGISTRY_UNAVAILABLE,
        f"{talk.where} does not answer as an MLflow server does: check spec.uri",
    )


def _forbidden(talk: Conversation, answer: Answer) -> Terminal:
    if answer.body.startswith(_HOST_REFUSED):
        return Terminal(
            Reason.HOST_HEADER_REFUSED,
            f"{talk.where} refuses the host name {talk.authority}: "
            f"start it with `mlflow server --allowed-hosts {talk.authority}` "
            f"(the option replaces the default list: name every host that is used)",
        )
    return Unauthorized(
        Reason.REGISTRY_FORBIDDEN,
        f"{talk.where} does not let {talk.identification} read this (403): grant READ in MLflow, "
        f"or name a Secret with other credentials in the connection's spec.secretRef",
    )
