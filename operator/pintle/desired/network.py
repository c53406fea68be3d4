"""The Service, the flip of its selector, and the PodDisruptionBudget."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pintle.api import ModelDeployment
from pintle.desired import adoption
from pintle.desired.failures import failure
from pintle.desired.metadata import owned, precondition, put_back
from pintle.domain import Child, Create, Delete, Failure, Json, Patch, PodView, Record, Traffic
from pintle.domain.resources import BUDGETS, PODS, SERVICES
from pintle.naming import (
    ANNOTATION_AUTOSCALED,
    ANNOTATION_BAKED,
    ANNOTATION_RELEASED,
    ANNOTATION_ROLE,
    ANNOTATION_SINCE,
    ANNOTATION_STANDBY,
    LABEL_REVISION,
    child_labels,
    micro_timestamp,
    revision_selector,
    short_hash,
)

STANDBY_ROLE = "standby"
_BUDGET = {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"}


@dataclass(frozen=True, slots=True)
class Marks:
    """The Service's annotations: names of revisions here, hashes as they are stored."""

    since: datetime | None
    standby: str
    released: frozenset[str]

    def annotations(self) -> dict[str, str | None]:
        """As a merge patch writes them: what is empty is removed."""
        return {
            ANNOTATION_SINCE: micro_timestamp(self.since) if self.since else None,
            ANNOTATION_STANDBY: short_hash(self.standby) if self.standby else None,
            ANNOTATION_RELEASED: ",".join(sorted(map(short_hash, self.released))) or None,
        }


