"""`ports.Clock`: the only place that asks the machine for the time."""

from datetime import UTC, datetime


class SystemClock:
    """The machine's time, in UTC."""

    def now(self) -> datetime:
        """Now."""
        return datetime.now(UTC)
