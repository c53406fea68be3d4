"""`ports.Registry` on MLflow's REST interface (2.0; https://mlflow.org/docs/latest/api_reference/rest-api.html).

MLflow's own client is not used: it blocks for minutes when a server is down, and shares one session
and one set of credentials in the whole process. It is the oracle of the contract tests.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from socket import getaddrinfo
from urllib.parse import quote

from pydantic import ValidationError

from pintle.adapters.addresses import AddressRules
from pintle.adapters.lookups import GetAddrInfo
from pintle.adapters.registry_answers import code, parse, strange
from pintle.adapters.registry_http import Conversation, HttpClient, Limits, TooLong
from pintle.adapters.registry_shapes import (
    AliasedModelAnswer,
    AliasedModelsAnswer,
    DownloadAnswer,
    EmptyAnswer,
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
_OK, _BAD_REQUEST, _NOT_FOUND = 200, 400, 404
# MLflow stores versions as 32-bit integers; asked for a larger one, it fails with 500 on some databases.
_NEWEST_POSSIBLE = 2**31 - 1
# What MLflow gives on one page at most, the pages that are read, and the bytes of each: descriptions and
# tags come along.
_PAGE, _PAGES, _PAGE_BYTES = 1000, 64, 16 * 1024 * 1024
# As it is sent. Servers and proxies take request lines of 8 KB, some of 4.
_FILTER_LENGTH = 3500
_QUOTES_SAFELY = re.compile(r"[A-Za-z0-9 ._+-]+", re.ASCII)


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
        self._http = HttpClient(rules or AddressRules(), limits or Limits(), lookup)

    async def version(self, endpoint: Endpoint, model: str, version: str) -> RegisteredVersion:
        """See `ports.Registry`."""
        async with self._http.open(endpoint) as talk:
            if int(version) > _NEWEST_POSSIBLE:
                raise await _no_version(talk, model, version)
            answer = await talk.get(f"{_API}/model-versions/get", {"name": model, "version": version})
            if code(answer) in _ABSENT:
                raise await _no_version(talk, model, version)
            found = parse(talk, answer, VersionAnswer).model_version
            if found.version != version:
                raise strange(talk)
            return await _complete(talk, model, found)

    async def aliases(self, endpoint: Endpoint, models: Sequence[str]) -> Mapping[str, ModelAliases]:
        """See `ports.Registry`."""
        async with self._http.open(endpoint) as talk:
            return await _models(talk, sorted(set(models)))

    async def server_version(self, endpoint: Endpoint) -> str:
        """See `ports.Registry`."""
        async with self._http.open(endpoint) as talk:
            # `/version` and `/health` answer any Host header, and on some servers anybody: only a
            # request to the registry itself tells whether it can be used.
            answer = await talk.get(f"{_API}/registered-models/search", {"max_results": "1"})
            parse(talk, answer, SearchAnswer)
            told = await talk.get("/version")
            if told.status != _OK:
                return ""
            try:
                text = told.body.decode("ascii", "replace").strip()
                return ServerVersion(version=text).version
            except ValidationError:
                return ""

    async def set_tag(self, endpoint: Endpoint, model: str, version: str, key: str, value: str) -> None:
        """See `ports.Registry`."""
        async with self._http.open(endpoint) as talk:
            tag = {"name": model, "version": version, "key": key, "value": value}
            answer = await talk.send("POST", f"{_API}/model-versions/set-tag", tag)
            if code(answer) == _GONE:
                raise Terminal(
                    Reason.VERSION_NOT_FOUND, f"{model} version {version} is not in {REGISTRY} any more"
                )
            parse(talk, answer, EmptyAnswer, writes=True)

    async def delete_tag(self, endpoint: Endpoint, model: str, version: str, key: str) -> None:
        """See `ports.Registry`."""
        async with self._http.open(endpoint) as talk:
            tag = {"name": model, "version": version, "key": key}
            answer = await talk.send("DELETE", f"{_API}/model-versions/delete-tag", tag)
            if code(answer) != _GONE:
                parse(talk, answer, EmptyAnswer, writes=True)

    async def close(self) -> None:
        """See `ports.Registry`."""
        await self._http.close()


_GONE = (_NOT_FOUND, "RESOURCE_DOES_NOT_EXIST")
_ABSENT = {_GONE, (_BAD_REQUEST, "INVALID_PARAMETER_VALUE")}


async def _models(talk: Conversation, names: Sequence[str]) -> dict[str, ModelAliases]:
    """Ask in halves where an answer is too long: one model's description or tags must not hide the others."""
    if len(names) < 2:  # noqa: PLR2004 - one cannot be halved
        return await _one_model(talk, names[0]) if names else {}
    try:
        return await _many_models(talk, set(names))
    except TooLong:
        found: dict[str, ModelAliases] = {}
        middle = len(names) // 2
        for half in (names[:middle], names[middle:]):
            # Left out, as the port has it: who asks for that very model is told.
            with suppress(TooLong, Unauthorized):
                found |= await _models(talk, half)
        return found


async def _one_model(talk: Conversation, model: str) -> dict[str, ModelAliases]:
    answer = await talk.get(f"{_API}/registered-models/get", {"name": model})
    if code(answer) in _ABSENT:
        return {}
    return {model: parse(talk, answer, AliasedModelAnswer).registered_model.aliased()}


async def _many_models(talk: Conversation, wanted: set[str]) -> dict[str, ModelAliases]:
    """Ask for several models in one request, if their names can be written into one, or for all there are."""
    found: dict[str, ModelAliases] = {}
    params = {"max_results": str(_PAGE)} | _filter(wanted)
    for _ in range(_PAGES):
        answer = await talk.get(f"{_API}/registered-models/search", params, body_bytes=_PAGE_BYTES)
        if "filter" in params and code(answer) == (_BAD_REQUEST, "INVALID_PARAMETER_VALUE"):
            del params["filter"]  # a registry that speaks as MLflow does, and knows no IN
            continue
        page = parse(talk, answer, AliasedModelsAnswer)
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
    if code(answer) in _ABSENT:  # deleted since the question before
        raise await _no_version(talk, model, found.version)
    return RegisteredVersion(
        model=model,
        version=found.version,
        source=found.source,
        created_time=found.creation_timestamp,
        run_id=found.run_id or "",
        artifact_uri=parse(talk, answer, DownloadAnswer).artifact_uri,
        tags=found.tagged(),
        aliases=found.aliased(),
    )


async def _no_version(talk: Conversation, model: str, version: str) -> Terminal:
    """Say that a version is not there, and what is. That it is not there is known, come what may."""
    missing = f"{model} version {version} is not in {REGISTRY}"
    try:
        answer = await talk.get(f"{_API}/registered-models/get", {"name": model})
        if code(answer) in _ABSENT:
            return no_model(model)
        known = parse(talk, answer, ModelAnswer).registered_model.latest_versions
    except PintleError:
        return Terminal(Reason.VERSION_NOT_FOUND, missing)
    # The newest of each stage; the newest of these is the newest of all.
    newest = max((each.version for each in known), default=None)
    return Terminal(
        Reason.VERSION_NOT_FOUND,
        f"{missing} ({f'newest is {newest}' if newest else 'the model has no versions'})",
    )
