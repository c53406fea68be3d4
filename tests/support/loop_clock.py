"""A clock for tests in virtual time."""

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class LoopClock:
    """A `ports.Clock` that goes as the running loop's: see `virtual_time`."""

    def now(self) -> datetime:
        return START + timedelta(seconds=asyncio.get_running_loop().time())
