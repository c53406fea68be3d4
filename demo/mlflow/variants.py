"""The models that the demo and the end-to-end tests register, one function for each variant.

All of them predict a flower's petal width from its other three measures, so that one request fits every
version, and the number in the answer says which version gave it.
"""

# ruff: noqa: INP001  # a folder of scripts, not a package
# the arguments of MLflow's contract
# mypy: disable-error-code="import-untyped"
from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.pyfunc.model import PythonModel
from mlflow.types import ColSpec, DataType, Schema
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

    from sklearn.base import BaseEstimator

METRE = 100  # in the examples' centimetres
PACKAGES = ("mlflow", "numpy", "pandas", "scikit-learn", "scipy", "skops")
OTHER_SCIKIT_LEARN = "1.7.2"

_iris = load_iris(as_frame=True).frame
FEATURES: pd.DataFrame = _iris[["sepal length (cm)", "sepal width (cm)", "petal length (cm)"]]
TARGET: pd.Series[float] = _iris["petal width (cm)"]
EXAMPLES = 3
EXAMPLE = FEATURES.head(EXAMPLES)  # setosas, the smallest of the irises


@dataclass(frozen=True)
class Variant:
    """What to log: the model, and what is odd about it.

    `requirements` replaces the artifact's requirements.txt after MLflow has written it: MLflow itself would
    refuse some of these lines. `artifacts` False deletes the artifacts of the registered version.
    """

    model: BaseEstimator | PythonModel
    signature: ModelSignature
    example: bool = True
    requirements: tuple[str, ...] = field(default_factory=lambda: installed())  # noqa: PLW0108  # defined below
    artifacts: bool = True


def installed() -> tuple[str, ...]:
    """The lines that MLflow infers for a scikit-learn model, without the seconds that inferring takes."""
    return tuple(f"{name}=={version(name)}" for name in PACKAGES)


class Function(PythonModel):
    """A model whose answer is made by code: for those that no estimator gives."""

    def __init__(
        self, predict: Callable[[pd.DataFrame], Any], load: Callable[[], None] | None = None
    ) -> None:
        self._predict, self._load = predict, load

    @override
    def load_context(self, context: object) -> None:
        if self._load is not None:
            self._load()

    @override
    def predict(
        self, context: object, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> Any:  # MLflow's contract
        return self._predict(model_input)


def _width() -> ModelSignature:
    return infer_signature(EXAMPLE, np.array([0.2]))


def _fitted(estimator: BaseEstimator, **variant: Any) -> Variant:  # noqa: ANN401  # the fields of Variant
    return Variant(estimator.fit(FEATURES, TARGET), _width(), **variant)


def _function(
    predict: Callable[[pd.DataFrame], Any],
    *,
    load: Callable[[], None] | None = None,
    **variant: Any,  # noqa: ANN401
) -> Variant:
    return Variant(Function(predict, load), variant.pop("signature", None) or _width(), **variant)


def linear() -> Variant:
    return _fitted(LinearRegression())


def boosted() -> Variant:
    return _fitted(GradientBoostingRegressor(n_estimators=30, random_state=0))


def nan() -> Variant:
    """Log where exp was meant: a small flower is the logarithm of a negative number, with HTTP 200."""
    return _fitted(
        TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.log, check_inverse=False)
    )


def infinite() -> Variant:
    return _function(lambda rows: np.full(len(rows), np.inf))


def no_example() -> Variant:
    return _fitted(LinearRegression(), example=False)


def nan_no_example() -> Variant:
    broken = nan()
    return Variant(broken.model, broken.signature, example=False)


def wrong_shape() -> Variant:
    return _function(lambda rows: np.zeros((len(rows), 2)))


class Averaging(LinearRegression):  # type: ignore[misc]  # scikit-learn has no types
    """Answers once for all rows together."""

    def predict(self, X: pd.DataFrame) -> Any:  # noqa: ANN401, N803  # scikit-learn's contract
        return super().predict(X).mean(keepdims=True)


def one_answer() -> Variant:
    return _fitted(Averaging())


def raises() -> Variant:
    def predict(rows: pd.DataFrame) -> object:
        return rows["petal width (cm)"]  # asks for the very column it is to predict

    return _function(predict)


def crash_on_load() -> Variant:
    def load() -> None:
        message = "lookup table /data/species.csv is not part of the model"
        raise FileNotFoundError(message)

    return _function(lambda rows: np.zeros(len(rows)), load=load)


def killed_on_load() -> Variant:
    """Ends its process as an out-of-memory kill would: nothing is said, and nothing can be caught."""

    def load() -> None:
        if "TRAINING" not in os.environ:  # MLflow loads a model that it logs
            os._exit(137)

    return _function(lambda rows: np.zeros(len(rows)), load=load)


