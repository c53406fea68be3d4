"""Where a model pod's volumes are mounted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mounts:
    """Every path that the three steps read or write; `root` is `/` in a pod, a scratch folder elsewhere."""

    root: Path = Path("/")

    @classmethod
    def from_environment(cls) -> Mounts:
        return cls(Path(os.environ.get("PINTLE_ROOT") or "/"))

    @property
    def model(self) -> Path:
        """The artifact's files and nothing else."""
        return self.root / "model"

    @property
    def environment(self) -> Path:
        return self.root / "env"

    @property
    def venv(self) -> Path:
        """Exists only when the image did not satisfy the model's requirements."""
        return self.environment / "venv"

    @property
    def revision(self) -> Path:
        return self.root / "etc/pintle/revision/revision.json"

    @property
    def cases(self) -> Path:
        """The golden cases, where the record has some."""
        return self.root / "etc/pintle/revision/cases.json"

    @property
    def registry_uri(self) -> Path:
        return self.root / "etc/pintle/registry/uri"

    @property
    def registry_ca(self) -> Path:
        return self.root / "etc/pintle/registry/ca.crt"

    @property
    def credentials(self) -> Path:
        """One file for each key of the registry's Secret; absent when there is none."""
        return self.root / "etc/pintle/credentials"

    @property
    def role(self) -> Path:
        return self.root / "etc/pintle/podinfo/role"

    @property
    def termination(self) -> Path:
        return self.root / "dev/termination-log"
