"""The script that registers the demo's versions, with a real MLflow server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.support.mlflow_server import MlflowServer, model_name
from tests.unit.runtime.conftest import REPOSITORY, unwarned

with unwarned():
    from mlflow import MlflowClient
    from mlflow.artifacts import list_artifacts, load_text

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SCRIPT = REPOSITORY / "demo/mlflow/train.py"


def train(server: MlflowServer, *arguments: str, folder: Path) -> list[dict[str, Any]]:
    variables = os.environ | {"MLFLOW_TRACKING_URI": server.uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    result = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        cwd=folder, env=variables, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_default_versions_can_be_told_apart(
    mlflow_server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server.uri)
    model = model_name("iris")
    first, second, third = train(mlflow_server, "--model", model, folder=tmp_path)
    assert [first["version"], second["version"], third["version"]] == ["1", "2", "3"]
    assert abs(first["prediction"] - second["prediction"]) > 0.01
    assert third["prediction"] == "NaN"
    odd = train(mlflow_server, "--model", model, "missing-artifacts", "unsafe-index", folder=tmp_path)
    assert [version["version"] for version in odd] == ["4", "5"]
    client = MlflowClient(mlflow_server.uri)

    def uri(version: int) -> str:
        found: str = client.get_model_version_download_uri(model, str(version))
        return found

    assert {"MLmodel", "serving_input_example.json"} <= {
        file.path.split("/")[-1] for file in list_artifacts(uri(3))
    }
    assert not list_artifacts(uri(4))
    assert "--index-url" in load_text(f"{uri(5)}/requirements.txt")
    before = load_text(f"{uri(2)}/conda.yaml")
    train(mlflow_server, "--model", model, "--tamper", "2", folder=tmp_path)
    assert load_text(f"{uri(2)}/conda.yaml") != before
