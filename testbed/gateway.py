"""A gateway for the tests that need one: the kinds of the Gateway API, and Traefik, both from Go modules.

Nothing of it is there unless somebody asks: Traefik takes ten minutes to build, once on a machine.
"""

import json
import os
import subprocess
from pathlib import Path

from testbed import progress
from testbed.errors import TestbedError
from testbed.gobuild import static
from testbed.locks import locked
from testbed.settings import cache_dir

GATEWAY_API = "sigs.k8s.io/gateway-api@v1.3.0"
# Later ones want modules that a proxy of Go modules alone does not have.
TRAEFIK = "github.com/traefik/traefik/v3@v3.5.4"


def kinds() -> str:
    """The definitions of the kinds, as YAML.

    Raises:
        TestbedError: the module cannot be had.
    """
    folder = _module(GATEWAY_API) / "config/crd/standard"
    return "\n---\n".join(path.read_text() for path in sorted(folder.glob("gateway.*.yaml")))


def traefik() -> Path:
    """The program, built now if no earlier run did.

    Raises:
        TestbedError: the module cannot be had, or is not built.
    """
    program = cache_dir() / "programs" / f"traefik-{TRAEFIK.partition('@')[2]}"
    with locked(
        program.with_suffix(".lock"), lambda: progress.say("waiting for another build of the gateway")
    ):
        if not program.exists():
            _build(_module(TRAEFIK), program)
    return program


def _build(source: Path, program: Path) -> None:
    """In the module's own folder, which holds the sums of all that it needs."""
    unfinished = program.with_suffix(".unfinished")
    command = ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", str(unfinished), "./cmd/traefik"]
    with progress.step(f"Building {TRAEFIK} (minutes, once)"):
        done = subprocess.run(
            command, cwd=source, env=static(os.environ), capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        raise TestbedError(f"`go build ./cmd/traefik` failed in {source}: {done.stderr.strip()[-2000:]}")
    unfinished.rename(program)  # whole or not at all


def _module(name: str) -> Path:
    command = ["go", "mod", "download", "-json", name]
    # In a folder without a go.mod, so that no module of ours is taken to need it.
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TestbedError(
            f"cannot have {name}; does the module proxy answer (`go env GOPROXY`)?\n{done.stdout}"
        )
    return Path(json.loads(done.stdout)["Dir"])
