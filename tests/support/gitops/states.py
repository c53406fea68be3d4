"""Every state that a tool may meet a ModelDeployment in, brought about in the world in memory.

What a state looks like is what the operator's own reconciler writes there; nothing is written by hand.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pintle.domain.resources import MODEL_DEPLOYMENTS, PODS
from pintle.naming import ANNOTATION_PROMOTE, ANNOTATION_REJECT, LABEL_VERSION
from tests.support.canary_world import CanaryWorld
from tests.support.fake_api_server import Body
from tests.support.fake_pods import Failure, Fate, Stage
from tests.support.gitops.canary_states import HELD, commanded, held, paused
from tests.support.world import NAME, NAMESPACE, World

# What is registered: those of the end-to-end tests, of which version 4 answers NaN.
VERSIONS = ("1", "2", "3", "4")
BROKEN, ABSENT = 4, 99
RUNNING = 8.0  # seconds: enough for the pods of this world to come up or to fail, and to be counted
_NO_MEMORY = Failure("serve", 137)
_NAN = Failure("serve", 15, "ProofFailed", "prediction[0] is NaN")


@dataclass(frozen=True, slots=True)
class State:
    """A state, and what each tool is to make of it: the table in docs/gitops/README.md.

    `wait_ready`, `wait_available`: whether `kubectl wait --for=condition=...` returns.
    `expressions`: the word of docs/gitops/flux/kustomization.yaml, where it is not that of kstatus.
    `argo_message`: what Argo CD says, where it is not the message of Ready.
    `gateway`: whether the cluster has the Gateway API.
    """

    build: Callable[[World], None]
    argo: str
    kstatus: str
    wait_ready: bool = False
    wait_available: bool = True
    expressions: str = ""
    argo_message: str = ""
    gateway: bool = False

    def body(self) -> Body:
        """The object, in that state."""
        world = CanaryWorld(*VERSIONS, served=self.gateway)
        self.build(world)
        return world.body


def _serving(world: World, **spec: object) -> None:
    world.apply(**{"version": 1, "replicas": 2} | spec)
    world.run(RUNNING)
    assert world.condition()["status"] == "True", world.condition()


def _candidate(world: World, fate: Fate, version: int = 2) -> None:
    """Declare a version whose pods have this fate, while version 1 serves."""
    _serving(world)
    kubelet = world.controllers.kubelet
    kubelet.fates[world.revision("1")] = kubelet.fate
    kubelet.fate = fate
    world.apply(version=version)
    world.run(RUNNING)


def _created(world: World) -> None:
    world.apply(version=1, replicas=2)


def _starting(world: World) -> None:
    world.apply(version=1, replicas=2)
    world.run(0.25)


def _changed(world: World) -> None:
    _serving(world)
    world.apply(version=2)


def _degraded(world: World) -> None:
    _serving(world)
    pod = world.api.objects(PODS)[0]["metadata"]["name"]
    world.controllers.kubelet.unready(NAMESPACE, pod)
    world.controllers.step()
    world.operate()


def _registry_unavailable(world: World) -> None:
    _serving(world)
    world.answers.failure = ("RegistryUnavailable", "registry mlflow does not answer: connection refused")
    world.apply(version=2)
    world.run(RUNNING)


def _version_not_found(world: World) -> None:
    _serving(world)
    world.apply(version=ABSENT)
    world.run(RUNNING)


def _first(world: World, **spec: object) -> None:
    world.apply(version=1, replicas=2, **spec)
    world.run(RUNNING)


def _registry_not_found(world: World) -> None:
    _first(world, registryRef={"name": "absent"})


def _rejected_by_user(world: World) -> None:
    _serving(world)
    world.apply(version=2)
    world.run(RUNNING)
    world.annotate(**{ANNOTATION_REJECT: "version/2"})
    world.run(RUNNING)


def _suspended(world: World) -> None:
    _serving(world)
    world.apply(version=2, suspend=True)
    world.run(RUNNING)


def _suspended_serving(world: World) -> None:
    _serving(world)
    world.apply(suspend=True)
    world.run(RUNNING)


def _scaled_to_zero(world: World) -> None:
    _serving(world)
    world.apply(version=2, replicas=0)
    world.run(RUNNING)


def _scaled_to_zero_serving(world: World) -> None:
    _serving(world)
    world.apply(replicas=0)
    world.run(RUNNING)


def _terminating(world: World) -> None:
    """Somebody's finalizer holds it; Pintle has none."""
    _serving(world)
    metadata = {"metadata": {"finalizers": ["example.com/hold"]}}
    world.api.patch(MODEL_DEPLOYMENTS, NAMESPACE, NAME, metadata)
    world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, NAME)