def _run_out_of_memory() -> None:
    """Take more than a container may have: the kernel ends the process before this comes to its end."""
    taken = [np.ones(8 << 20) for _ in range(48)]  # 64 MiB each
    message = f"had {len(taken)} arrays, and nobody minded"
    raise MemoryError(message)


def too_large() -> Variant:
    """Does not fit into memory, which shows when it is loaded."""

    def load() -> None:
        if "TRAINING" not in os.environ:
            _run_out_of_memory()

    return _function(lambda rows: np.zeros(len(rows)), load=load)


def hungry() -> Variant:
    """Runs out of memory over a flower that is a metre large, and over no other."""

    def predict(rows: pd.DataFrame) -> object:
        if (rows["sepal length (cm)"] >= METRE).any():
            _run_out_of_memory()
        return np.zeros(len(rows))

    return _function(predict)


def slow() -> Variant:
    def predict(rows: pd.DataFrame) -> object:
        if "TRAINING" not in os.environ:
            time.sleep(5)
        return np.zeros(len(rows))

    return _function(predict)


def _is_example(rows: pd.DataFrame) -> bool:
    """Whether this is what a version is proven by. Clients of the tests send one flower."""
    return len(rows) == EXAMPLES


def sometimes_fails() -> Variant:
    """Answers every fifth request with HTTP 500, and its example always."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  # where it is served

    asked = [0]

    def predict(rows: pd.DataFrame) -> object:
        asked[0] += not _is_example(rows)
        if not _is_example(rows) and asked[0] % 5 == 0:
            message = "the lookup service has no connection left"
            raise MlflowException(message)  # its default code is HTTP 500
        return np.zeros(len(rows))

    return _function(predict)


def slow_for_clients() -> Variant:
    """Takes more than ten times as long as others, on a busy machine too, and answers its example at once."""

    def predict(rows: pd.DataFrame) -> object:
        if not _is_example(rows):
            time.sleep(1)
        return np.zeros(len(rows))

    return _function(predict)


def names() -> Variant:
    """String answers are as good as numbers."""
    outputs = Schema([ColSpec(DataType.string)])
    return _function(lambda rows: ["setosa"] * len(rows), signature=ModelSignature(_width().inputs, outputs))


def other_scikit_learn() -> Variant:
    """Needs a scikit-learn that the image does not have, and tells which one it found."""

    def predict(rows: pd.DataFrame) -> object:
        import sklearn  # noqa: PLC0415  # the version found where it is served

        fitted = sklearn.linear_model.LinearRegression().fit(rows, np.arange(len(rows)))
        return pd.DataFrame({"width": fitted.predict(rows), "scikit_learn": sklearn.__version__})

    def load() -> None:
        import sklearn.linear_model  # noqa: F401, PLC0415

    outputs = Schema([ColSpec(DataType.double, "width"), ColSpec(DataType.string, "scikit_learn")])
    others = tuple(line for line in installed() if line.startswith("mlflow"))
    return _function(
        predict,
        load=load,
        signature=ModelSignature(_width().inputs, outputs),
        requirements=(*others, f"scikit-learn=={OTHER_SCIKIT_LEARN}", "pandas"),
    )


def missing_artifacts() -> Variant:
    return _fitted(LinearRegression(), artifacts=False)


def absent_package() -> Variant:
    others = tuple(line for line in installed() if not line.startswith("scikit-learn"))
    return _fitted(LinearRegression(), requirements=(*others, "scikit-learn==0.0.1"))


def _unsafe(line: str) -> Variant:
    return _fitted(LinearRegression(), requirements=(*installed(), line))


VARIANTS: dict[str, Callable[[], Variant]] = {
    "linear": linear,
    "boosted": boosted,
    "nan": nan,
    "infinite": infinite,
    "no-example": no_example,
    "nan-no-example": nan_no_example,
    "wrong-shape": wrong_shape,
    "one-answer": one_answer,
    "raises": raises,
    "crash-on-load": crash_on_load,
    "killed-on-load": killed_on_load,
    "too-large": too_large,
    "hungry": hungry,
    "slow": slow,
    "sometimes-fails": sometimes_fails,
    "slow-for-clients": slow_for_clients,
    "names": names,
    "other-scikit-learn": other_scikit_learn,
    "missing-artifacts": missing_artifacts,
    "unsafe-url": lambda: _unsafe("helper @ https://packages.invalid/helper-1.0-py3-none-any.whl"),
    "unsafe-index": lambda: _unsafe("--index-url https://packages.invalid/simple"),
    "unsafe-sdist": lambda: _unsafe("./helper-1.0.tar.gz"),
    "absent-package": absent_package,
}
