"""One real model, from `kubectl apply` to a prediction; runs before all other end-to-end tests."""

import json
import time

import pytest

from pintle.domain.resources import PODS
from tests.e2e.conftest import Figure
from tests.support.deployed import OWNED, Deployed, condition
from tests.support.predicting import asked, predict
from tests.support.rig import BOOSTED, LINEAR, Rig
from tests.support.waiting import until

# What demo/mlflow/train.py prints for the first row of the example.
PREDICTIONS = {LINEAR: 0.21625189892792185, BOOSTED: 0.2908890828356632}

MANIFEST = """
apiVersion: pintle.dev/v1alpha1
kind: ModelDeployment
metadata: {name: iris}
spec:
  registryRef: {name: mlflow}
  model: iris
  version: 1
"""


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Deployed:
    return Deployed(rig.kube, namespace)


def test_first_model(rig: Rig, iris: Deployed, figure: Figure) -> None:
    kube = rig.kube
    began = time.time()
    kube.kubectl("-n", iris.namespace, "apply", "-f", "-", stdin=MANIFEST)
    kube.kubectl(
        "-n", iris.namespace, "wait", "mdep/iris", "--for=condition=Ready", "--timeout=180s", within=200
    )
    ready = time.time()
    _check_predictions(rig, iris, LINEAR)
    figure(f"applied to Ready {ready - began:.1f} s")

    iris.edit(version=int(BOOSTED))
    iris.ready(BOOSTED)
    _check_predictions(rig, iris, BOOSTED)

    iris.edit(version=int(LINEAR))
    iris.ready(LINEAR, within=10)
    _check_predictions(rig, iris, LINEAR)

    _check_columns(rig, iris)
    _check_conditions(iris)
    _check_nothing_stays(rig, iris)


def _check_predictions(rig: Rig, iris: Deployed, version: str) -> None:
    """The answers come from this version: at the latest when kube-proxy has heard of the endpoints.

    kube-proxy may take a second (its minSyncPeriod), which shows when two changes follow each other at once.
    Of a new Service the cluster's DNS has to hear, too.
    """
    wanted = f"iris/{version}"
    answer = until(
        lambda: (found := asked(rig.mlflow, iris)) and found.headers["pintle-model"] == wanted and found,
        within=10,
        what=f"{wanted} answers",
        now=lambda: predict(rig.mlflow, iris),
    )
    assert answer.prediction == pytest.approx(PREDICTIONS[version])
    assert answer.headers["pintle-revision"] == iris.body()["status"]["serving"]["revision"]


def _check_columns(rig: Rig, iris: Deployed) -> None:
    """What `kubectl get mdep -o wide` shows."""
    wide = rig.kube.kubectl("-n", iris.namespace, "get", "mdep", "-o", "wide")
    head, row = wide.splitlines()
    assert head.split() == [
        *("NAME", "MODEL", "WANTED", "SERVING", "READY", "REPLICAS", "STATUS", "AGE"),
        *("CANDIDATE", "WEIGHT", "STANDBY", "MESSAGE"),
    ], wide
    starts = [head.index(name) for name in head.split()]
    columns = zip(head.split(), starts, [*starts[1:], len(row)], strict=True)
    cells = {name: row[start:end].strip() for name, start, end in columns}
    assert cells.pop("AGE"), wide
    assert cells.pop("STANDBY").startswith(f"{BOOSTED} until "), wide
    assert cells == {
        "NAME": "iris",
        "MODEL": "iris",
        "WANTED": LINEAR,
        "SERVING": LINEAR,
        "READY": "True",
        "REPLICAS": "1/1",
        "STATUS": "Serving",
        "CANDIDATE": "",
        "WEIGHT": "",
        "MESSAGE": "iris version 1 serves with 1 of 1 pods",
    }, wide


def _check_conditions(iris: Deployed) -> None:
    body = iris.body()
    generation = body["metadata"]["generation"]
    for kind in ("Ready", "Available", "Resolved", "Proven"):
        found = condition(body, kind)
        assert found["status"] == "True", found
        assert found["observedGeneration"] == generation, found
    assert {c["type"] for c in body["status"]["conditions"]} == {"Ready", "Available", "Resolved", "Proven"}
    assert not body["metadata"].get("finalizers")
    assert set(body["metadata"]["annotations"]) == {"kubectl.kubernetes.io/last-applied-configuration"}
    assert "labels" not in body["metadata"]


def _check_nothing_stays(rig: Rig, iris: Deployed) -> None:
    """Deleting the object leaves no child."""
    rig.kube.kubectl("-n", iris.namespace, "delete", "mdep", "iris", "--timeout=30s")

    def left() -> dict[str, int]:
        counts = {kind.plural: len(iris.children(kind)) for kind in (*OWNED, PODS)}
        return {kind: count for kind, count in counts.items() if count}

    until(lambda: not left(), within=90, what="all children are gone", now=lambda: json.dumps(left()))
