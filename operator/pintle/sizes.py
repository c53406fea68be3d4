"""How many pods a revision is to have: as declared, or as an autoscaler has found that the load asks for.

Under `spec.autoscaling` the number is kept where the HorizontalPodAutoscaler writes it, in the Deployment of
what serves, and nowhere else. So is it after autoscaling was turned off, until `spec.replicas` is edited: to
turn something on or off says nothing of how many pods the load needs.
"""

from pintle.domain import Observed


def is_found(observed: Observed) -> bool:
    """Whether the number is what was found under load, and not the declared one."""
    return observed.deployment.spec.autoscaling is not None or _is_held(observed)


def _is_held(observed: Observed) -> bool:
    """Whether autoscaling has been turned off, and `spec.replicas` not been edited since it was on."""
    spec, traffic = observed.deployment.spec, observed.traffic
    was_on = spec.autoscaling is None and traffic is not None and traffic.autoscaled == spec.replicas
    return was_on and _now(observed) > spec.replicas


def _now(observed: Observed) -> int:
    """Pods that what serves is to have, as its Deployment says; 0 where there is none."""
    serving = observed.workloads.get(observed.traffic.revision) if observed.traffic else None
    return serving.replicas if serving else 0


def size(observed: Observed) -> int:
    """Pods that what serves is to have, and a candidate with it."""
    spec = observed.deployment.spec
    if spec.autoscaling is None:
        return _now(observed) if _is_held(observed) else spec.replicas
    if now := _now(observed):
        return max(now, spec.autoscaling.min_replicas)
    # Nothing serves, or its Deployment is gone or has been stopped: as the autoscaler had it last.
    scaled, traffic = observed.autoscaler, observed.traffic
    last = scaled.desired if scaled and traffic and scaled.revision == traffic.revision else 0
    return spec.autoscaling.bounded(max(spec.replicas, last))


def of_candidate(observed: Observed, revision: str) -> int:
    """Pods that a candidate is to have before it takes the traffic.

    It loses none while what serves is scaled down: with a share of a route, for what it has taken over.
    """
    scaling, existing = observed.deployment.spec.autoscaling, observed.workloads.get(revision)
    wanted = size(observed)
    return max(wanted, min(existing.replicas, scaling.max_replicas)) if scaling and existing else wanted


def asked(observed: Observed) -> int:
    """Pods that have to be there, by what is declared: those on top of it are on their way at any time."""
    spec = observed.deployment.spec
    return spec.autoscaling.min_replicas if spec.autoscaling else spec.replicas


def mark(observed: Observed) -> int | None:
    """What the Service is to say of `spec.replicas`: how it is known later that it was not edited."""
    spec = observed.deployment.spec
    return spec.replicas if spec.autoscaling or _is_held(observed) else None


def told(observed: Observed) -> str:
    """Why there are not `spec.replicas` pods, to follow the number in a message."""
    spec = observed.deployment.spec
    if spec.autoscaling:
        least, most = spec.autoscaling.min_replicas, spec.autoscaling.max_replicas
        return f"; autoscaled from {least} to {most}, which spec.replicas and /scale do not change"
    if _is_held(observed):
        return "; as many as when autoscaling was turned off, until spec.replicas is edited"
    return ""
