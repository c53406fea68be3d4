"""What Flux makes of objects, by Flux's own code: the Go program in ``go/``, built once on a machine.

Flux's own, and not a CEL library for Python: health checks then have the environment (functions, optionals,
number rules) and the order of evaluation that they have in a cluster, and kstatus and the clean-up of field
managers come with it. Go is there, as the test bed is built with it.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from testbed.locks import locked
from testbed.settings import cache_dir

SOURCES = Path(__file__).with_name("go")

Json = Mapping[str, Any]


class Health(NamedTuple):
    """kstatus's word for an object, and that of the expressions: Current, InProgress, Failed, Terminating."""

    kstatus: str
    message: str
    expressions: str


def health(objects: Sequence[Json], expressions: Json, folder: Path) -> list[Health]:
    """Judge objects as a Kustomization with these `healthCheckExprs` does. `folder` is for a file."""
    path = folder / "expressions.json"
    path.write_text(json.dumps(expressions))
    answers = _run("health", str(path), objects=objects)
    return [Health(a["kstatus"], a["message"], a["expressions"]) for a in answers]


def apply(objects: Sequence[Json], kubeconfig: Path) -> dict[str, str]:
    """Apply objects as kustomize-controller does; subject -> created, configured or unchanged."""
    return {a["subject"]: a["action"] for a in _run("apply", str(kubeconfig), objects=objects)}


def _run(*arguments: str, objects: Sequence[Json]) -> list[dict[str, str]]:
    command = [str(_program()), *arguments]
    done = subprocess.run(command, input=json.dumps(objects), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    answers: list[dict[str, str]] = json.loads(done.stdout)
    return answers


@cache
def _program() -> Path:
    """Build the program, which takes a minute the first time; Go itself knows what has to be built again."""
    assert shutil.which("go"), (
        "Go is not installed, and Flux's code is built with it: https://go.dev/doc/install"
    )
    program = cache_dir() / "tests" / "flux"
    with locked(program.with_suffix(".lock")):
        command = ["go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"]
        command += ["-o", str(program), "."]
        environment = {**os.environ, "CGO_ENABLED": "0"}
        done = subprocess.run(
            command, cwd=SOURCES, env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, f"`{' '.join(command)}` failed in {SOURCES}:\n{done.stderr[-4000:]}"
    return program