def _proving(world: World) -> None:
    _candidate(world, Fate(until=Stage.SERVING))


def _candidate_starting(world: World) -> None:
    _candidate(world, Fate(until=Stage.SCHEDULED))


def _candidate_degraded(world: World) -> None:
    """Its containers end again and again, for want of memory: no fault of the version."""
    _candidate(world, Fate(until=Stage.SERVING))
    for _ in range(2):
        for pod in world.api.objects(PODS, labels=f"{LABEL_VERSION}=2"):
            world.controllers.kubelet.crash(NAMESPACE, pod["metadata"]["name"], _NO_MEMORY)
        world.run(RUNNING)


def _insufficient_capacity(world: World) -> None:
    _candidate(world, Fate(unschedulable="0/1 nodes are available: 1 Insufficient memory."))
    world.run(120)


def _image_pull_failed(world: World) -> None:
    _candidate(world, Fate(image_problem="ErrImagePull"))


def _proof_failed(world: World) -> None:
    _candidate(world, Fate(failure=_NAN), BROKEN)


def _first_proof_failed(world: World) -> None:
    world.controllers.kubelet.fate = Fate(failure=_NAN)
    world.apply(version=BROKEN, replicas=2)
    world.run(RUNNING)


_UNSEEN = "Waiting for Pintle to see this change"

STATES = {
    "created": State(_created, "Progressing", "InProgress", wait_available=False, argo_message=_UNSEEN),
    "starting": State(_starting, "Progressing", "InProgress", wait_available=False),
    "serving": State(_serving, "Healthy", "Current", wait_ready=True),
    "changed": State(_changed, "Progressing", "InProgress", wait_available=False, argo_message=_UNSEEN),
    "candidate-starting": State(_candidate_starting, "Progressing", "InProgress"),
    "proving": State(_proving, "Progressing", "InProgress"),
    "degraded": State(_degraded, "Progressing", "InProgress", wait_available=False),
    "candidate-degraded": State(_candidate_degraded, "Progressing", "InProgress"),
    "registry-unavailable": State(_registry_unavailable, "Progressing", "InProgress"),
    "insufficient-capacity": State(_insufficient_capacity, "Progressing", "InProgress"),
    "image-pull-failed": State(_image_pull_failed, "Progressing", "InProgress"),
    "proof-failed": State(_proof_failed, "Degraded", "Failed"),
    "first-proof-failed": State(_first_proof_failed, "Degraded", "Failed", wait_available=False),
    "version-not-found": State(_version_not_found, "Degraded", "Failed"),
    "registry-not-found": State(_registry_not_found, "Degraded", "Failed", wait_available=False),
    "rejected-by-user": State(_rejected_by_user, "Degraded", "Failed"),
    "canary": State(paused, "Progressing", "InProgress", gateway=True),
    "awaiting-promotion": State(
        held,
        "Suspended",
        "InProgress",
        expressions="Current",
        gateway=True,
    ),
    "promoted": State(
        lambda world: commanded(world, ANNOTATION_PROMOTE),
        "Healthy",
        "Current",
        wait_ready=True,
        gateway=True,
    ),
    "rejected-in-canary": State(
        lambda world: commanded(world, ANNOTATION_REJECT, "version/2"), "Degraded", "Failed", gateway=True
    ),
    "gateway-not-found": State(lambda world: _first(world, **HELD), "Degraded", "Failed"),
    "suspended": State(_suspended, "Suspended", "InProgress", expressions="Current"),
    "suspended-serving": State(_suspended_serving, "Healthy", "Current", wait_ready=True),
    "scaled-to-zero": State(_scaled_to_zero, "Suspended", "InProgress", expressions="Current"),
    "scaled-to-zero-serving": State(_scaled_to_zero_serving, "Healthy", "Current", wait_ready=True),
    "terminating": State(
        _terminating,
        "Progressing",
        "Terminating",
        wait_available=False,
        expressions="InProgress",
        argo_message="Being deleted",
    ),
}
