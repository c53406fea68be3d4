"""The registry that the story is told with: one of the demo's own, or the user's."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from demo.errors import DemoError
from demo.kube import Json, Kube
from demo.manifests import Manifests

NAMESPACE = "demo-mlflow"
_DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/mlflow"
_PODS = f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=app%3Dmlflow"
_JOB = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/train"

# One flower, for all of the demo's versions.
_FLOWER = {
    "columns": ["sepal length (cm)", "sepal width (cm)", "petal length (cm)"],
    "data": [[5.1, 3.5, 1.4]],
}


@dataclass(frozen=True)
class Registry:
    """A model to tell the story of. `example` is what to ask it; empty: only readiness is asked for."""

    uri: str
    model: str
    versions: tuple[str, ...]
    example: str = ""


@dataclass(frozen=True)
class DemoRegistry(Registry):
    """MLflow in the cluster, with three versions of one model: two good ones, and one that answers NaN."""

    kube: Kube = field(kw_only=True)

    def stop(self) -> None:
        """End the server; what it stores stays."""
        _shell(self.kube, "touch /data/stopped")
        _until(lambda: not _answers(self.kube), "MLflow does not stop", 30)

    def start(self) -> None:
        """Start it again, and wait until it answers."""
        _shell(self.kube, "rm -f /data/stopped")
        # Seconds of CPU on a quiet machine; the traffic and whatever else runs there have theirs.
        _until(lambda: _answers(self.kube), "MLflow does not start again", 180)


def create(kube: Kube, manifests: Manifests) -> DemoRegistry:
    """Start MLflow, and train and register the versions unless an earlier run did.

    Raises:
        DemoError: MLflow does not start, or the training failed.
    """
    kube.run("apply", "--filename=-", stdin=manifests.render("mlflow.yaml"))
    _until(lambda: _running(kube) is not None, "the pod of MLflow does not run", 180)
    _shell(kube, "rm -f /data/stopped")  # a run may have been ended in the middle of its outage
    if not _trained(kube):
        kube.run("delete", "job", "train", f"--namespace={NAMESPACE}", "--ignore-not-found", "--wait")
    _until(lambda: _answers(kube), "MLflow does not answer", 120)
    kube.run("apply", "--filename=-", stdin=manifests.render("training.yaml"))
    _until(lambda: _trained(kube), "the training does not end", 300)
    versions = _versions(kube.run("logs", "job/train", f"--namespace={NAMESPACE}"))
    example = json.dumps({"dataframe_split": _FLOWER})
    return DemoRegistry(f"http://mlflow.{NAMESPACE}.svc:5000", "iris", versions, example, kube=kube)


def _running(kube: Kube) -> str | None:
    """When the pod that runs MLflow was made, or None where there is none."""
    pods = (kube.get(_PODS) or {}).get("items", [])
    running = [pod for pod in pods if pod["status"].get("phase") == "Running"]
    return running[0]["metadata"]["creationTimestamp"] if running else None


def _answers(kube: Kube) -> bool:
    return bool((kube.get(_DEPLOYMENT) or {}).get("status", {}).get("readyReplicas"))


def _trained(kube: Kube) -> bool:
    """Whether the Job has registered its versions with the store that is there now: it goes with the pod.

    Raises:
        DemoError: the Job failed.
    """
    job, store = kube.get(_JOB), _running(kube)
    if job is None or store is None or job["metadata"]["creationTimestamp"] < store:
        return False
    if job.get("status", {}).get("failed") and not job["status"].get("active"):
        raise DemoError(f"the training failed: `kubectl logs job/train --namespace={NAMESPACE}` says why")
    return bool(job.get("status", {}).get("succeeded"))


def _versions(log: str) -> tuple[str, ...]:
    lines: list[Json] = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return tuple(str(line["version"]) for line in lines)


def _shell(kube: Kube, script: str) -> None:
    kube.run("exec", f"--namespace={NAMESPACE}", "deploy/mlflow", "--", "sh", "-c", script)


def _until(condition: Callable[[], bool], otherwise: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise DemoError(f"{otherwise} within {timeout:.0f} s: `kubectl get pods --namespace={NAMESPACE}`")
        time.sleep(0.2)
