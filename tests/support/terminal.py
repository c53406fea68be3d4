"""The environment of somebody who has a terminal and a kubectl that knows the cluster."""

import os
import shlex
from pathlib import Path

from testbed.api import Cluster
from tests.support.schemas import REPOSITORY

# Where `make setup` has put the console scripts, the kubectl plugin's among them.
SCRIPTS = REPOSITORY / ".venv/bin"


def environment(cluster: Cluster, folder: Path, *more: Path) -> dict[str, str]:
    """Variables with which `kubectl` is the cluster's; `more` are folders whose programs are found too.

    The cluster is named by KUBECONFIG and not by a flag, as kubectl takes none before a plugin's name.
    """
    programs = folder / "bin"
    programs.mkdir()
    command = [part for part in cluster.kubectl() if not part.startswith("--kubeconfig")]
    kubectl = programs / "kubectl"
    kubectl.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    kubectl.chmod(0o755)
    paths = ":".join(map(str, (programs, *more, os.environ["PATH"])))
    return {**os.environ, "PATH": paths, "KUBECONFIG": str(cluster.kubeconfig)}
