"""The image store of a node's containerd."""

import subprocess
from collections.abc import Sequence
from typing import IO

from testbed.commands import run
from testbed.errors import TestbedError

_CTR = ("ctr", "--namespace=k8s.io", "images")


def names(inside: Sequence[str]) -> set[str]:
    """The images that the node has; `inside` is the command prefix that enters it."""
    return set(run([*inside, *_CTR, "list", "--quiet"]).split())


def load(inside: Sequence[str], archive: IO[bytes] | bytes) -> list[str]:
    """Imports an archive of `docker save`, `buildah push` or an OCI layout; returns what ctr says of it.

    Raises:
        TestbedError: it is no such archive, or there is no room for it.
    """
    command = [*inside, *_CTR, "import", "-"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE if isinstance(archive, bytes) else archive,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as ctr:
        said, complaint = ctr.communicate(archive if isinstance(archive, bytes) else None)
    if ctr.returncode != 0:
        raise TestbedError(f"containerd did not take the image: {complaint.decode(errors='replace').strip()}")
    return said.decode().splitlines()
