"""Questions to registries, asked beside the reconciler: nothing that works on a key waits for a registry.

    want(key, query) --> connection's endpoint --> one Question for each (endpoint, model, version | alias)
                                                     | of a version: a task of its own
                                                     | of an alias: one task for all of them (alias_poll)
                                                     v
                                             requeue(each key that wants it), when the answer changed

Equal endpoints (URI, CA, credentials) are one registry, in however many namespaces it is named: they
share questions, and at most `CONCURRENCY` of these are asked at a time. A registry that hangs thus
holds up its own questions only. A question that nobody wants any more is dropped with its answer. When
what is known is asked again: see `questions`.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

from pintle.alias_poll import AliasPoll
from pintle.conditions import Reason
from pintle.domain import Failed, Key, Pending, Query, RegisteredVersion, Resolution, Resolved
from pintle.errors import PintleError, Retryable
from pintle.ports import Clock, Endpoint, Metrics, Registry, name_registry
from pintle.questions import OK, Asking, Question, Subject, is_news

CONCURRENCY = 4

Endpoints: TypeAlias = Callable[[str, str], Endpoint | Pending | Failed | None]


@dataclass(frozen=True, slots=True)
class _Want:
    """What a key wants: by the question that is asked for it, or by why none can be."""

    query: Query
    by: Question | Pending | Failed

    @property
    def question(self) -> Question | None:
        return self.by if isinstance(self.by, Question) else None

    @property
    def answer(self) -> Resolution:
        """What is known, with the registry named as this key's object names it."""
        known = self.by.answer if isinstance(self.by, Question) else self.by
        if isinstance(known, Failed):
            return Failed(known.reason, name_registry(known.message, self.query.registry), known.at)
        return known


class _Gate(asyncio.Semaphore):
    """Bounds what one registry is asked at a time; there for as long as it is asked anything."""

    def __init__(self) -> None:
        super().__init__(CONCURRENCY)
        self.asking = 0
        self.answered = 0.0

    def begin(self) -> None:
        """Somebody goes on asking from now on."""
        if not self.asking:
            self.answered = asyncio.get_running_loop().time()  # or asked first
        self.asking += 1

    def end(self, _: object) -> None:
        """Somebody has ceased to ask."""
        self.asking -= 1


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
        self._asking = Asking(clock, metrics)
        self._endpoint = endpoint
        self._requeue = requeue
        self._heard = heard
        self._jitter = jitter
        self._wants: dict[Key, _Want] = {}
        self._questions: dict[Subject, Question] = {}
        self._polls: dict[Endpoint, AliasPoll] = {}
        self._tasks: dict[Question | AliasPoll, asyncio.Task[None]] = {}
        self._gates: WeakValueDictionary[Endpoint, _Gate] = WeakValueDictionary()
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
                now.question.pace.start_anew()
            if now.answer != before:
                self._requeue(key)

    def silence(self) -> float:
        """Seconds since the registry answered that has been silent the longest, of those that are asked."""
        now = asyncio.get_running_loop().time()
        return max((now - gate.answered for gate in self._gates.values() if gate.asking), default=0.0)

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

    def _join(self, key: Key, endpoint: Endpoint, query: Query) -> Question:
        subject = Subject(endpoint, query.model, query.version, query.alias, query.required)
        question = self._questions.get(subject)
        if question is None:
            question = self._questions[subject] = self._begin(subject)
        elif query.alias is not None and endpoint.poll_seconds < question.poll_seconds:
            question.pace.hurry.set()  # the pause that has begun is longer than this one would have it
        question.wanted_by[key] = endpoint.poll_seconds
        return question

    def _begin(self, subject: Subject) -> Question:
        """Have a subject asked about that nobody has asked about before."""
        gate = self._gates.setdefault(subject.endpoint, _Gate())
        if subject.version is not None:
            question = Question(subject, self._asking.pending())
            self._start(
                question, self._pursue(question, subject.version, gate), gate, f"resolve {subject.model}"
            )
            return question
        poll = self._polls.get(subject.endpoint)
        if poll is None:
            poll = self._polls[subject.endpoint] = AliasPoll(
                subject.endpoint,
                self._registry,
                self._asking,
                gate=gate,
                note=self._note,
                jitter=self._jitter,
            )
            self._start(poll, poll.run(), gate, "follow aliases")
        return poll.join(subject)

    def _leave(self, key: Key, question: Question) -> None:
        del question.wanted_by[key]
        if question.wanted_by:
            return
        del self._questions[question.subject]
        if question.subject.version is not None:
            self._end(question)
            return
        poll = self._polls[question.subject.endpoint]
        poll.leave(question)
        if poll.idle:
            self._end(self._polls.pop(question.subject.endpoint))

    def _start(
        self, who: Question | AliasPoll, what: Coroutine[Any, Any, None], gate: _Gate, name: str
    ) -> None:
        gate.begin()
        self._tasks[who] = task = asyncio.create_task(what, name=name)
        task.add_done_callback(gate.end)

    def _end(self, who: Question | AliasPoll) -> None:
        task = self._tasks.pop(who)
        if not task.done():
            task.cancel()
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    async def _pursue(self, question: Question, version: str, gate: asyncio.Semaphore) -> None:
        """Ask for a version until it is there, and has what is required of it."""
        endpoint, model = question.subject.endpoint, question.subject.model
        while True:
            question.pace.hurry.clear()
            async with gate:
                answer = await self._asking.ask(lambda: self._registry.version(endpoint, model, version))
            self._note(question, answer)
            error = answer if isinstance(answer, PintleError) else None
            if not isinstance(answer, PintleError) and question.subject.settled_by(answer):
                return
            pause = question.pace.after(error, question.poll_seconds, self._jitter())
            try:
                async with asyncio.timeout(pause):
                    await question.pace.hurry.wait()
            except TimeoutError:
                continue

    def _note(self, question: Question, told: RegisteredVersion | PintleError) -> None:
        """Keep an answer, and tell those who want it if it is news to them."""
        error = told if isinstance(told, PintleError) else None
        answer = Resolved(told) if isinstance(told, RegisteredVersion) else self._asking.failed(told)
        gate = self._gates.get(question.subject.endpoint)
        if gate and not isinstance(error, Retryable):
            gate.answered = asyncio.get_running_loop().time()
        if is_news(question.answer, answer, error):
            question.answer = answer
            for key in tuple(question.wanted_by):
                self._requeue(key)
        outcome = error.reason if error else OK
        for namespace, name in {(k.namespace, self._wants[k].query.registry) for k in question.wanted_by}:
            self._heard(namespace, name, outcome)
