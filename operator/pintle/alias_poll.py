"""One poll of a registry for all aliases that are followed there, whoever follows them.

    join(model, alias) --> Question --+
    join(model, alias) --> Question --+--> a round: aliases(all models), once
                                      |      | where (model's creation, version) is not what is known
                                      |      v
                                      +<-- version(model, version), once for each

What a round costs does not grow with the number of deployments, namespaces and connections: only what
has moved is asked about. Questions that join within moments share a round, and so do those that join
while one has just been made.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pintle.conditions import Reason
from pintle.domain import ModelAliases, RegisteredVersion, Resolved
from pintle.errors import PintleError, Retryable, Terminal
from pintle.ports import REGISTRY, Endpoint, Registry, no_model
from pintle.questions import Asking, Pace, Question, Subject

# A round waits so long for others to join, and comes so long after the one before when it is hurried.
GATHER_SECONDS = 0.1
HURRY_SECONDS = 1.0
# Of the aliases that a model has, so many are named in a message, if they look like MLflow's.
SHOWN = 8
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(slots=True, eq=False)
class _Followed:
    """A question, and what its answer was made from: when the model was created, and the version."""

    question: Question
    known: tuple[int, str] | None = None
    next: tuple[int, str] | None = None  # what is being asked about


class AliasPoll:
    """Follows aliases of one registry. `note(question, answer)` is told every answer, news or not.

    `gate` bounds what is asked of the registry at a time; `run` is to be a task for as long as anything is
    followed.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        registry: Registry,
        asking: Asking,
        *,
        gate: asyncio.Semaphore,
        note: Callable[[Question, RegisteredVersion | PintleError], None],
        jitter: Callable[[], float],
    ) -> None:
        self._endpoint = endpoint
        self._registry = registry
        self._asking = asking
        self._gate = gate
        self._note = note
        self._jitter = jitter
        self._pace = Pace()
        self._followed: dict[Subject, _Followed] = {}
        self._missing: dict[str, PintleError] = {}  # models that no list has, and what is said of each

    @property
    def idle(self) -> bool:
        """Whether nothing is followed."""
        return not self._followed

    def join(self, subject: Subject) -> Question:
        """Follow an alias: asked in the next round, which is soon."""
        question = Question(subject, self._asking.pending(), self._pace)
        self._followed[subject] = _Followed(question)
        self._pace.hurry.set()
        return question

    def leave(self, question: Question) -> None:
        """Follow it no more."""
        del self._followed[question.subject]

    async def run(self) -> None:
        """Make one round after another, until cancelled."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(GATHER_SECONDS)
        while True:
            self._pace.hurry.clear()
            error = await self._round()
            ended = loop.time()
            interval = min((f.question.poll_seconds for f in self._followed.values()), default=HURRY_SECONDS)
            if await self._hurried(self._pace.after(error, interval, self._jitter())):
                await asyncio.sleep(max(GATHER_SECONDS, ended + HURRY_SECONDS - loop.time()))

    async def _hurried(self, pause: float) -> bool:
        """Wait; True where somebody would not have it last so long."""
        try:
            async with asyncio.timeout(pause):
                return await self._pace.hurry.wait()
        except TimeoutError:
            return False

    async def _round(self) -> PintleError | None:
        """Ask what all aliases name, and tell. Gives an error that calls for another try soon, if any."""
        followed = tuple(self._followed.values())
        models = sorted({f.question.subject.model for f in followed})
        found = await self._aliases(models)
        if isinstance(found, PintleError):
            for each in followed:
                self._note(each.question, found)
            return found
        missing = await self._missed(models, found)
        moved: dict[tuple[str, str], list[_Followed]] = defaultdict(list)
        for each in followed:
            subject, answer = each.question.subject, each.question.answer
            at = _named(subject, found, missing)
            if isinstance(at, PintleError):
                self._note(each.question, at)
            elif at == each.known and isinstance(answer, Resolved) and subject.settled_by(answer.version):
                self._note(each.question, answer.version)
            else:
                each.next = at
                moved[subject.model, at[1]].append(each)
        errors = await asyncio.gather(*(self._ask_version(*what, who) for what, who in moved.items()))
        return next((e for e in (*errors, *missing.values()) if isinstance(e, Retryable)), None)

    async def _aliases(self, models: Sequence[str]) -> dict[str, ModelAliases] | PintleError:
        async with self._gate:
            found = await self._asking.ask(lambda: self._registry.aliases(self._endpoint, models))
        return found if isinstance(found, PintleError) else dict(found)

    async def _missed(self, models: Sequence[str], found: dict[str, ModelAliases]) -> dict[str, PintleError]:
        """Why models are not in the answer. Those that are after all are added to `found`.

        A list leaves out what one may not read, as if it were not there; only asking for the very model
        tells. That is done once, and not again while the list goes on leaving it out.
        """
        if len(models) == 1:
            return {model: no_model(model) for model in models if model not in found}
        absent = [model for model in models if model not in found]
        self._missing = {model: error for model, error in self._missing.items() if model in absent}
        unknown = [model for model in absent if model not in self._missing]
        answers = await asyncio.gather(*(self._aliases([model]) for model in unknown))
        failed: dict[str, PintleError] = {}
        for model, answer in zip(unknown, answers, strict=True):
            if isinstance(answer, Retryable):
                failed[model] = answer
            elif isinstance(answer, PintleError):
                self._missing[model] = answer
            elif model in answer:
                found[model] = answer[model]
            else:
                self._missing[model] = no_model(model)
        return self._missing | failed

    async def _ask_version(self, model: str, version: str, who: Sequence[_Followed]) -> PintleError | None:
        """Ask about a version that aliases have moved to."""
        async with self._gate:
            answer = await self._asking.ask(lambda: self._registry.version(self._endpoint, model, version))
        for each in who:
            if not isinstance(answer, PintleError):
                each.known = each.next
            self._note(each.question, answer)
        return answer if isinstance(answer, PintleError) else None


def _named(
    subject: Subject, found: Mapping[str, ModelAliases], missing: Mapping[str, PintleError]
) -> tuple[int, str] | PintleError:
    """What an alias names: when its model was created, and the version. Or why it names nothing."""
    model = found.get(subject.model)
    if model is None:
        return missing[subject.model]
    version = model.versions.get(subject.alias or "")
    if version is None:
        return Terminal(Reason.ALIAS_NOT_FOUND, _no_alias(subject, model))
    return model.created_time, version


def _no_alias(subject: Subject, model: ModelAliases) -> str:
    """Say that an alias is not there, and which are. Names that MLflow would not take are not repeated."""
    known = sorted(alias for alias in model.versions if _ALIAS.fullmatch(alias))
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    has = f"it has {', '.join(known[:SHOWN])}{more}" if known else "it has none"
    return f"{subject.model} has no alias {subject.alias} in {REGISTRY} ({has}): set it in MLflow"
