"""Writes the health checks' testdata from a real cluster: `.venv/bin/python -m tests.support.gitops.capture`.

Brings a real object into every state of `states`, with the operator and MLflow as pods, and keeps what
`kubectl get -o yaml` shows. A state is reached when the object has the shape that it has in the world in
memory. With names of states, those only. TESTBED_NAME says on which cluster, which has to be for tests alone.
"""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from pintle.domain.resources import DEPLOYMENTS, MODEL_DEPLOYMENTS, MODEL_RUNTIMES, NAMESPACES, PODS
from pintle.naming import ANNOTATION_PROMOTE, ANNOTATION_REJECT, short_hash
from tests.support import gateway as gateways
from tests.support import install
from tests.support.deployed import Deployed
from tests.support.gitops import testdata
from tests.support.gitops.canary_states import HELD, PAUSED
from tests.support.gitops.shape import differences
from tests.support.gitops.states import ABSENT, BROKEN, STATES
from tests.support.kube import MINE, RESTRICTED
from tests.support.rig import NAN, Rig, raised
from tests.support.waiting import until

NAMESPACE, NAME = "ml", "iris"
WITHIN_SECONDS = 300.0
# Nothing listens on that port of the node.
UNPULLABLE = "localhost:1/pintle/none:0"


@dataclass(frozen=True)
class Stage:
    """One object on its way into a state; `undo` is done when it is there."""

    rig: Rig
    iris: Deployed
    undo: ExitStack = field(repr=False)

    def serving(self) -> None:
        """Version 1 serves with two pods."""
        self.iris.create(version=1, replicas=2)
        self.iris.ready("1")

    def stop_operator(self) -> None:
        """Nobody sees what is changed from now on."""
        self.undo.callback(install.wait, self.rig.kube)
        self.undo.callback(self._scale_operator, 1)
        self._scale_operator(0)
        until(lambda: not install.operator_pods(self.rig.kube), within=60, what="the operator is gone")

    def _scale_operator(self, replicas: int) -> None:
        self.rig.kube.scale(DEPLOYMENTS, install.SYSTEM, install.OPERATOR, replicas)

    def text(self) -> str:
        """What a person sees of it."""
        return self.rig.kube.kubectl("-n", NAMESPACE, "get", "mdep", NAME, "-o", "yaml")


def _created(stage: Stage) -> None:
    stage.stop_operator()
    stage.iris.create(version=1, replicas=2)


def _first(**spec: object) -> Callable[[Stage], object]:
    return lambda stage: stage.iris.create(**{"replicas": 2} | spec)


def _edited(**spec: object) -> Callable[[Stage], None]:
    def build(stage: Stage) -> None:
        stage.serving()
        stage.iris.edit(**spec)

    return build


def _changed(stage: Stage) -> None:
    stage.serving()
    stage.stop_operator()
    stage.iris.edit(version=2)


def _degraded(stage: Stage) -> None:
    stage.serving()
    pod = stage.iris.pods("1")[0]["metadata"]["name"]
    stage.rig.kube.delete(PODS, NAMESPACE, pod, grace=0)


def _registry_unavailable(stage: Stage) -> None:
    stage.serving()
    stage.undo.callback(stage.rig.mlflow.start)
    stage.rig.mlflow.stop()
    stage.iris.edit(version=2)


def _image_pull_failed(stage: Stage) -> None:
    runtime = {"metadata": {"name": "unpullable"}, "spec": {"image": UNPULLABLE}}
    stage.rig.kube.create(MODEL_RUNTIMES, "", runtime)
    stage.undo.callback(stage.rig.kube.delete, MODEL_RUNTIMES, "", "unpullable")
    stage.serving()
    stage.iris.edit(version=2, runtime={"name": "unpullable"})


def _rejected_by_user(stage: Stage) -> None:
    stage.serving()
    stage.iris.edit(version=2)
    stage.iris.ready("2")
    stage.iris.annotate(annotations={ANNOTATION_REJECT: "version/2"})


def _terminating(stage: Stage) -> None:
    stage.serving()
    stage.iris.annotate(finalizers=["example.com/hold"])
    stage.undo.callback(stage.iris.annotate, finalizers=None)
    stage.iris.delete()


