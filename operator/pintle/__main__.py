"""`python -m pintle`: read the settings, work until SIGTERM, end in good order.

With arguments it does something else, and ends: see `diagnose`.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys

from kubernetes.aio.config import ConfigException

from pintle import diagnose, health, settings
from pintle.adapters.telemetry import logs
from pintle.adapters.telemetry.probes import ProbeServer
from pintle.leadership import Lost
from pintle.settings import Settings, SettingsError
from pintle.wiring import Parts, assemble

log = logging.getLogger(__name__)

CONNECTION_WORKERS = 4
TAG_WORKERS = 2
# What is under way when SIGTERM comes has so long to end, Events included.
GRACE_SECONDS = 5.0


def main() -> None:
    """Start the operator; it ends with SIGTERM or SIGINT. Or do what the arguments ask for."""
    if sys.argv[1:]:
        sys.exit(diagnose.main(sys.argv[1:]))
    try:
        chosen = settings.load(os.environ)
        logs.configure(chosen.log_level)
        asyncio.run(_run(chosen))
    except SettingsError as error:
        sys.exit(f"pintle: cannot start, the environment is wrong:\n{error}")
    except Lost as error:
        sys.exit(f"pintle: {error}; it is started anew, and waits for its turn")
    except ConfigException as error:
        sys.exit(f"pintle: cannot start, no API server to talk to: {error}\nSet KUBECONFIG, or run in a pod.")


async def _run(chosen: Settings) -> None:
    parts = await assemble(chosen)
    server = ProbeServer(
        health=health.liveness(parts, chosen.resync_seconds),
        readiness=health.readiness(parts),
        metrics=parts.metrics.registry,
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start(chosen.http_port)
    events = asyncio.create_task(parts.events.run(), name="events")
    log.info("pintle starts")
    try:
        if await _before(stop, asyncio.create_task(parts.resync.first(), name="first list")):
            await _stand_by(parts, chosen, stop)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(parts.events.drain(), GRACE_SECONDS)
    finally:
        events.cancel()
        if parts.leadership:
            await parts.leadership.release()
        await parts.write_back.stop()
        await parts.resolver.stop()
        await parts.comparisons.stop()
        await parts.scraper.close()
        await parts.connections.stop()
        await parts.registry.close()
        await server.stop()
        await parts.cluster.close()


async def _stand_by(parts: Parts, chosen: Settings, stop: asyncio.Event) -> None:
    """Watch until told to stop, and work once this is the leader: it then goes on from a warm cache.

    Raises:
        Exception: something that must not end has ended. The process does too, and is started anew.
    """
    parts.watches.start()
    resync = asyncio.create_task(parts.resync.run(chosen.resync_seconds), name="resync")
    keeping: set[asyncio.Task[None]] = {resync}
    try:
        if parts.leadership:
            candidate = asyncio.create_task(parts.leadership.acquire(), name="candidate")
            if not await _before(stop, candidate, *keeping):
                log.info("pintle stops")
                return
            keeping.add(asyncio.create_task(parts.leadership.keep(), name="leader"))
            parts.intake.everything()
        await _work(parts, chosen, stop, keeping)
    finally:
        for task in keeping:
            task.cancel()
        await parts.watches.stop()


async def _work(
    parts: Parts, chosen: Settings, stop: asyncio.Event, keeping: set[asyncio.Task[None]]
) -> None:
    """Work until told to stop; then take no more keys and let passes under way end.

    Raises:
        Exception: something that must not end has ended, one of `keeping` among it.
    """
    workers = [
        asyncio.create_task(controller.run(workers=count), name=f"workers {count}")
        for controller, count in zip(
            parts.controllers, (chosen.workers, CONNECTION_WORKERS, TAG_WORKERS), strict=True
        )
    ]
    stopped = asyncio.create_task(stop.wait(), name="stop")
    done, _ = await asyncio.wait({stopped, *keeping, *workers}, return_when=asyncio.FIRST_COMPLETED)
    log.info("pintle stops")
    stopped.cancel()
    for queue in parts.queues:
        queue.shut_down()
    await asyncio.wait(workers, timeout=GRACE_SECONDS)
    for task in done:
        task.result()


async def _before(stop: asyncio.Event, task: asyncio.Task[None], *keeping: asyncio.Task[None]) -> bool:
    """Wait for a task. False, and the task is cancelled, if the process is told to stop before.

    Raises:
        Exception: the task has failed, or one of `keeping`, which must not end, has ended.
    """
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({task, stopped, *keeping}, return_when=asyncio.FIRST_COMPLETED)
    for waiting in {task, stopped} - done:
        waiting.cancel()
    for ended in done.intersection({task, *keeping}):
        ended.result()
    return task in done


if __name__ == "__main__":
    main()
