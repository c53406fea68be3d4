"""What the operator remembers of one ModelDeployment between passes.

Nothing here is needed to carry on (P7): a restart loses when an edit was first seen, how often a
template was put back, and which names were found taken; all of it is found out again. Lost for good are
seconds that nobody else counts, and a transition whose status was being written.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from pintle.conditions import Reason
from pintle.domain import Fault, Field, Identity, Json, Notice, Traffic
from pintle.fights import PAUSE, REPAIRS, WINDOW

# Who took the traffic, and when by the mark of the Service.
Move: TypeAlias = tuple[str, datetime | None]

# So many passes that write may follow each other at once.
FOLLOW_UPS = 8


@dataclass(frozen=True, slots=True)
class Unheard:
    """A status that is being written, and what is to be told of it once it is known to be there."""

    status: Mapping[str, Any]
    notices: tuple[Notice, ...]


@dataclass(slots=True)
class Memory:
    """Mutable, one for each ModelDeployment's uid, used by one worker at a time."""

    uid: str = ""
    edit: tuple[int | str, ...] = (-1,)
    edited: datetime | None = None
    moved: Move | None = None
    arrived: datetime | None = None
    answered: Move | None = None
    unheard: Unheard | None = None
    named: tuple[object, ...] | None = None
    unsaid_since: datetime | None = None
    streak: int = 0
    faults: dict[tuple[str, str], Fault] = field(default_factory=dict)
    taken: set[tuple[str, str]] = field(default_factory=set)
    repairs: dict[Field, list[datetime]] = field(default_factory=dict)
    contested: dict[Field, datetime] = field(default_factory=dict)
    baselines: dict[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    adoptable: Json | None = None

    def see(self, uid: str, edit: tuple[int | str, ...], now: datetime) -> None:
        """Note what was seen; an object made again under the same name starts afresh.

        `edit` is the generation and the command annotations: a command is an edit of its own,
        though the API server counts no generation for it.
        """
        if uid != self.uid:
            self.uid, self.edit = uid, (-1,)
            self.unsaid_since = self.named = None
            for kept in (self.baselines, self.told, self.taken):
                kept.clear()
        if edit != self.edit:
            self.edit = edit
            self._start_over(now)

    def heard(self, status: Mapping[str, Any]) -> tuple[Notice, ...]:
        """What is due to be told, as the status of which the answer was lost turns out to be stored."""
        unheard, self.unheard = self.unheard, None
        if unheard is None or unheard.status != status:
            return ()
        return tuple(notice for notice in unheard.notices if notice.transition)

    def see_traffic(self, traffic: Traffic | None, now: datetime, *, arrived: bool) -> None:
        """Note when the endpoints have followed a move of the traffic: the status may tell of it later."""
        moved = (traffic.revision, traffic.since) if traffic else None
        if moved != self.moved:
            self.moved, self.arrived = moved, None
        if arrived and self.arrived is None:
            self.arrived = now

    def take_adoptable(self) -> Json | None:
        """What was found in the way and may be taken over: for one pass, as it may change at any time."""
        found, self.adoptable = self.adoptable, None
        return found

    def see_named(self, identity: Identity | None, now: datetime) -> None:
        """Note what the followed alias names. Where it moves, that is when the edit was made, not before.

        What it names at first is nothing new: a process that has just started has not seen it move.
        """
        if identity is None:
            return
        if self.named not in (None, identity.key):
            self._start_over(now)
        self.named = identity.key

    def _start_over(self, now: datetime) -> None:
        """What is wanted has changed: what was given up is tried again, and who fought may have stopped.

        Moving marks and the budget with what serves is no fight either, however often that changes.
        """
        self.edited, self.answered = now, None
        for known in (self.faults, self.repairs, self.contested):
            known.clear()

    def after_writing(self, *, wrote: bool) -> float | None:
        """Seconds until the next pass, which sees what this one wrote; None where it wrote nothing.

        It follows at once, as own answers are in the cache already. A few in a row are a rollout;
        many are a disagreement with somebody, which must not become a storm of requests.
        """
        self.streak = self.streak + 1 if wrote else 0
        if not wrote:
            return None
        return float(min(60, 0.01 * 2 ** max(0, self.streak - FOLLOW_UPS)))

    def note(self, fault: Fault) -> None:
        """Believe for a while that something cannot be done."""
        self.faults[fault.kind, fault.name] = fault
        if fault.reason == Reason.NAME_TAKEN:
            self.taken.add((fault.kind, fault.name))

    def standing_faults(self, now: datetime, over: Callable[[Fault], bool]) -> tuple[Fault, ...]:
        """Faults that are not due for another try, but for those that are seen to be `over`."""
        self.faults = {k: f for k, f in self.faults.items() if now < _ends(f) and not over(f)}
        return tuple(self.faults.values())

    def next_try(self) -> datetime | None:
        """When the first fault, or the first field that was given up, is due for another try."""
        times = [*map(_ends, self.faults.values()), *(t + PAUSE for t in self.contested.values())]
        return min(times, default=None)

    def may_repair(self, changed: Field, now: datetime) -> bool:
        """Whether a field may be put back once more. Not for a while where others go on changing it."""
        recent = [t for t in self.repairs.pop(changed, []) if now < t + WINDOW]
        if len(recent) >= REPAIRS:
            self.contested[changed] = now
            return False
        if recent:
            self.repairs[changed] = recent
        return True

    def repaired(self, changed: Field, now: datetime) -> None:
        """Count that a field was put back. What the API server refused is not counted: nobody fought."""
        self.repairs.setdefault(changed, []).append(now)

    def left_alone(self, now: datetime) -> frozenset[Field]:
        """What is not put back for now."""
        self.contested = {f: t for f, t in self.contested.items() if now < t + PAUSE}
        return frozenset(self.contested)


def _ends(fault: Fault) -> datetime:
    return fault.at + timedelta(seconds=fault.lasts)
