"""A node's containerd: its images and containers. `inside` is the command prefix that enters the node."""

import contextlib
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from testbed.commands import run
from testbed.errors import TestbedError
from testbed.images import transfer

_CTR = ("ctr", "--namespace=k8s.io")


def names(inside: Sequence[str]) -> set[str]:
    """The images that the node has."""
    return set(run([*inside, *_CTR, "images", "list", "--quiet"]).split())


def kill_command(inside: Sequence[str], container_id: str) -> list[str]:
    """The command that ends a container's processes at once, as the kernel does when memory runs out."""
    return [*inside, *_CTR, "tasks", "kill", "--signal=SIGKILL", "--all", container_id]


def load(inside: Sequence[str], archive: IO[bytes] | bytes) -> None:
    """Imports an archive of `docker save`, `buildah push` or an OCI layout.

    Raises:
        TestbedError: it is no such archive, or there is no room for it.
    """
    if isinstance(archive, bytes):
        _import(inside, lambda pipe: pipe.write(archive))
    else:
        _import(inside, None, archive)


def load_missing(inside: Sequence[str], archive: Path, reference: str) -> None:
    """Imports a Docker archive of one image under the name `reference`: those parts that the node lacks.

    Raises:
        TestbedError: the node did not take it.
    """
    there = set(run([*inside, *_CTR, "content", "list", "--quiet"]).split())
    _import(inside, lambda pipe: transfer.send(archive, reference, there, pipe))


def _import(
    inside: Sequence[str], write: Callable[[IO[bytes]], object] | None, source: IO[bytes] | None = None
) -> None:
    command = [*inside, *_CTR, "images", "import", "-"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE if source is None else source,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as ctr:
        if write and ctr.stdin:
            with contextlib.suppress(BrokenPipeError):  # ctr says why it stopped reading
                write(ctr.stdin)
        _, complaint = ctr.communicate()
    if ctr.returncode != 0:
        why = complaint.decode(errors="replace").strip()
        raise TestbedError(
            f"containerd did not take the image: {why}; what a machine that was switched off has left may be "
            "half written: start anew, by `make demo-down` for the demo's cluster, else by "
            "`python -m testbed down`"
        )
