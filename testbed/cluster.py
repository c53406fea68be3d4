"""A cluster that is up, as its users see it."""

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cluster:
    """How to reach a cluster and its logs. What a provider does not have is None."""

    name: str
    kubeconfig: Path
    log_dir: Path | None = None
    audit_log: Path | None = None

    def save_logs(self, destination: Path) -> None:
        """Copies every component's log, and the audit log, to a folder; for the report of a failed test."""
        if self.log_dir:
            shutil.copytree(self.log_dir, destination, dirs_exist_ok=True)
