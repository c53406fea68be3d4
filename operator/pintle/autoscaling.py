"""`spec.autoscaling`: the HorizontalPodAutoscaler of what serves, and what is said of it.

It writes one Deployment at a time, that of what serves, and follows a switch of the traffic *after* it:
a candidate, which has no load yet, would lose its pods before they are needed. What it has found is what the
operator goes by, so the two never write different numbers: see `sizes`.
"""

from collections.abc import Iterator

from pintle import routing
from pintle.api import Autoscaling
from pintle.conditions import Condition, Reason, Type
from pintle.desired import autoscaler
from pintle.domain import Action, Observed, Record
from pintle.domain.resources import AUTOSCALERS
from pintle.roles import Roles


def upkeep(observed: Observed, serving: Record) -> Iterator[Action]:
    """Make, move, repair and take away the autoscaler."""
    deployment, existing = observed.deployment, observed.autoscaler
    scaling = deployment.spec.autoscaling
    if existing is not None and existing.deleting:
        return
    if scaling is None:
        if existing:
            yield autoscaler.delete(existing, "no autoscaling is declared")
    elif not has_cpu_request(serving):
        if existing:
            yield autoscaler.delete(existing, f"{serving.name} requests no CPU")
    elif existing:
        wanted = autoscaler.spec(scaling, serving.name, _least(observed, scaling, serving))
        left_alone = observed.left_alone(AUTOSCALERS.kind, deployment.name)
        if repair := autoscaler.repair(deployment, existing, wanted, left_alone):
            yield repair
    elif observed.traffic and observed.traffic.autoscaled is not None:
        # Not before it is on record: what is scaled from here on is not dropped when this is turned off.
        wanted = autoscaler.spec(scaling, serving.name, _least(observed, scaling, serving))
        yield autoscaler.create(deployment, wanted)


def without_serving(observed: Observed) -> Iterator[Action]:
    """Take away what scales something that does not serve: it would undo how a candidate is to start."""
    existing = observed.autoscaler
    if existing is not None and not existing.deleting:
        yield autoscaler.delete(existing, "nothing serves that could be scaled")


def _least(observed: Observed, scaling: Autoscaling, serving: Record) -> int:
    """The fewest pods that what serves may be scaled to.

    While a canary has a share, what serves keeps the pods that it needs when that share comes back at once.
    """
    name, _ = routing.share(observed)
    canary = observed.workloads.get(name)
    if canary is None or name == serving.name:
        return scaling.min_replicas
    return scaling.bounded(canary.replicas)


def has_cpu_request(record: Record) -> bool:
    """Whether the container that serves requests any CPU, which utilization is a percentage of."""
    containers = record.template.get("spec", {}).get("containers") or ()
    for container in containers:
        if container.get("name") == "serve":
            resources = container.get("resources") or {}
            # Where there is a limit alone, the API server takes it for the request.
            limited = (resources.get("limits") or {}).get("cpu", "0")
            requested = str((resources.get("requests") or {}).get("cpu", limited))
            return any(digit in requested for digit in "123456789")
    return False


def conditions(observed: Observed, current: Roles) -> tuple[Condition, ...]:
    """`ScalingActive`, where autoscaling is declared."""
    scaling = observed.deployment.spec.autoscaling
    if scaling is None:
        return ()
    name, serving, found = observed.deployment.name, current.serving, observed.autoscaler
    who = f"HorizontalPodAutoscaler {name}"
    status: bool | None = None
    reason, text = Reason.STARTING, f"{who} has not said yet whether it can scale"
    if serving is None:
        text = "nothing serves yet that could be scaled"
    elif not has_cpu_request(serving):
        status, reason = False, Reason.NO_CPU_REQUEST
        text = (
            f"{serving.name} requests no CPU, which utilization is a percentage of, and is not scaled: write"
            f" spec.resources.requests.cpu, or have it in ModelRuntime {serving.runtime.name}"
        )
    elif found and found.revision == serving.name and found.active is not None:
        status = found.active
        reason = Reason.SCALING if status else Reason.NO_METRICS
        text = (
            f"{who} scales from {scaling.min_replicas} to {scaling.max_replicas} pods by"
            f" {scaling.target_cpu_utilization_percentage} % of the CPU that they request; spec.replicas and"
            " /scale do not change that"
            if status
            else f"{who} cannot scale: {found.words}"
        )
    return (Condition(Type.SCALING_ACTIVE, status, reason, text),)
