"""The counters of pods, read beside the passes while two revisions are compared, and at no other time.

What has been read is remembered here alone. A process that starts in the middle begins a sample of its own:
until that says something a canary waits, and what was decided before stands in the cluster.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from pintle import sampling
from pintle.domain import Comparison, Key, Reading, Target, Verdict
from pintle.ports import Scraper
from pintle.sampling import Window

log = logging.getLogger(__name__)

# Between two rounds of readings of the same pods.
INTERVAL_SECONDS = 5.0
# Pods that are read at once: of one ModelDeployment, and of all of them.
CONCURRENCY = 4
ALL_CONCURRENCY = 32


@dataclass(slots=True)
class _Running:
    """What is compared for one key."""

    comparison: Comparison
    verdict: Verdict
    window: Window = field(default_factory=Window)
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONCURRENCY))


class Comparisons:
    """All methods but `stop` return at once, and are called in the loop."""

    def __init__(self, scraper: Scraper, requeue: Callable[[Key], None]) -> None:
        self._scraper = scraper
        self._requeue = requeue
        self._gate = asyncio.Semaphore(ALL_CONCURRENCY)
        self._running: dict[Key, _Running] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    def want(self, key: Key, comparison: Comparison) -> Verdict:
        """What the numbers say. The key is queued again when that changes."""
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = _Running(comparison, sampling.waiting(comparison))
        elif running.comparison.subject != comparison.subject:
            running.window = running.window.anew(running.comparison.subject, comparison.subject)
            running.verdict = sampling.waiting(comparison)
        running.comparison = comparison
        task = self._tasks.get(key)
        if task is None or task.done():
            self._tasks[key] = asyncio.create_task(self._compare(key, running), name=f"compare {key.name}")
        return running.verdict

    def forget(self, key: Key) -> None:
        """Nothing is compared for a key any more, or it is gone."""
        self._running.pop(key, None)
        task = self._tasks.pop(key, None)
        if task is not None and not task.done():
            task.cancel()
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    async def stop(self) -> None:
        """Read nothing more, and wait until what is being read has ended."""
        for key in list(self._running):
            self.forget(key)
        await asyncio.gather(*self._stopping, return_exceptions=True)

    async def _compare(self, key: Key, running: _Running) -> None:
        """Read round after round until cancelled."""
        while True:
            comparison, before = running.comparison, running.verdict
            targets = (*comparison.candidates, *comparison.stables)
            readings = await asyncio.gather(*(self._read(running, target) for target in targets))
            if running.comparison.subject == comparison.subject:
                by_pod = {target.uid: reading for target, reading in zip(targets, readings, strict=True)}
                running.window, running.verdict = sampling.after(running.window, comparison, by_pod)
                if running.verdict != before:
                    log.info(
                        "%s: %s", running.verdict.outcome, running.verdict.why, extra={"key": "/".join(key)}
                    )
                    self._requeue(key)
            await asyncio.sleep(INTERVAL_SECONDS)

    async def _read(self, running: _Running, target: Target) -> Reading:
        async with running.gate, self._gate:
            return await self._scraper.read(target)
