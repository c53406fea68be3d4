"""How many CPUs this container may use, and telling it to the libraries that would count the node's."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
# Read by OpenMP, OpenBLAS and MKL when they are loaded: each starts a thread for every CPU that it sees. On a
# node of 64, a pod limited to one would spend its time switching between them.
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def available(cgroups: Path = CGROUPS) -> int:
    """The container's limit rounded up, or the CPUs of the node where there is none."""
    node = os.cpu_count() or 1
    limit = _limit(cgroups)
    return node if limit is None else max(1, min(node, math.ceil(limit)))


def tell_libraries(count: int) -> None:
    """Set the variables that nobody has set; to be called before the libraries are imported."""
    for name in VARIABLES:
        os.environ.setdefault(name, str(count))


def _limit(cgroups: Path) -> float | None:
    """CPUs that the cgroup allows (version 2, then 1), or None."""
    for quota_file, period_file in (
        (cgroups / "cpu.max", None),
        (cgroups / "cpu/cpu.cfs_quota_us", cgroups / "cpu/cpu.cfs_period_us"),
    ):
        try:
            words = quota_file.read_text(encoding="ascii").split()
            words += period_file.read_text(encoding="ascii").split() if period_file else []
            quota, period = float(words[0]), float(words[1])
        except (OSError, ValueError, IndexError):  # no such version, or `max`: no limit
            continue
        if quota > 0 and period > 0:
            return quota / period
    return None
