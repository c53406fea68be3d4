"""Whether a step, and the whole story, ended as it should."""

from collections.abc import Sequence

from demo.errors import StepFailed
from demo.scores import Row


def expect(holds: bool, otherwise: str) -> None:
    """Raises StepFailed with what is the case otherwise."""
    if not holds:
        raise StepFailed(otherwise)


def faults(rows: Sequence[Row]) -> list[str]:
    """What Pintle's side did wrong, one line for each step; empty when it did nothing wrong.

    It may neither lose a request nor answer wrongly, and has to serve what was declared where nothing else is
    said of the step.
    """
    found = []
    for row in rows:
        if row.pintle.lost or row.pintle.wrong:
            found.append(f"{row.title}: {row.pintle.lost} requests lost, {row.pintle.wrong} answered wrongly")
        if row.pintle.seconds is None and not row.pintle.note:
            found.append(f"{row.title}: what was declared never answered alone")
        if not row.pintle.sent:
            found.append(f"{row.title}: no request was sent, so that nothing is known of it")
    return found
