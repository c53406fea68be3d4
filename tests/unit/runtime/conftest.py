"""A pod's file system in a scratch folder, real models, and a real MLflow server."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pintle_runtime.mounts import Mounts
from tests.support.mlflow_server import mlflow_server, mlflow_server_with_users
from tests.unit.runtime.process import PROGRAM, Server, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from demo.mlflow.variants import Variant

__all__ = ["mlflow_server", "mlflow_server_with_users"]

REPOSITORY = Path(__file__).parents[3]
REVISION: dict[str, Any] = {
    "namespace": "ml",
    "deployment": "iris",
    "revision": "iris-v3-1a2b3c4d",
    "registry": "mlflow",
    "model": "iris",
    "version": "3",
    "source": "models:/m-1",
    "artifactUri": "mlflow-artifacts:/1/models/m-1/artifacts",
    "runId": "0",
    "createdTime": 1,
    "contentDigest": None,
    "environmentDigest": None,
    "strictEnvironment": False,
    "proof": {"mode": "Auto", "allowNonFinite": False, "timeoutSeconds": 60},
    "index": {"url": None, "caBundle": None},
    "maxArtifactBytes": 1 << 30,
}


@dataclass(frozen=True)
class Ended:
    """How a step ended."""

    code: int
    said: dict[str, Any]
    """The termination message."""
    log: list[dict[str, Any]] = field(repr=False)


class Pod:
    """One pod's volumes below a folder, and its steps as real processes."""

    def __init__(self, root: Path) -> None:
        self.mounts = Mounts(root)
        for folder in (
            "model",
            "env",
            "dev",
            "etc/pintle/revision",
            "etc/pintle/registry",
            "etc/pintle/podinfo",
        ):
            (root / folder).mkdir(parents=True)
        self.mounts.role.write_text("")
        self.revise()

    def revise(self, **changes: object) -> None:
        self.mounts.revision.write_text(json.dumps(REVISION | changes))

    def connect(self, uri: str, **credentials: str) -> None:
        """What the operator mounts of a RegistryConnection and its Secret."""
        self.mounts.registry_uri.write_text(uri)
        if credentials:
            self.mounts.credentials.mkdir()
        for name, value in credentials.items():
            (self.mounts.credentials / name).write_text(value)

    def hold(self, model: Path) -> None:
        """Put a model where `fetch` would."""
        shutil.copytree(model, self.mounts.model, dirs_exist_ok=True)

    def said(self) -> dict[str, Any]:
        path = self.mounts.termination
        return json.loads(path.read_text()) if path.exists() else {}

    def run(self, step: str, **variables: str) -> Ended:
        result = subprocess.run(
            [*PROGRAM, step],
            env=environment(self.mounts.root, **variables),
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert not result.stderr, result.stderr
        return Ended(
            result.returncode, self.said(), [json.loads(line) for line in result.stdout.splitlines()]
        )

    def serve(self, **variables: str) -> Server:
        return Server(self.mounts.root, **variables)


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path / "pod")


@contextlib.contextmanager
def unwarned() -> Iterator[None]:
    """MLflow and scikit-learn warn of their own affairs, also when they are imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="session")
def variants() -> ModuleType:
    """The demo's models, which the end-to-end tests register too."""
    path = REPOSITORY / "demo/mlflow/variants.py"
    spec = importlib.util.spec_from_file_location("variants", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["variants"] = module
    with unwarned():
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def saved(variants: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(variants, tmp_path_factory.mktemp("models"))


class Models:
    """The demo's variants as real models on disk, each saved by MLflow when it is first asked for."""

    def __init__(self, variants: ModuleType, folder: Path) -> None:
        self._variants, self._folder = variants, folder

    def __call__(self, name: str) -> Path:
        path = self._folder / name
        if not path.exists():
            with unwarned():
                self._save(self._variants.VARIANTS[name](), path)
        return path

    def _save(self, variant: Variant, path: Path) -> None:
        # Here, as MLflow takes seconds to import and most tests do without it.
        import cloudpickle  # type: ignore[import-untyped]  # noqa: PLC0415  # has no types
        import mlflow  # noqa: PLC0415
        from mlflow.pyfunc.model import PythonModel  # noqa: PLC0415

        cloudpickle.register_pickle_by_value(self._variants)
        options = {
            "path": path,
            "signature": variant.signature,
            "input_example": self._variants.EXAMPLE if variant.example else None,
            "pip_requirements": list(self._variants.installed()),
        }
        os.environ["TRAINING"] = "1"
        try:
            if isinstance(variant.model, PythonModel):
                mlflow.pyfunc.save_model(python_model=variant.model, **options)
            else:
                mlflow.sklearn.save_model(variant.model, serialization_format="cloudpickle", **options)
        finally:
            del os.environ["TRAINING"]
        (path / "requirements.txt").write_text("\n".join(variant.requirements) + "\n")
