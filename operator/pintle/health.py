"""What /healthz and /readyz answer, and why.

kopf's own probe answers 200 with every watch dead (facts measured on 1.45.2), so these look at what
matters: the watching tasks, the age of the last full list, and the age of the oldest key.
"""

import asyncio

from pintle.adapters.telemetry.probes import Check, Verdict
from pintle.wiring import Parts

# A key that waits for so long means that the workers are stuck, not busy.
STUCK_SECONDS = 300.0
# So many resyncs in a row may fail before the process is started anew.
STALE_RESYNCS = 3


def liveness(parts: Parts, resync_seconds: float) -> list[Check]:
    """Checks whose failure a restart would mend."""
    loop = asyncio.get_running_loop()

    def fresh() -> Verdict:
        age = parts.resync.age()
        stale = parts.resync.done and age > STALE_RESYNCS * resync_seconds
        return Verdict(not stale, f"resync: everything was listed {age:.0f} s ago")

    def watching() -> Verdict:
        problem = parts.watches.problem() if parts.resync.done else ""
        return Verdict(not problem, f"watches: {problem or 'all there'}")

    def moving() -> Verdict:
        if not parts.works:
            return Verdict(True, "queue: another operator works on it")
        age = max(queue.oldest_age(loop.time()) for queue in parts.queues)
        return Verdict(age < STUCK_SECONDS, f"queue: the oldest key has waited for {age:.1f} s")

    return [fresh, watching, moving]


def readiness(parts: Parts) -> list[Check]:
    """Whether everything has been seen once: before that nothing is decided."""

    def synced() -> Verdict:
        return Verdict(parts.resync.done, "synced" if parts.resync.done else "the first list is under way")

    def role() -> Verdict:
        return Verdict(True, "leader" if parts.works else "follower: ready to take over")

    return [synced, role]
