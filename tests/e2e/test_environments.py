"""A model that needs other packages than the runtime's image has: it gets an environment of its own."""

import os
from collections.abc import Iterator

import pytest

from pintle.domain.resources import MODEL_RUNTIMES
from testbed.api import ca_bundle
from tests.e2e.conftest import Figure
from tests.support.deployed import Deployed, condition
from tests.support.predicting import answered
from tests.support.rig import Rig, version_of

OTHER_SCIKIT_LEARN = "1.7.2"  # as in demo/mlflow/variants.py
NAME = "with-an-index"


@pytest.fixture(scope="module")
def runtime(rig: Rig) -> Iterator[str]:
    """The default runtime's image, and the package index of this machine with the CAs that it trusts."""
    default = rig.kube.get(MODEL_RUNTIMES, "", "default")["spec"]
    index = {"caBundle": ca_bundle().read_text()}
    if url := os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL"):
        index["url"] = url
    spec = {"image": default["image"], "defaultResources": default["defaultResources"], "index": index}
    rig.kube.delete(MODEL_RUNTIMES, "", NAME)
    rig.kube.create(MODEL_RUNTIMES, "", {"metadata": {"name": NAME}, "spec": spec})
    yield NAME
    rig.kube.delete(MODEL_RUNTIMES, "", NAME)


def test_own_environment(rig: Rig, namespace: str, runtime: str, figure: Figure) -> None:
    iris = Deployed(rig.kube, namespace)
    version = version_of("other-scikit-learn")
    iris.create(version=int(version), runtime={"name": runtime})
    body = iris.ready(version, within=300)
    answer = answered(rig.mlflow, iris)
    assert answer.prediction["scikit_learn"] == OTHER_SCIKIT_LEARN
    assert condition(body, "Proven")["status"] == "True"
    figure(f"predicts with scikit-learn {answer.prediction['scikit_learn']}")


def test_no_example(rig: Rig, namespace: str, figure: Figure) -> None:
    """A version without an input example can be served, and is not called proven."""
    plain = Deployed(rig.kube, namespace, "plain")
    version = version_of("no-example")
    plain.create(version=int(version))
    proven = condition(plain.ready(version), "Proven")
    assert (proven["status"], proven["reason"]) == ("Unknown", "NoExample")
    assert answered(rig.mlflow, plain).headers["pintle-model"] == f"iris/{version}"
    figure(f"Proven is {proven['status']}: {proven['message']}")
