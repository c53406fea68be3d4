"""Questions to registries, asked beside the reconciler: nothing that works on a key waits for a registry.

    want(key, query) --> connection's endpoint --> one Question for each (endpoint, model, version | alias)
                                                     | a task of its own: ask, note, pause, ask again
                                                     v
                                             requeue(each key that wants it), when the answer changed

Equal endpoints (URI, CA, credentials) are one registry, in however many namespaces it is named: they
share questions, and at most `CONCURRENCY` of these are asked at a time. A registry that hangs thus
holds up its own questions only. A question that nobody wants any more is dropped with its answer.

| last answer                | asked again after                                                  |
|----------------------------|--------------------------------------------------------------------|
| a version                  | never                                                              |
| what an alias names        | the poll interval                                                  |
| Terminal (`not there`)     | the poll interval                                                  |
| anything else              | 1 s, then twice the pause before, up to the poll interval          |

The poll interval is the shortest one of the connections that want the answer. Pauses are lengthened
by up to a fifth, so that a registry that comes back is not asked everything at once.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias
from weakref import WeakValueDictionary

from pintle.conditions import Reason
from pintle.domain import Failed, Key, Pending, Query, Resolution, Resolved
from pintle.errors import PintleError, Retryable, Terminal
from pintle.ports import REGISTRY, Clock, Endpoint, Metrics, Registry, name_registry

log = logging.getLogger(__name__)

CONCURRENCY = 4
FIRST_PAUSE = 1.0
JITTER = 0.2

OK = "ok"

Endpoints: TypeAlias = Callable[[str, str], Endpoint | Pending | Failed | None]


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is asked, whoever wants to know."""

    endpoint: Endpoint
    model: str
    version: str | None
    alias: str | None


@dataclass(slots=True, eq=False)
class _Question:
    """A subject that somebody wants. `answer` names the registry by a placeholder: see `ports.REGISTRY`."""

    subject: _Subject
    gate: asyncio.Semaphore
    answer: Resolution
    wanted_by: dict[Key, float] = field(default_factory=dict)  # with the poll interval of each
    failures: int = 0
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    @property
    def poll_seconds(self) -> float:
        return min(self.wanted_by.values())


@dataclass(frozen=True, slots=True)
class _Want:
    """What a key wants: by the question that is asked for it, or by why none can be."""

    query: Query
    by: _Question | Pending | Failed

    @property
    def question(self) -> _Question | None:
        return self.by if isinstance(self.by, _Question) else None

    @property
    def answer(self) -> Resolution:
        """What is known, with the registry named as this key's object names it."""
        known = self.by.answer if isinstance(self.by, _Question) else self.by
        if isinstance(known, Failed):
            return Failed(known.reason, name_registry(known.message, self.query.registry), known.at)
        return known


