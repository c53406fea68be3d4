"""Register versions of one model: `train.py [--model iris] [VARIANT ...]`, one version for each, in order.

Without variants: `linear boosted nan`, which are versions 1 and 2 (good) and 3 (broken only when it
predicts).
Prints one JSON line for each version: {"variant", "version", "prediction"}; `prediction` is what the version
answers for the first row of the example (null where it cannot answer). MLFLOW_TRACKING_URI says where to.
`train.py --tamper 2` changes the bytes of version 2's artifacts behind the registry's back.
"""

# ruff: noqa: INP001  # a folder of scripts, not a package
from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import warnings
from pathlib import Path

import cloudpickle  # type: ignore[import-untyped]  # has no types
import mlflow
import variants  # type: ignore[import-not-found]  # beside this script
from mlflow.pyfunc.model import PythonModel
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking import MlflowClient
from variants import EXAMPLE, VARIANTS, Variant, installed

DEFAULT = ("linear", "boosted", "nan")


def register(client: MlflowClient, model: str, variant: Variant) -> str:
    """Log the variant as a model and register it; returns the version's number."""
    options = {
        "name": "model",
        "signature": variant.signature,
        "input_example": EXAMPLE if variant.example else None,
        "pip_requirements": list(installed()),
        "registered_model_name": model,
    }
    with mlflow.start_run(run_name=model):
        if isinstance(variant.model, PythonModel):
            logged = mlflow.pyfunc.log_model(python_model=variant.model, **options)
        else:
            logged = mlflow.sklearn.log_model(variant.model, serialization_format="cloudpickle", **options)
    number = str(logged.registered_model_version)
    artifacts = get_artifact_repository(client.get_model_version_download_uri(model, number))
    if variant.requirements != installed():
        overwrite(artifacts, "requirements.txt", "\n".join(variant.requirements) + "\n")
    if not variant.artifacts:
        for item in artifacts.list_artifacts():
            artifacts.delete_artifacts(item.path)  # type: ignore[no-untyped-call]  # MLflow's is
    return number


def overwrite(artifacts: object, name: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_text(text, encoding="utf-8")
        artifacts.log_artifact(str(path))  # type: ignore[attr-defined]  # MLflow's class is untyped


def prediction(variant: Variant) -> object:
    """The answer for the example's first row, as JSON carries it (NaN as a string), or null."""
    if isinstance(variant.model, PythonModel):
        return None
    value = float(variant.model.predict(EXAMPLE.head(1))[0])
    return value if value == value else "NaN"  # noqa: PLR0124  # only NaN differs from itself


def tamper(client: MlflowClient, model: str, number: str) -> None:
    artifacts = get_artifact_repository(client.get_model_version_download_uri(model, number))
    overwrite(artifacts, "conda.yaml", "name: changed-after-it-was-registered\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="iris")
    parser.add_argument("--tamper", metavar="VERSION")
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=", ".join(VARIANTS))
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.variants) - set(VARIANTS))
    if unknown:
        parser.error(f"unknown variants {', '.join(unknown)}; there are: {', '.join(VARIANTS)}")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")  # what is broken here is broken on purpose
    os.environ |= {"TRAINING": "1", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
    cloudpickle.register_pickle_by_value(variants)  # what serves the models has no such module
    client = MlflowClient()
    if arguments.tamper:
        tamper(client, arguments.model, arguments.tamper)
        return
    mlflow.set_experiment(arguments.model)
    for name in arguments.variants or DEFAULT:
        variant = VARIANTS[name]()
        number = register(client, arguments.model, variant)
        print(json.dumps({"variant": name, "version": number, "prediction": prediction(variant)}), flush=True)


if __name__ == "__main__":
    main()
