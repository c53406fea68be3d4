"""What goes wrong with which request: frozen values, which `faults.proxy` acts on.

    Rule("create", "services", Effect.KILL_AFTER, name="iris")
    Rule("patch", "deployments/scale", Effect.CONFLICT, name="iris-v2-*", ordinal=2, times=3)
    Rule("watch", "pods", Effect.GONE_EVENT)

Requests are told apart by what they are, never by their place in the whole: the order of concurrent ones
differs from run to run.
"""

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

Verb: TypeAlias = Literal["get", "list", "watch", "create", "update", "patch", "delete"]

WRITES: frozenset[Verb] = frozenset({"create", "update", "patch", "delete"})


class Effect(StrEnum):
    """What a rule does to a request. The value is how a report calls it."""

    KILL_BEFORE = "killed before it"  # the API server never sees it
    KILL_AFTER = "killed after it"  # committed, and the answer never delivered
    LOST = "answer lost"  # as KILL_AFTER, but the client lives and sees its connection closed
    CONFLICT = "409"
    INVALID = "422"
    THROTTLED = "429"  # with Retry-After
    BROKEN = "500"
    UNAVAILABLE = "503"
    UNAUTHORIZED = "401"  # as while a token is rotated
    FORBIDDEN = "403"  # as while a role is changed
    ABSENT = "404"
    GONE = "410"
    HANG = "hang"  # never forwarded, never answered
    RESET = "reset in mid-body"  # forwarded; the connection is reset within the answer
    CUT = "cut JSON"  # forwarded; half of the answer, as if that were all of it
    GARBLED = "garbled JSON"  # forwarded; an answer that is no JSON
    GONE_EVENT = "ERROR 410"  # a watch ends with this event
    BROKEN_EVENT = "ERROR 500"  # a watch ends with this event
    HOLD = "held"  # forwarded when the test says so, even if the client has gone by then


STATUSES = {
    Effect.CONFLICT: 409,
    Effect.UNAUTHORIZED: 401,
    Effect.FORBIDDEN: 403,
    Effect.ABSENT: 404,
    Effect.GONE: 410,
    Effect.INVALID: 422,
    Effect.THROTTLED: 429,
    Effect.BROKEN: 500,
    Effect.UNAVAILABLE: 503,
}
"""Effects that answer in the API server's place."""

KILLS = frozenset({Effect.KILL_BEFORE, Effect.KILL_AFTER})
IN_ANSWER = frozenset({Effect.RESET, Effect.CUT, Effect.GARBLED})
EVENTS = {Effect.GONE_EVENT: 410, Effect.BROKEN_EVENT: 500}


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about. `resource` is the plural with its subresource: `deployments/scale`."""

    verb: Verb
    resource: str
    namespace: str = ""
    name: str = ""

    @property
    def is_write(self) -> bool:
        return self.verb in WRITES


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to the `ordinal`th request (from 1) of its kind, and to the `times - 1` after it.

    `resource`, `name` and `namespace` are patterns, as of files.
    """

    verb: Verb
    resource: str
    effect: Effect
    name: str = "*"
    namespace: str = "*"
    ordinal: int = 1
    times: int = 1

    def means(self, target: Target) -> bool:
        """Whether a request is of the kind that this rule counts."""
        return (
            self.verb == target.verb
            and fnmatchcase(target.resource, self.resource)
            and fnmatchcase(target.name, self.name)
            and fnmatchcase(target.namespace, self.namespace)
        )

    def strikes(self, count: int) -> bool:
        """Whether the `count`th request of the kind is one that this happens to."""
        return self.ordinal <= count < self.ordinal + self.times
