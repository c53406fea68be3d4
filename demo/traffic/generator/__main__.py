"""`python -m generator CONFIG`: sends until SIGTERM, then waits for the last answers and ends with 0."""

import asyncio
import contextlib
import gc
import signal
import sys
import time
from pathlib import Path

from . import config
from .recorder import FLUSH_SECONDS, Recorder
from .sender import Sender


async def generate(targets: list[config.Target]) -> None:
    recorder, stopping = Recorder(sys.stdout), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    recorder.start(time.time())
    flushing = asyncio.create_task(_flush(recorder))
    await asyncio.gather(*(Sender(target, recorder, stopping).run() for target in targets))
    flushing.cancel()
    recorder.end(time.time())


async def _flush(recorder: Recorder) -> None:
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        recorder.flush()


def main() -> None:
    targets = config.load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    gc.freeze()  # what was imported is never garbage; a collection would show as latency
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415  # not in every image

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(generate(targets))


if __name__ == "__main__":
    main()