def _behind_gateway(**spec: object) -> Callable[[Stage], None]:
    """Version 2 has begun the canary that is declared, behind a real gateway."""

    def build(stage: Stage) -> None:
        folder = Path(stage.undo.enter_context(TemporaryDirectory(prefix="pintle-gateway-")))
        stage.undo.enter_context(gateways.raised(stage.rig.kube, NAMESPACE, folder))
        stage.iris.create(version=1, replicas=2, **spec)
        stage.iris.ready("1")
        stage.iris.edit(version=2)

    return build


def _commanded(annotation: str, value: str = "") -> Callable[[Stage], None]:
    """A command that ends a canary which waits for it; its value is the candidate's hash if none is given."""

    def build(stage: Stage) -> None:
        _behind_gateway(**HELD)(stage)
        stage.iris.refused("AwaitingPromotion")
        revision = stage.iris.body()["status"]["candidate"]["revision"]
        stage.iris.annotate(annotations={annotation: value or short_hash(revision)})

    return build


# Too little for any container of the pod: each is ended by the kernel, and started again.
NO_MEMORY = {"resources": {"requests": {"memory": "20Mi"}, "limits": {"memory": "20Mi"}}}
NO_ROOM = {"resources": {"requests": {"cpu": "1000"}}, "rollout": {"capacityWaitSeconds": 0}}
CAPTURES: dict[str, Callable[[Stage], object]] = {
    "created": _created,
    "starting": _first(version=1),
    "serving": Stage.serving,
    "changed": _changed,
    "candidate-starting": _edited(version=2),
    "proving": _edited(version=2),
    "degraded": _degraded,
    "candidate-degraded": _edited(version=2, **NO_MEMORY),
    "registry-unavailable": _registry_unavailable,
    "insufficient-capacity": _edited(version=2, **NO_ROOM),
    "image-pull-failed": _image_pull_failed,
    "proof-failed": _edited(version=BROKEN),
    "first-proof-failed": _first(version=BROKEN),
    "version-not-found": _edited(version=ABSENT),
    "registry-not-found": _first(version=1, registryRef={"name": "absent"}),
    "rejected-by-user": _rejected_by_user,
    "canary": _behind_gateway(**PAUSED),
    "awaiting-promotion": _behind_gateway(**HELD),
    "promoted": _commanded(ANNOTATION_PROMOTE),
    "rejected-in-canary": _commanded(ANNOTATION_REJECT, "version/2"),
    "gateway-not-found": _first(version=1, **HELD),
    "suspended": _edited(version=2, suspend=True),
    "suspended-serving": _edited(suspend=True),
    "scaled-to-zero": _edited(version=2, replicas=0),
    "scaled-to-zero-serving": _edited(replicas=0),
    "terminating": _terminating,
}


def capture(rig: Rig, name: str) -> str:
    """Bring an object into a state, and return what kubectl shows of it."""
    iris = Deployed(rig.kube, NAMESPACE, NAME)
    wanted = STATES[name].body()

    def reached() -> str | None:
        text = stage.text()
        return None if differences(wanted, yaml.safe_load(text)) else text

    with ExitStack() as undo:
        undo.callback(_gone, iris)
        stage = Stage(rig, iris, undo)
        CAPTURES[name](stage)
        return until(
            reached,
            within=WITHIN_SECONDS,
            what=f"the object has the shape of {name}",
            now=lambda: f"{differences(wanted, iris.body())} in {stage.text()}",
        )


def _gone(iris: Deployed) -> None:
    """Delete the object and wait for its pods, so that the next one starts from nothing."""
    iris.delete()
    for pod in iris.pods():
        iris.kube.delete(PODS, iris.namespace, pod["metadata"]["name"], grace=0)
    until(
        lambda: not iris.kube.list(MODEL_DEPLOYMENTS, iris.namespace) and not iris.pods(),
        within=60,
        what=f"{iris} and its pods are gone",
    )


def main(names: list[str]) -> None:
    assert int(NAN) == BROKEN, "the states in memory and the registered models agree on the broken version"
    with raised(print) as rig:
        rig.kube.create(NAMESPACES, "", {"metadata": {"name": NAMESPACE, "labels": MINE | RESTRICTED}})
        rig.connect(NAMESPACE, "mlflow", rig.mlflow.uri)
        for name in names or CAPTURES:
            print(name, flush=True)
            testdata.path_of("ModelDeployment", name).write_text(capture(rig, name))
    testdata.main()


if __name__ == "__main__":
    main(sys.argv[1:])
