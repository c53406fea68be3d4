"""kopf: watch events in, and nothing else. The only module that imports it.

Only `on.event` handlers, with storages that store nothing, so that kopf itself writes nothing: no
finalizer, no annotation, no Event. What is set here was measured on kopf 1.45.2
(docs/adr/0001-events-and-a-queue-of-our-own.md); `watches` runs it.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any, TypeAlias

import kopf
from kopf._cogs.clients import watching
from typing_extensions import override

from pintle.adapters.kube_http import Login
from pintle.domain import Json, Resource
from pintle.intake import Change
from pintle.watches import Operate, StopFlag

Deliver: TypeAlias = Callable[[Change, Resource, Json], None]
LogIn: TypeAlias = Callable[[], Awaitable[Login]]
Kinds: TypeAlias = Callable[[], Collection[tuple[Resource, str]]]
"""What is to be watched now, each kind with its label selector. It may differ from one run to the next."""

Heard: TypeAlias = Callable[[str], None]
"""Told the name of a watching task (see `watchers`) that has heard something, in that task's thread."""

_BACKOFF_LIMIT = 10.0
_REQUEST_SECONDS = 30
_PAGE = 500


def operate(
    deliver: Deliver,
    login: LogIn,
    kinds: Kinds,
    namespaces: Collection[str] = (),
    *,
    heard: Heard = lambda _: None,
) -> Operate:
    """Make a coroutine function that watches until it is told to stop, or until kopf gives up.

    Args:
        deliver: is given each event, in the loop that the coroutine runs in; must not block.
        login: is asked for credentials at the start, and after each 401.
        kinds: what is watched; asked at the start of each run.
        namespaces: what is watched; all if there are none.
        heard: is told of each sign of life of a watch; must not block.
    """

    async def run(stop: StopFlag) -> None:
        chosen = kinds()
        _heard.set(heard)
        await kopf.operator(
            registry=_registry(deliver, login, chosen),
            settings=_settings(chosen),
            standalone=True,  # one replica, or a Lease: kopf's peering freezes all where two are equal
            clusterwide=not namespaces,
            namespaces=list(namespaces),
            stop_flag=stop,
        )

    return run


def _registry(
    deliver: Deliver, login: LogIn, kinds: Collection[tuple[Resource, str]]
) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login(login))
    for resource, _ in kinds:
        kopf.on.event(
            resource.group, resource.version, resource.plural, id=resource.plural, registry=registry
        )(_handler(resource, deliver))
    return registry


def watchers(kinds: Collection[tuple[Resource, str]], namespaces: Collection[str] = ()) -> frozenset[str]:
    """Names of the tasks that watch while all is well (kopf, `_core/reactor/orchestration.py`)."""
    names = set()
    for resource, _ in kinds:
        kind = f"{resource.plural}.{resource.version}.{resource.group}".strip(".")
        scopes = list(namespaces) if resource.namespaced and namespaces else [None]
        names |= {f"watcher for {kind}@{scope}" for scope in scopes}
    return frozenset(names)


# Who is told of signs of life: kopf's tasks inherit what is set here by the coroutine that starts them.
_heard: ContextVar[Heard] = ContextVar("heard")


async def _audible(**arguments: Any) -> AsyncIterator[Any]:  # noqa: ANN401 - kopf's own
    """Watch as kopf does, and tell of what comes: lists, events, and bookmarks, which no handler is given.

    Where nothing changes bookmarks are all that comes, about once in a minute: without them a watch that is
    quiet looks like one that has gone deaf.
    """
    async with aclosing(_continuous_watch(**arguments)) as stream:
        async for event in stream:
            task, heard = asyncio.current_task(), _heard.get(None)
            if task and heard:
                heard(task.get_name())
            yield event


_continuous_watch: Callable[..., Any] = watching.continuous_watch
watching.continuous_watch = _audible


def _handler(resource: Resource, deliver: Deliver) -> Any:  # noqa: ANN401 - kopf's own type for it is private
    async def changed(event: kopf.RawEvent, **_: object) -> None:
        change = event["type"] or "LISTED"  # no type: kopf has just listed the object
        if change != "BOOKMARK":
            deliver(change, resource, event["object"])

    return changed


class _Connection(kopf.ConnectionInfo):
    """Asks no more of the API server's certificate than Go clients do.

    Python 3.13 verifies with VERIFY_X509_STRICT by default and refuses certificates without an
    authority key identifier, which many clusters have (kubernetes-client/python#2394).
    """

    @override
    def as_ssl_context(self) -> ssl.SSLContext:
        context = super().as_ssl_context()
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context


def _login(login: LogIn) -> Any:  # noqa: ANN401 - kopf's own type for it is private
    async def log_in(**_: object) -> kopf.ConnectionInfo:
        found = await login()
        return _Connection(
            server=found.server,
            ca_path=found.ca_path,
            certificate_path=found.certificate_path,
            private_key_path=found.key_path,
            scheme=found.scheme,
            token=found.token,
        )

    return log_in


def _settings(kinds: Collection[tuple[Resource, str]]) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True  # it would watch all CRDs and namespaces of the cluster
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.progress_storage = _NoProgress()
    settings.queueing.idle_timeout = 0.2  # a task for each object, for so long after its last event
    settings.watching.chunk_size = _PAGE
    settings.networking.request_timeout = _REQUEST_SECONDS
    settings.networking.connect_timeout = _REQUEST_SECONDS
    settings.networking.error_backoffs = _Backoffs()
    # By default kopf kills the process ten minutes after it ended without having been told to.
    settings.process.ultimate_exiting_timeout = None
    for resource, labels in kinds:
        if labels:
            settings.watching.label_selectors[resource.group, resource.version, resource.plural] = labels
    return settings


class _Backoffs:
    """Delays between attempts, without end: where they end kopf exits.

    Each request iterates anew, so it must not be a generator.
    """

    def __iter__(self) -> Iterator[float]:
        delay = 1.0
        while True:
            yield delay
            delay = min(2 * delay, _BACKOFF_LIMIT)


class _NoDiffBase(kopf.DiffBaseStorage):
    """Remembers nothing of an object: only handlers of changes need that."""

    @override
    def build(self, **_: object) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    @override
    def fetch(self, **_: object) -> None:
        return None

    @override
    def store(self, **_: object) -> None:
        return None


class _NoProgress(kopf.ProgressStorage):
    """Remembers nothing of handlers: `on.event` ones are called once and never again."""

    @override
    def fetch(self, **_: object) -> None:
        return None

    @override
    def store(self, **_: object) -> None:
        return None

    @override
    def purge(self, **_: object) -> None:
        return None

    @override
    def touch(self, **_: object) -> None:
        return None

    @override
    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence
