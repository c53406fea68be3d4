"""Ports for servers that are other processes: these bind later what is chosen here."""

import os
import socket
from collections.abc import Iterator
from functools import cache
from itertools import chain
from random import SystemRandom

# Below the ephemeral range (32768 on), of which the kernel gives a port that was chosen to any other socket;
# beside the test bed's (16440 on) and those of Services of type NodePort (30000 on).
_PORTS = range(20000, 30000)
_PORTS_PER_WORKER = 500


def free_port() -> int:
    """A port of this machine that nobody listens at, and that is given to nobody else."""
    return next(_of_this_process())


@cache
def _of_this_process() -> Iterator[int]:
    return free_ports(os.environ.get("PYTEST_XDIST_WORKER", ""))


def free_ports(worker: str) -> Iterator[int]:
    """Those of a worker, which is called as xdist calls it, "gw3", or "": each once."""
    workers = len(_PORTS) // _PORTS_PER_WORKER
    first = int(worker.removeprefix("gw") or 0) % workers * _PORTS_PER_WORKER
    mine = _PORTS[first : first + _PORTS_PER_WORKER]
    # Another run beside this one begins elsewhere, as it would not by a generator that pytest has seeded.
    begin = SystemRandom().randrange(len(mine))
    return filter(_is_free, chain(mine[begin:], mine[:begin]))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
