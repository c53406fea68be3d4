"""The two that serve the same versions side by side: one way to declare, one way to ask how far they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from demo.kube import Json, Kube, documents
from demo.manifests import Manifests
from demo.traffic import Declared, Target

REPLICAS = 2
MEMORY = "512Mi"
MORE_MEMORY = "640Mi"


@dataclass(frozen=True)
class Wanted:
    """What is declared: a version, and the memory that its pods ask for."""

    model: str
    version: str
    uri: str
    memory: str = MEMORY


class Side(Protocol):
    """What the story needs of either side. `allowed` is which versions may answer, and since when."""

    title: str
    target: str
    path: str
    allowed: Declared | None

    def documents(self, wanted: Wanted) -> list[Json]:
        """The manifest, as Git would have it."""

    def arrived(self, wanted: Wanted) -> bool:
        """Whether what is wanted serves, by the side's own account."""

    def revision(self, wanted: Wanted) -> str:
        """What the answers of what is wanted carry as their revision."""


@dataclass
class PintleSide:
    """The ModelDeployment `iris`."""

    kube: Kube
    manifests: Manifests
    title: str = "Pintle"
    target: str = "pintle"
    path: str = "/apis/pintle.dev/v1alpha1/namespaces/demo/modeldeployments/iris"
    allowed: Declared | None = None

    def documents(self, wanted: Wanted) -> list[Json]:
        values = {"model": wanted.model, "version": wanted.version, "memory": wanted.memory}
        return documents(self.manifests.render("pintle.yaml", **values))

    def arrived(self, wanted: Wanted) -> bool:
        state = self.state()
        return state.is_ready and state.serving == wanted.version

    def revision(self, wanted: Wanted) -> str:
        del wanted  # status says it
        return self.state().revision

    def state(self) -> "State":
        return State.of(self.kube.get(self.path) or {})


@dataclass(frozen=True)
class State:
    """What the ModelDeployment's status says; `reason` and `is_ready` only if it is of this generation."""

    serving: str = ""
    revision: str = ""
    standby: str = ""
    is_ready: bool = False
    reason: str = ""
    message: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, body: Json) -> "State":
        status = body.get("status", {})
        generation = body.get("metadata", {}).get("generation")
        ready: Json = next((one for one in status.get("conditions", []) if one["type"] == "Ready"), {})
        fresh = status.get("observedGeneration") == generation == ready.get("observedGeneration")
        return cls(
            serving=status.get("serving", {}).get("version", ""),
            revision=status.get("serving", {}).get("revision", ""),
            standby=status.get("standby", {}).get("version", ""),
            is_ready=fresh and ready.get("status") == "True",
            reason=ready.get("reason", "") if fresh else "",
            message=ready.get("message", "") if fresh else "",
            spec=body.get("spec", {}),
        )


@dataclass
class PlainSide:
    """The Deployment `iris-plain` with its rolling update."""

    kube: Kube
    manifests: Manifests
    title: str = "Plain Deployment"
    target: str = "plain"
    path: str = "/apis/apps/v1/namespaces/demo/deployments/iris-plain"
    allowed: Declared | None = None

    def documents(self, wanted: Wanted) -> list[Json]:
        values = {"model": wanted.model, "version": wanted.version, "memory": wanted.memory}
        return documents(self.manifests.render("plain.yaml", uri=wanted.uri, **values))

    def arrived(self, wanted: Wanted) -> bool:
        """What `kubectl rollout status` waits for."""
        body = self.kube.get(self.path) or {}
        status = body.get("status", {})
        counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")}
        seen = status.get("observedGeneration") == body.get("metadata", {}).get("generation")
        return bool(seen) and counts == {REPLICAS} and self._declares(body, wanted)

    def revision(self, wanted: Wanted) -> str:
        return f"{wanted.version}-{wanted.memory}"

    def _declares(self, body: Json, wanted: Wanted) -> bool:
        arguments = body["spec"]["template"]["spec"]["containers"][0]["args"]
        return f"--header=model-revision:{self.revision(wanted)}" in arguments


def targets(example: str, rate: float) -> list[Target]:
    """To both Services, at the same rate: predictions, or without an example a question for readiness."""
    path = "/invocations" if example else "/ping"
    pintle = Target("pintle", "iris.demo.svc", path=path, body=example, rate=rate)
    plain = replace(pintle, name="plain", host="iris-plain.demo.svc", version_header="model-version")
    return [pintle, replace(plain, revision_header="model-revision")]