class Resolver:
    """The cache of registries' answers. All methods but `stop` return at once, and are called in the loop.

    `endpoint(namespace, name)` says how a RegistryConnection is reached: Pending while that is being
    found out, None where there is no such connection. `heard(namespace, name, outcome)` is told how
    each question of a connection went: "ok" or a Reason.
    """

    def __init__(
        self,
        registry: Registry,
        clock: Clock,
        metrics: Metrics,
        endpoint: Endpoints,
        requeue: Callable[[Key], None],
        *,
        heard: Callable[[str, str, str], None] = lambda _namespace, _name, _outcome: None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._metrics = metrics
        self._endpoint = endpoint
        self._requeue = requeue
        self._heard = heard
        self._jitter = jitter
        self._wants: dict[Key, _Want] = {}
        self._questions: dict[_Subject, _Question] = {}
        self._gates: WeakValueDictionary[Endpoint, asyncio.Semaphore] = WeakValueDictionary()
        self._stopping: set[asyncio.Task[None]] = set()

    def want(self, key: Key, query: Query) -> Resolution:
        """What is known now. The key is queued again when that changes. A key wants one thing at a time."""
        return self._follow(key, query).answer

    def forget(self, key: Key) -> None:
        """A key wants nothing any more, or is gone."""
        want = self._wants.pop(key, None)
        if want and want.question:
            self._leave(key, want.question)

    def connection_changed(self, namespace: str, name: str) -> None:
        """Ask at once what is wanted through a connection and not known: it may be reached otherwise now."""
        for key, want in list(self._wants.items()):
            if (key.namespace, want.query.registry) != (namespace, name):
                continue
            before = want.answer
            now = self._follow(key, want.query)
            if now.question and not isinstance(now.question.answer, Resolved):
                now.question.failures = 0
                now.question.hurry.set()
            if now.answer != before:
                self._requeue(key)

    async def stop(self) -> None:
        """Ask nothing more, and wait until what is being asked has ended."""
        for key in list(self._wants):
            self.forget(key)
        await asyncio.gather(*self._stopping, return_exceptions=True)

    def _follow(self, key: Key, query: Query) -> _Want:
        """Bring a key to the question that it wants answered by way of its connection as that is now."""
        old = self._wants.get(key)
        endpoint = self._endpoint(key.namespace, query.registry)
        if isinstance(endpoint, Endpoint):
            want = _Want(query, self._join(key, endpoint, query))
        else:
            want = _Want(query, endpoint or self._no_connection(key, query, old))
        if old and old.question and old.question is not want.question:
            self._leave(key, old.question)
        self._wants[key] = want
        return want

    def _no_connection(self, key: Key, query: Query, old: _Want | None) -> Failed:
        message = f"there is no RegistryConnection {query.registry} in namespace {key.namespace}"
        if old and isinstance(old.by, Failed) and old.by.message == message:
            return old.by  # since then
        return Failed(Reason.REGISTRY_NOT_FOUND, message, self._clock.now())

    def _join(self, key: Key, endpoint: Endpoint, query: Query) -> _Question:
        subject = _Subject(endpoint, query.model, query.version, query.alias)
        question = self._questions.get(subject)
        if question is None:
            gate = self._gates.setdefault(endpoint, asyncio.Semaphore(CONCURRENCY))
            question = _Question(subject, gate, Pending(self._clock.now()))
            question.task = asyncio.create_task(self._pursue(question), name=f"resolve {query.model}")
            self._questions[subject] = question
        question.wanted_by[key] = endpoint.poll_seconds
        return question

    def _leave(self, key: Key, question: _Question) -> None:
        del question.wanted_by[key]
        if question.wanted_by:
            return
        del self._questions[question.subject]
        if question.task and not question.task.done():
            question.task.cancel()
            self._stopping.add(question.task)
            question.task.add_done_callback(self._stopping.discard)

    async def _pursue(self, question: _Question) -> None:
        """Ask until the answer is one that stays."""
        while True:
            question.hurry.clear()
            async with question.gate:
                answer, outcome = await self._ask(question.subject)
            self._note(question, answer, outcome)
            pause = self._pause(question, outcome)
            if pause is None:
                return
            try:
                async with asyncio.timeout(pause):
                    await question.hurry.wait()
            except TimeoutError:
                continue

    async def _ask(self, subject: _Subject) -> tuple[Resolved | Failed, PintleError | None]:
        """The answer, and the error that it is made of, if it is one."""
        error: PintleError
        try:
            if subject.version is not None:
                found = await self._registry.version(subject.endpoint, subject.model, subject.version)
            else:
                found = await self._registry.alias(subject.endpoint, subject.model, subject.alias or "")
        except (Terminal, Retryable) as told:
            error = told
        except Exception:
            # A registry can answer in a way that nobody thought of; it must not end the asking.
            log.exception("a question for %s failed in an unknown way", subject.model)
            error = Retryable(
                Reason.REGISTRY_UNAVAILABLE, f"{REGISTRY} could not be asked: see the operator's log"
            )
        else:
            return Resolved(found), None
        return Failed(error.reason, error.message, self._clock.now()), error

    def _note(self, question: _Question, answer: Resolved | Failed, error: PintleError | None) -> None:
        """Keep an answer, and tell those who want it if it is news to them."""
        outcome = error.reason if error else OK
        self._metrics.polled(outcome)
        question.failures = question.failures + 1 if isinstance(error, Retryable) else 0
        if _is_news(question.answer, answer, error):
            question.answer = answer
            for key in tuple(question.wanted_by):
                self._requeue(key)
        for namespace, name in {(k.namespace, self._wants[k].query.registry) for k in question.wanted_by}:
            self._heard(namespace, name, outcome)

    def _pause(self, question: _Question, error: PintleError | None) -> float | None:
        """Seconds until the question is asked again, None for never."""
        if error is None and question.subject.version is not None:
            return None
        pause = question.poll_seconds
        if isinstance(error, Retryable):
            pause = min(pause, FIRST_PAUSE * 2.0 ** min(question.failures - 1, 32))
        return pause * (1 + JITTER * self._jitter())


def _is_news(known: Resolution, answer: Resolved | Failed, error: PintleError | None) -> bool:
    if isinstance(known, Resolved) and isinstance(error, Retryable):
        return False  # an alias once resolved stays resolved through an outage
    if isinstance(known, Failed) and isinstance(answer, Failed):
        return (known.reason, known.message) != (answer.reason, answer.message)
    return known != answer
