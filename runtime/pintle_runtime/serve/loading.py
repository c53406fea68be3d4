"""Loading a model with MLflow. Importing this module imports MLflow."""

# mypy: disable-error-code="no-untyped-call"
# MLflow's functions have no types.

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import mlflow
from mlflow.environment_variables import _MLFLOW_IS_IN_SERVING_ENVIRONMENT
from mlflow.pyfunc import scoring_server

from pintle_runtime.serve.scoring import Scoring

if TYPE_CHECKING:
    from pathlib import Path


def load(folder: Path) -> Scoring:
    """Load the model as MLflow's own server does; whatever the model's code raises goes through."""
    os.environ[_MLFLOW_IS_IN_SERVING_ENVIRONMENT.name] = "true"
    return Scoring(scoring_server.load_model_with_mlflow_config(str(folder)))


def versions() -> dict[str, str]:
    return {"mlflow": mlflow.__version__}
