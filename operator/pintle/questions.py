"""What is asked of registries, and when it is asked again; `resolver` and `alias_poll` do the asking.

| last answer                | asked again after                                                  |
|----------------------------|--------------------------------------------------------------------|
| a version                  | never; the poll interval while it lacks what is required           |
| what an alias names        | the poll interval                                                  |
| Terminal (`not there`)     | the poll interval                                                  |
| anything else              | 1 s, then twice the pause before, up to the poll interval          |

The poll interval is the shortest one of the connections that want the answer. Pauses are lengthened
by up to a fifth, so that a registry that comes back is not asked everything at once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from pintle.conditions import Reason
from pintle.domain import (
    Failed,
    Key,
    Pending,
    RegisteredVersion,
    Requirement,
    Resolution,
    Resolved,
)
from pintle.errors import PintleError, Retryable, Terminal
from pintle.ports import REGISTRY, Clock, Endpoint, Metrics

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
JITTER = 0.2

OK = "ok"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked, whoever wants to know."""

    endpoint: Endpoint
    model: str
    version: str | None
    alias: str | None
    required: Requirement | None

    def settled_by(self, version: RegisteredVersion) -> bool:
        """Whether an answer need not be asked for again, as nothing is missing in it."""
        return self.required is None or not self.required.missing_in(version)


@dataclass(slots=True, eq=False)
class Pace:
    """When one who asks goes on asking. `hurry` ends a pause."""

    failures: int = 0
    hurry: asyncio.Event = field(default_factory=asyncio.Event)

    def start_anew(self) -> None:
        """Ask at once: what stood in the way may have gone."""
        self.failures = 0
        self.hurry.set()

    def after(self, error: PintleError | None, poll_seconds: float, jitter: float) -> float:
        """Count how it went; gives the seconds until the next time. `jitter` is from 0 to 1."""
        pause = poll_seconds
        if isinstance(error, Retryable):
            self.failures += 1
            pause = min(pause, FIRST_PAUSE * 2.0 ** min(self.failures - 1, 32))
        else:
            self.failures = 0
        return pause * (1 + JITTER * jitter)


@dataclass(slots=True, eq=False)
class Question:
    """A subject that somebody wants. `answer` names the registry by a placeholder: see `ports.REGISTRY`."""

    subject: Subject
    answer: Resolution
    pace: Pace = field(default_factory=Pace)
    wanted_by: dict[Key, float] = field(default_factory=dict)  # with the poll interval of each

    @property
    def poll_seconds(self) -> float:
        """The shortest poll interval of those who want the answer."""
        return min(self.wanted_by.values())


class Asking:
    """Asks a registry one thing, and counts how that went."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics

    def pending(self) -> Pending:
        """Nothing is known yet, since now."""
        return Pending(self._clock.now())

    def failed(self, error: PintleError) -> Failed:
        """An error as an answer, from now on."""
        return Failed(error.reason, error.message, self._clock.now())

    async def ask(self, what: Callable[[], Awaitable[T]]) -> T | PintleError:
        """The answer, or the error that came instead."""
        error: PintleError
        try:
            found = await what()
        except (Terminal, Retryable) as told:
            error = told
        except Exception:
            # A registry can answer in a way that nobody thought of; it must not end the asking.
            log.exception("a question to a registry failed in an unknown way")
            error = Retryable(
                Reason.REGISTRY_UNAVAILABLE, f"{REGISTRY} could not be asked: see the operator's log"
            )
        else:
            self._metrics.polled(OK)
            return found
        self._metrics.polled(error.reason)
        return error


def is_news(known: Resolution, answer: Resolved | Failed, error: PintleError | None) -> bool:
    """Whether those who want an answer have to be told. `error` is what a failure is made of."""
    if isinstance(known, Resolved) and isinstance(error, Retryable):
        return False  # an alias once resolved stays resolved through an outage
    if isinstance(known, Failed) and isinstance(answer, Failed):
        return (known.reason, known.message) != (answer.reason, answer.message)
    return known != answer or _said_of(known) != _said_of(answer)


def _said_of(answer: Resolution) -> tuple[object, ...]:
    """What people say of a version: not what it is, but it may decide whether it is used."""
    return (answer.version.tags, answer.version.aliases) if isinstance(answer, Resolved) else ()
