"""A ModelDeployment on a real cluster: editing it, and waiting for what becomes of it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from typing_extensions import override

from pintle import naming
from pintle.domain import Resource
from pintle.domain.resources import (
    BUDGETS,
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    MODEL_DEPLOYMENTS,
    PODS,
    SERVICES,
)
from tests.support.kube import Kube
from tests.support.rest import Json
from tests.support.waiting import until

# A pod's three steps take seconds each on two busy cores.
START_SECONDS = 180.0
_BOOKKEEPING = ("resourceVersion", "managedFields")
OWNED = (CONTROLLER_REVISIONS, CONFIG_MAPS, DEPLOYMENTS, SERVICES, BUDGETS)


@dataclass(frozen=True)
class Deployed:
    """One ModelDeployment, by name."""

    kube: Kube
    namespace: str
    name: str = "iris"

    def create(self, **spec: Any) -> Json:  # noqa: ANN401 - the fields of a spec
        """Make it, of model iris in registry mlflow unless `spec` says otherwise."""
        whole = {"registryRef": {"name": "mlflow"}, "model": "iris", **spec}
        body = {"metadata": {"name": self.name}, "spec": whole}
        return self.kube.create(MODEL_DEPLOYMENTS, self.namespace, body)

    def serve(self, first: str, *later: str, **spec: Any) -> Self:  # noqa: ANN401 - the fields of a spec
        """Make it, and have these versions serve one after the other: the last but one stands by."""
        self.create(version=int(first), **spec)
        self.ready(first)
        for version in later:
            self.edit(version=int(version))
            self.ready(version)
        return self

    def edit(self, **spec: Any) -> Json:  # noqa: ANN401 - the fields of a spec
        """Change fields of its spec; None removes one."""
        return self.kube.merge(MODEL_DEPLOYMENTS, self.namespace, self.name, {"spec": spec})

    def annotate(self, **metadata: Any) -> Json:  # noqa: ANN401 - labels and annotations
        """Change its labels and annotations."""
        return self.kube.merge(MODEL_DEPLOYMENTS, self.namespace, self.name, {"metadata": metadata})

    def body(self) -> Json:
        """It, as it is now."""
        return self.kube.get(MODEL_DEPLOYMENTS, self.namespace, self.name)

    def delete(self) -> None:
        """Delete it, as `kubectl delete` does."""
        self.kube.delete(MODEL_DEPLOYMENTS, self.namespace, self.name)

    def ready(self, version: str, *, within: float = START_SECONDS) -> Json:
        """Wait until it is Ready with this version, for what its spec says now."""

        def done() -> Json | None:
            body = self.body()
            return body if is_ready(body, version) else None

        return until(done, within=within, what=f"{self} is Ready with version {version}", now=self._summary)

    def refused(self, *reasons: str, within: float = START_SECONDS) -> Json:
        """Wait until it is not Ready for one of these reasons, for what its spec says now."""

        def done() -> Json | None:
            body = self.body()
            ready = condition(body, "Ready")
            fresh = body["status"].get("observedGeneration") == body["metadata"]["generation"]
            return body if fresh and ready["status"] == "False" and ready["reason"] in reasons else None

        what = f"{self} is not Ready, the reason being {' or '.join(reasons)}"
        return until(done, within=within, what=what, now=self._summary)

    def children(self, resource: Resource) -> list[Json]:
        """Its children of a kind; of pods and endpoint slices, those that carry its name."""
        return self.kube.list(resource, self.namespace, f"{naming.LABEL_DEPLOYMENT}={self.name}")

    def children_but_status(self) -> dict[tuple[str, str], Json]:
        """Kind and name -> all of a child but its status; of a pod, how often it was restarted too."""
        found = {}
        for kind in (*OWNED, PODS):
            for child in self.children(kind):
                kept = {k: v for k, v in child.items() if k not in ("metadata", "status")}
                metadata = {k: v for k, v in child["metadata"].items() if k not in _BOOKKEEPING}
                more = {"restarts": restarts(child)} if kind is PODS else {}
                found[kind.plural, child["metadata"]["name"]] = {**kept, "metadata": metadata, **more}
        return found

    def pods(self, version: str | None = None) -> list[Json]:
        """Its pods, or those of one version."""
        pods = self.children(PODS)
        return [p for p in pods if version in (None, p["metadata"]["labels"][naming.LABEL_VERSION])]

    def records(self) -> list[Json]:
        """The records of its revisions, oldest first."""
        return sorted(self.children(CONTROLLER_REVISIONS), key=lambda record: record["revision"])

    def pods_of(self, revision: str) -> list[Json]:
        """The pods of one revision."""
        return [p for p in self.pods() if p["metadata"]["labels"][naming.LABEL_REVISION] == revision]

    def serving_pods(self) -> dict[str, int]:
        """UID -> restarts, of the pods that the Service sends requests to."""
        slices = self.kube.list(ENDPOINT_SLICES, self.namespace, f"kubernetes.io/service-name={self.name}")
        endpoints = [e for s in slices for e in s.get("endpoints") or ()]
        behind = {e["targetRef"]["uid"] for e in endpoints if e["conditions"].get("ready")}
        return {p["metadata"]["uid"]: restarts(p) for p in self.pods() if p["metadata"]["uid"] in behind}

    def serving_pods_of(self, version: str) -> dict[str, int]:
        """UID -> restarts, of the ready pods of a version, be they behind the Service or not."""
        return {
            p["metadata"]["uid"]: restarts(p)
            for p in self.pods(version)
            if "deletionTimestamp" not in p["metadata"]
        }

    def uids(self, version: str | None = None) -> set[str]:
        """UIDs of its pods, or of those of one version."""
        return {p["metadata"]["uid"] for p in self.pods(version)}

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """See that the pods that serve now are the same after the block, and none of them restarted."""
        before = self.serving_pods()
        assert before, f"{self}: nothing serves"
        yield
        after = {p["metadata"]["uid"]: restarts(p) for p in self.pods()}
        assert {uid: after.get(uid) for uid in before} == before, f"{self}: serving pods were touched"

    def _summary(self) -> str:
        status = self.body().get("status", {})
        conditions = [
            (c["type"], c["status"], c["reason"], c["message"]) for c in status.get("conditions", ())
        ]
        members = {k: status.get(k) for k in ("observedGeneration", "serving", "candidate", "rollout")}
        return f"{members} {conditions}"

    @override
    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def condition(body: Json, kind: str) -> Json:
    """A condition of an object; one that is not there is Unknown."""
    missing: Json = {"type": kind, "status": "Unknown", "reason": "", "message": ""}
    found = body.get("status", {}).get("conditions", ())
    return next((c for c in found if c["type"] == kind), missing)


def is_ready(body: Json, version: str | None = None) -> bool:
    """Whether Ready is True for what the spec says, with this version."""
    status: Json = body.get("status", {})
    ready = condition(body, "Ready")
    fresh = (
        status.get("observedGeneration") == ready.get("observedGeneration") == body["metadata"]["generation"]
    )
    serves = version is None or status.get("serving", {}).get("version") == version
    return bool(fresh) and ready["status"] == "True" and serves


def restarts(pod: Json) -> int:
    """How often containers of a pod were started again."""
    return sum(c["restartCount"] for c in pod["status"].get("containerStatuses", ()))


def ended(pod: Json) -> float | None:
    """When a container of a pod first failed (seconds since 1970, whole seconds), or None."""
    statuses = pod["status"].get("initContainerStatuses", []) + pod["status"].get("containerStatuses", [])
    states = [c[where].get("terminated") for c in statuses for where in ("state", "lastState") if where in c]
    times = [s["finishedAt"] for s in states if s and s["exitCode"] != 0]
    return min(map(epoch, times), default=None)


def fetched(pods: Iterable[Json]) -> list[float]:
    """When each of those pods that have their artifact had it (seconds since 1970, whole seconds)."""
    statuses = [c for pod in pods for c in pod["status"].get("initContainerStatuses", ())]
    states = [c["state"].get("terminated") for c in statuses if c["name"] == "fetch"]
    return [epoch(s["finishedAt"]) for s in states if s and s["exitCode"] == 0]


def epoch(text: str) -> float:
    """A time as the API server writes it, in seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()
