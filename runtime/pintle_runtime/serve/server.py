"""uvicorn as PID 1: one process, and an end that loses no request."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING

import uvicorn
from typing_extensions import override

from pintle_runtime import log

if TYPE_CHECKING:
    from types import FrameType

    from pintle_runtime.serve.app import Application
    from pintle_runtime.serve.state import State

PORT = int(os.environ.get("PINTLE_PORT", "8080"))
# After SIGTERM, endpoints are withdrawn from every node while requests still arrive.
DRAIN_SECONDS = float(os.environ.get("PINTLE_DRAIN_SECONDS", "5"))
# Longer than clients and load balancers keep idle connections (Google's: 600 s), so that it is always
# they who close one: a request sent into a connection that the server is just closing would be lost.
KEEP_ALIVE_SECONDS = 620


class Server(uvicorn.Server):
    """uvicorn's server, with a first phase of its end in which it still accepts."""

    def __init__(self, application: Application, state: State) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                loop="uvloop",
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
            )
        )
        self._state = state

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; a second signal ends that. No signal is raised again: the process exits 0."""
        self._state.drain(DRAIN_SECONDS)
        log.info("draining", signal=sig)

    @override
    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second; ends the server when the time to drain is over."""
        return await super().on_tick(counter) or time.monotonic() >= self._state.drain_until


def listen() -> socket.socket:
    """Both families where the node has both, so that the pod serves in clusters of either."""
    if socket.has_dualstack_ipv6():
        # Supported by the kernel, and perhaps switched off.
        with contextlib.suppress(OSError):
            return socket.create_server(("", PORT), family=socket.AF_INET6, dualstack_ipv6=True, backlog=2048)
    return socket.create_server(("", PORT), backlog=2048)
