"""What the operator remembers of one ModelDeployment between passes.

Nothing here is needed to carry on (P7): a restart loses when an edit was first seen, how often a
template was put back, and which names were found taken; all of it is found out again.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pintle.domain import Fault

# So many passes that write may follow each other at once.
FOLLOW_UPS = 8
# A template put back this often within the window is left alone for the pause (design section 4, Drift).
REPAIRS, WINDOW, PAUSE = 3, timedelta(minutes=10), timedelta(hours=1)


@dataclass(slots=True)
class Memory:
    """Mutable, one for each ModelDeployment's uid, used by one worker at a time."""

    uid: str = ""
    edit: tuple[int, str] = (-1, "")
    edited: datetime | None = None
    unsaid_since: datetime | None = None
    streak: int = 0
    faults: dict[tuple[str, str], Fault] = field(default_factory=dict)
    repairs: dict[str, list[datetime]] = field(default_factory=dict)
    contested: dict[str, datetime] = field(default_factory=dict)

    def see(self, uid: str, edit: tuple[int, str], now: datetime) -> None:
        """Note what was seen; an object made again under the same name starts afresh.

        `edit` is the generation and the command annotation: a command is an edit of its own,
        though the API server counts no generation for it.
        """
        if uid != self.uid:
            self.uid, self.edit = uid, (-1, "")
            self.unsaid_since = None
            for known in (self.faults, self.repairs, self.contested):
                known.clear()
        if edit != self.edit:
            self.edit, self.edited = edit, now
            self.faults.clear()

    def after_writing(self, *, wrote: bool) -> float | None:
        """Seconds until the next pass, which sees what this one wrote; None where it wrote nothing.

        It follows at once, as own answers are in the cache already. A few in a row are a rollout;
        many are a disagreement with somebody, which must not become a storm of requests.
        """
        self.streak = self.streak + 1 if wrote else 0
        if not wrote:
            return None
        return float(min(60, 0.01 * 2 ** max(0, self.streak - FOLLOW_UPS)))

    def standing_faults(self, now: datetime) -> tuple[Fault, ...]:
        """Faults that are not due for another try."""
        self.faults = {k: f for k, f in self.faults.items() if now < _ends(f)}
        return tuple(self.faults.values())

    def next_try(self) -> datetime | None:
        """When the first fault is due for another try."""
        return min(map(_ends, self.faults.values()), default=None)

    def repaired(self, revision: str, now: datetime, *, in_vain: bool) -> bool:
        """Note that a template was put back; True once that has to stop, because others go on changing it."""
        recent = [t for t in self.repairs.get(revision, []) if now < t + WINDOW]
        self.repairs[revision] = [*recent, now]
        if in_vain or len(self.repairs[revision]) >= REPAIRS:
            self.contested[revision] = now
            del self.repairs[revision]
            return True
        return False

    def left_alone(self, now: datetime) -> frozenset[str]:
        """Revisions whose template is not put back for now."""
        self.contested = {r: t for r, t in self.contested.items() if now < t + PAUSE}
        return frozenset(self.contested)


def _ends(fault: Fault) -> datetime:
    return fault.at + timedelta(seconds=fault.lasts)
