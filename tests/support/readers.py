"""Somebody who follows a how-to page; import the fixtures that you use."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

from pintle.domain.resources import NAMESPACES
from tests.support.console import Console
from tests.support.deployed import Deployed
from tests.support.kube import MINE, RESTRICTED
from tests.support.rig import Rig
from tests.support.schemas import REPOSITORY
from tests.support.terminal import environment

PAGES = REPOSITORY / "docs/how-to"
PRIVATE = "e2e-docs-mlflow"


@dataclass(frozen=True)
class Reader:
    """Somebody with a terminal, in a namespace of their own."""

    rig: Rig
    namespace: str
    folder: Path

    def follow(
        self, page: str, renamed: Mapping[str, str] = MappingProxyType({}), **actions: Callable[[], object]
    ) -> int:
        """Run all commands of a page; returns how many there were. `renamed` has other names here."""
        named = {name.replace("_", "-"): action for name, action in actions.items()}
        names = {
            "http://mlflow.mlops.svc:5000": self.rig.mlflow.uri,
            "http://mlflow.private.svc:5000": f"http://mlflow.{PRIVATE}.svc:5000",
            "-n ml ": f"-n {self.namespace} ",
            " namespace ml ": f" namespace {self.namespace} ",
            "namespace/ml ": f"namespace/{self.namespace} ",
            "/namespaces/ml/": f"/namespaces/{self.namespace}/",
            "ml/iris ": f"{self.namespace}/iris ",
            "ml/iris:": f"{self.namespace}/iris:",
            "ml/iris,": f"{self.namespace}/iris,",
            "diagnose ml/iris": f"diagnose {self.namespace}/iris",
            "namespace: ml}": f"namespace: {self.namespace}}}",
        }
        console = Console(self.folder, self._environment(), {**names, **renamed}, named)
        return console.run(PAGES / page)

    def _environment(self) -> dict[str, str]:
        """The test bed's kubectl is found, and what uv installs; the folder looks like a clone."""
        for name in ("manifests", "plugin"):
            (self.folder / name).symlink_to(REPOSITORY / name)
        tools = {"UV_TOOL_DIR": str(self.folder / "tools"), "UV_TOOL_BIN_DIR": str(self.folder / "bin")}
        found = environment(self.rig.kube.cluster, self.folder, REPOSITORY / ".tools/bin")
        return {**found, **tools, "PYTHONPATH": str(REPOSITORY)}


@pytest.fixture
def reader(rig: Rig, tmp_path: Path) -> Iterator[Reader]:
    """A reader whose namespace knows the registry as `mlflow`."""
    with rig.namespace("docs") as namespace:
        yield Reader(rig, namespace, tmp_path)


@contextmanager
def arrived(rig: Rig, folder: Path) -> Iterator[Reader]:
    """Have a reader with an empty namespace until the end of the block."""
    metadata = {"generateName": "e2e-docs-", "labels": MINE | RESTRICTED}
    namespace = rig.kube.create(NAMESPACES, "", {"metadata": metadata})["metadata"]["name"]
    try:
        yield Reader(rig, namespace, folder)
    finally:
        rig.kube.delete(NAMESPACES, "", namespace)


@pytest.fixture
def newcomer(rig: Rig, tmp_path: Path) -> Iterator[Reader]:
    """A reader with an empty namespace."""
    with arrived(rig, tmp_path) as reader:
        yield reader


def serving(reader: Reader, *versions: str) -> Deployed:
    """Model `iris`, after these versions served one after the other."""
    return Deployed(reader.rig.kube, reader.namespace).serve(*versions)
