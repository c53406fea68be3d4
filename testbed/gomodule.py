"""Programs that some tests need, each built from its own Go module, once on a machine.

Those of the cluster itself are built together (`testbed.gobuild`); these only where somebody asks.
"""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from testbed import progress
from testbed.errors import TestbedError
from testbed.gobuild import static
from testbed.locks import locked
from testbed.settings import cache_dir


def program(module: str, package: str, *, tags: Sequence[str] = ()) -> Path:
    """The program of a package (`./cmd/traefik`) of a module (`path@version`), built unless it was before.

    `tags` leave parts of it out, or take them in.

    Raises:
        TestbedError: the module cannot be had, or is not built.
    """
    name = called(module, package)
    built = cache_dir() / "programs" / name
    lock = built.with_name(f"{name}.lock")
    with locked(lock, lambda: progress.say(f"waiting for another build of {name}")):
        if not built.exists():
            _build(module, package, built, tags)
    return built


def called(module: str, package: str) -> str:
    """Name a program's file: by its package, or by the module where it is in the module's own folder."""
    path, _, version = module.partition("@")
    parts = [part for part in path.split("/") if not re.fullmatch(r"v\d+", part)]
    return f"{Path(package).name or parts[-1]}-{version}"


def source(module: str) -> Path:
    """The folder of a module's source.

    Raises:
        TestbedError: the module cannot be had.
    """
    command = ["go", "mod", "download", "-json", module]
    # In a folder without a go.mod, so that no module of ours is taken to need it.
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TestbedError(
            f"cannot have {module}; does the module proxy answer (`go env GOPROXY`)?\n{done.stdout}"
        )
    return Path(json.loads(done.stdout)["Dir"])


def _build(module: str, package: str, program: Path, tags: Sequence[str]) -> None:
    """In the module's own folder, which holds the sums of all that it needs."""
    folder, unfinished = source(module), program.with_name(f"{program.name}.unfinished")
    chosen = [f"-tags={','.join(tags)}"] if tags else []
    command = ["go", "build", "-trimpath", "-ldflags=-s -w", *chosen, "-o", str(unfinished), package]
    # A go.work names folders of the repository that are not in the module.
    environ = {**static(os.environ), "GOWORK": "off"}
    with progress.step(f"Building {module} (minutes, once)"):
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TestbedError(f"`go build {package}` failed in {folder}: {done.stderr.strip()[-2000:]}")
    unfinished.rename(program)  # whole or not at all
