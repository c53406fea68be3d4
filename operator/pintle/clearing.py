"""When a candidate is cleared: what it is looked at as, and the mark that it gets (design section 6)."""

from datetime import datetime

from pintle import sizes
from pintle.desired import workload
from pintle.domain import Action, Cleared, Observed, Record, Workload
from pintle.policies import Candidate
from pintle.roles import pods_of


def changed_template(observed: Observed, target: Record, existing: Workload) -> Action | None:
    """What has to be done before a revision is cleared, so that what is cleared is what was recorded.

    The API server fills in defaults, so only its own answer tells what a record's template looks like:
    the answer to the Deployment's creation, or after a restart, that to a PUT that stores nothing.
    """
    if target.cleared:
        return None
    baseline = observed.baselines.get(target.name)
    if baseline is None:
        return workload.probe_template(existing, target)
    if existing.template_hash != baseline:
        return workload.restore_template(existing, target, baseline)
    return None


def candidate(observed: Observed, target: Record, now: datetime) -> Candidate:
    """What the policies look at."""
    spec = observed.deployment.spec
    return Candidate(
        record=target,
        workload=observed.workloads.get(target.name),
        pods=pods_of(observed, target),
        replicas=sizes.of_candidate(observed, target.name),
        progress_deadline_seconds=spec.rollout.progress_deadline_seconds,
        capacity_wait_seconds=spec.rollout.capacity_wait_seconds,
        now=now,
    )


def all_ready(candidate: Candidate) -> bool:
    """All asked-for pods are ready at once.

    The Deployment must say so too: pods of a deleted ModelDeployment of the same name carry the
    same labels until garbage collection gets to them, and are none of this Deployment's.
    """
    wanted = candidate.replicas
    return candidate.ready >= wanted and candidate.workload is not None and candidate.workload.ready >= wanted


def proven(candidate: Candidate, now: datetime) -> Cleared | None:
    """The mark of a candidate all of whose pods are ready: None while one has not reported its digest."""
    ready = [p for p in candidate.pods if p.ready]
    if candidate.workload is None or not all(p.content_digest for p in ready):
        return None
    mode = candidate.record.shape.get("rollout", {}).get("proof", {}).get("mode", "Auto")
    has_example = all(p.example for p in ready)
    return Cleared(
        content_digest=ready[0].content_digest,
        environment_digest=ready[0].environment_digest,
        proof="skipped" if mode == "Skip" else "passed" if has_example or candidate.record.cases else "none",
        template_hash=candidate.workload.template_hash,
        time=now,
    )
