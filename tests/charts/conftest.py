"""Helm, and what the chart renders with it."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed import gobuild
from testbed.helm import helm
from testbed.settings import cache_dir
from tests.support.schemas import REPOSITORY

CHART = REPOSITORY / "charts/pintle"
Manifest = dict[str, Any]
Rendered = dict[tuple[str, str], Manifest]


@dataclass(frozen=True)
class Chart:
    """The chart, rendered as for a cluster that has Pintle's kinds already."""

    program: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run helm; what it printed, and how it ended."""
        return subprocess.run([self.program, *arguments], capture_output=True, text=True, check=False)

    def template(self, values: Manifest, *more: str) -> subprocess.CompletedProcess[str]:
        """Render with these values (JSON, so that 1 stays a number and "1" a string)."""
        sets = [f"--set-json={name}={json.dumps(value)}" for name, value in values.items()]
        return self.run("template", "pintle", str(CHART), "--namespace=pintle-system", *sets, *more)

    def rendered(self, values: Manifest | None = None, *more: str) -> Rendered:
        """Kind and name -> manifest; fails where it does not render."""
        known = more or ("--api-versions=pintle.dev/v1alpha1",)
        done = self.template(values or {}, *known)
        assert done.returncode == 0, done.stderr
        return by_name(done.stdout)


def by_name(text: str) -> Rendered:
    """Manifests in YAML by kind and name, which no two of them share."""
    manifests = [m for m in yaml.safe_load_all(text) if m]
    found = {(m["kind"], named(m["metadata"])): m for m in manifests}
    assert len(found) == len(manifests)
    return found


def named(metadata: Manifest) -> str:
    """A name; beside its namespace where that is not the operator's own."""
    namespace = metadata.get("namespace", "pintle-system")
    name = str(metadata["name"])
    return name if namespace == "pintle-system" else f"{namespace}/{name}"


@pytest.fixture(scope="session")
def chart() -> Chart:
    return Chart(helm())


@pytest.fixture(scope="session")
def kustomized() -> Rendered:
    """What `manifests/overlays/cluster` renders."""
    return kustomize(REPOSITORY / "manifests/overlays/cluster")


def kustomize(folder: Path) -> Rendered:
    """What a folder renders."""
    command = [str(gobuild.ensure(cache_dir()).kube), "kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return by_name(done.stdout)