def ports() -> list[dict[str, Any]]:
    """Port 80 of the Service leads to the port named `http` of the pods."""
    return [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": adoption.POD_PORT}]


def port(traffic: Traffic | None) -> int:
    """The number by which clients know the Service: 80, or what an adopted one had."""
    if traffic is None or not adoption.is_adopted(traffic.body):
        return int(ports()[0]["port"])
    return int(traffic.body["spec"]["ports"][0]["port"])


def _moved_ports(service: Json) -> list[dict[str, Any]] | None:
    """The ports as they should be; None where they are."""
    found = service.get("spec", {}).get("ports") or []
    if adoption.is_adopted(service):
        wanted = adoption.leading_to_pods(service)
        return wanted if found != wanted else None
    shown = [{k: p.get(k) for k in one} for p, one in zip(found, ports(), strict=False)]
    return ports() if shown != ports() else None


def service_labels(deployment: ModelDeployment) -> dict[str, str]:
    """The labels of the Service; the endpoint slices copy them, which is how they are watched."""
    return dict(deployment.spec.service.labels) | child_labels(deployment.name)


def create_service(deployment: ModelDeployment, revision: str, marks: Marks) -> Create:
    """The first flip: the Service is made when something cleared can answer, not before."""
    annotations = dict(deployment.spec.service.annotations)
    annotations |= {k: v for k, v in marks.annotations().items() if v is not None}
    body = {
        "apiVersion": SERVICES.api_version,
        "kind": SERVICES.kind,
        "metadata": owned(deployment, deployment.name, service_labels(deployment), annotations),
        "spec": {
            "type": "ClusterIP",
            "selector": revision_selector(deployment.name, revision),
            "ports": ports(),
        },
    }
    return Create(SERVICES, deployment.name, body, why=f"send traffic to {revision}")


def adopt_service(deployment: ModelDeployment, found: Child, revision: str, marks: Marks) -> Patch:
    """The first flip, of a Service that was there before and whose owner lets it be taken over."""
    annotations = dict(deployment.spec.service.annotations) | marks.annotations()
    selector = revision_selector(deployment.name, revision)
    return adoption.adopt(deployment, found, service_labels(deployment), annotations, selector)


def flip(
    deployment: ModelDeployment,
    traffic: Traffic,
    revision: str,
    marks: Marks,
    failed: Failure | None = None,
) -> Patch:
    """Switch all traffic: one patch of one object, refused if anybody wrote the Service meanwhile.

    `failed` is noted in it, so that what is taken from a revision and why are never one without the other.
    """
    # A selector that somebody extended would leave the Service without pods: other keys go.
    selector: dict[str, str | None] = dict.fromkeys(traffic.body.get("spec", {}).get("selector") or {})
    body: dict[str, Any] = {
        "metadata": precondition(traffic)
        | {"annotations": marks.annotations() | _ends_bake(traffic, revision) | failure(failed)},
        "spec": {"selector": selector | revision_selector(deployment.name, revision)},
    }
    if adoption.is_adopted(traffic.body) and (moved := _moved_ports(traffic.body)):
        # Whoever put its selector back has put its ports back too, at which no pod of ours answers.
        body["spec"]["ports"] = moved
    return Patch(SERVICES, deployment.name, body, why=f"switch traffic to {revision}")


def led_away(deployment: ModelDeployment, traffic: Traffic) -> bool:
    """Whether an adopted Service was put back, wholly or in part, to where its owner had it lead.

    What applies it by a three-way merge adds keys to the selector, which no pod has all of then.
    """
    selector = traffic.body.get("spec", {}).get("selector") or {}
    elsewhere = selector != revision_selector(deployment.name, traffic.revision)
    return adoption.is_adopted(traffic.body) and (elsewhere or _moved_ports(traffic.body) is not None)


def _ends_bake(traffic: Traffic, revision: str) -> dict[str, str | None]:
    """Forget who has passed, but for a revision that gets back what somebody took from it."""
    passed = (traffic.body.get("metadata", {}).get("annotations") or {}).get(ANNOTATION_BAKED)
    return {ANNOTATION_BAKED: None} if passed not in (None, short_hash(revision)) else {}


def mark_baked(deployment: ModelDeployment, traffic: Traffic) -> Patch:
    """Note that what serves was watched for as long as was declared, and passed: it is watched no more."""
    body = {
        "metadata": precondition(traffic) | {"annotations": {ANNOTATION_BAKED: short_hash(traffic.revision)}}
    }
    why = f"watch {traffic.revision} no more: it has passed"
    return Patch(SERVICES, deployment.name, body, why)


def mark_service(deployment: ModelDeployment, traffic: Traffic, marks: Marks, why: str) -> Patch:
    """Change the marks alone. Where nothing changes, this still proves that nobody else flipped."""
    body = {"metadata": precondition(traffic) | {"annotations": marks.annotations()}}
    return Patch(SERVICES, deployment.name, body, why)


def mark_autoscaled(deployment: ModelDeployment, traffic: Traffic, replicas: int | None) -> Patch:
    """Note what `spec.replicas` is while it is overridden; None takes the note away."""
    value = None if replicas is None else str(replicas)
    body = {"metadata": precondition(traffic) | {"annotations": {ANNOTATION_AUTOSCALED: value}}}
    why = "what serves is autoscaled" if value else "what serves has spec.replicas pods"
    return Patch(SERVICES, deployment.name, body, why)


def repair_service(
    deployment: ModelDeployment, traffic: Traffic, now: datetime, left_alone: frozenset[str] = frozenset()
) -> Patch | None:
    """Put back ports, selector, and what `spec.service` declares; None where all is as it should be.

    `left_alone` are paths of what others keep changing, as in `Patch.repairs`.
    """
    metadata = traffic.body.get("metadata", {})
    spec = traffic.body.get("spec", {})
    annotations = _missing(deployment.spec.service.annotations, metadata.get("annotations") or {})
    if traffic.since is None:
        annotations[ANNOTATION_SINCE] = micro_timestamp(now)
    wanted = revision_selector(deployment.name, traffic.revision)
    found = spec.get("selector") or {}
    changes = {
        "metadata.labels": _missing(service_labels(deployment), metadata.get("labels") or {}),
        "metadata.annotations": annotations,
        "spec.selector": dict.fromkeys(found) | wanted if found != wanted else None,
        "spec.ports": _moved_ports(traffic.body),
    }
    changed = {path: value for path, value in changes.items() if value and path not in left_alone}
    return put_back(SERVICES, deployment.name, traffic, changed, called="the Service")


def _missing(wanted: Json, found: Json) -> dict[str, Any]:
    return {k: v for k, v in wanted.items() if found.get(k) != v}


def create_budget(deployment: ModelDeployment, revision: str) -> Create:
    """At most one serving pod is evicted at a time; pods that are not ready never block a drain."""
    body = {
        "apiVersion": BUDGETS.api_version,
        "kind": BUDGETS.kind,
        "metadata": owned(deployment, deployment.name, child_labels(deployment.name)),
        "spec": {
            **_BUDGET,
            "selector": {"matchLabels": revision_selector(deployment.name, revision)},
        },
    }
    return Create(BUDGETS, deployment.name, body, why=f"protect the pods of {revision}")


def repair_budget(deployment: ModelDeployment, budget: Child, revision: str) -> Patch | None:
    """Move the budget to the revision that serves: one over all revisions would block drains."""
    spec = budget.body.get("spec", {})
    selector: dict[str, Any] = {"matchLabels": revision_selector(deployment.name, revision)}
    wanted = {**_BUDGET, "minAvailable": None, "selector": selector}
    changed = [name for name, value in wanted.items() if spec.get(name) != value]
    if not changed:
        return None
    labels = dict.fromkeys((spec.get("selector") or {}).get("matchLabels") or {})
    selector |= {"matchLabels": labels | selector["matchLabels"], "matchExpressions": None}
    body = {"metadata": precondition(budget), "spec": wanted | {"selector": selector}}
    why = f"move the disruption budget to {revision}"
    return Patch(BUDGETS, budget.name, body, why, repairs=tuple(f"spec.{name}" for name in changed))


def delete_budget(budget: Child) -> Delete:
    """Take the budget away where `spec.disruptionBudget` is None."""
    return Delete(
        BUDGETS, budget.name, budget.uid, budget.resource_version, why="no disruption budget is declared"
    )


def mark_pods(pods: Iterable[PodView], serving: Record, standby: Record | None) -> tuple[Patch, ...]:
    """Tell pods their role, where it is not what it should be.

    Only pods of the standby are marked; a serving pod that says nothing keeps its connections,
    so a replacement that comes up without an operator does the right thing.
    """
    patches = []
    roles = {standby.name: STANDBY_ROLE} if standby else {}
    roles[serving.name] = ""
    for pod in pods:
        role = roles.get(pod.revision, pod.role)
        if pod.role != role and not pod.deleting:
            body = {"metadata": {"uid": pod.uid, "annotations": {ANNOTATION_ROLE: role or None}}}
            why = f"tell {pod.name} that it is {role or 'serving'}"
            patches.append(Patch(PODS, pod.name, body, why, repairs=("metadata.annotations",)))
    return tuple(patches)


def selected_revision(service: Json) -> str:
    """The revision that a Service's selector names, or ""."""
    return str((service.get("spec", {}).get("selector") or {}).get(LABEL_REVISION, ""))
