"""The step `serve`: answers predictions of one model until it is told to end."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

from pintle_runtime import log, revision, termination
from pintle_runtime.serve import cpus
from pintle_runtime.serve.app import Application
from pintle_runtime.serve.role import Role
from pintle_runtime.serve.server import Server, listen
from pintle_runtime.serve.starting import Starting
from pintle_runtime.serve.state import State
from pintle_runtime.termination import Refused

if TYPE_CHECKING:
    from pintle_runtime.mounts import Mounts

UNCLASSIFIED = 1


def run(mounts: Mounts) -> None:
    """Serve until SIGTERM; ends the process itself, as a model's threads may never end."""
    _enter_environment(mounts)
    pinned = revision.read(mounts.revision)
    state = State()
    application = Application(
        model=pinned.model, version=pinned.version, revision=pinned.name, state=state, role=Role(mounts.role)
    )
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")  # its lines go through our handler
    cpus.tell_libraries(cpus.available())
    server = Server(application, state)
    listener = listen()
    starting = Starting(mounts, pinned, state, application)
    threading.Thread(target=_start, args=(starting, state, mounts), name="starting", daemon=True).start()
    server.run(sockets=[listener])
    log.info("ended", revision=pinned.name)
    _end(0, state)


def _enter_environment(mounts: Mounts) -> None:
    """Continue in the model's own environment where `install` made one."""
    python = mounts.venv / "bin/python"
    if python.exists() and sys.prefix != str(mounts.venv):
        sys.stdout.flush()
        os.execv(python, [str(python), "-m", "pintle_runtime.cli", "serve"])  # noqa: S606  # no shell is wanted


def _start(starting: Starting, state: State, mounts: Mounts) -> None:
    try:
        starting.run()
    except Refused as refused:
        log.error("refused", reason=refused.reason.title, message=refused.message)
        _end(termination.refuse(mounts.termination, refused), state)
    except BaseException as error:  # noqa: BLE001  # without a model there is nothing to serve, whatever it was
        log.error("the model cannot be served", exc_info=True)
        termination.write(
            mounts.termination, {"reason": "Error", "message": f"serve: {type(error).__name__}: {error}"}
        )
        _end(UNCLASSIFIED, state)


def _end(code: int, state: State) -> None:
    """End now, whatever the model's code is doing in other threads."""
    if state.end_once():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
