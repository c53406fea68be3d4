"""Ordered, named checks of a candidate: is it to be rejected, and if not, what does it wait for?

Each check reads as a fact and answers with a `Finding` or None; the first finding stands
(cert-manager's policy chains are the model). A version is rejected only for what is its own
fault: exits that the runtime classified, content that differs, or a deadline that counted while
it could run. Evictions, memory, nodes and registries are never its fault by themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pintle.conditions import Reason
from pintle.domain import Exit, PodView, Record, Workload

# Exit codes of the runtime's steps: part of the contract with the image (docs/runtime.md).
TERMINAL_EXITS = {
    10: Reason.FETCH_FAILED,
    11: Reason.ARTIFACT_CHANGED,
    12: Reason.UNSAFE_ARTIFACT,
    13: Reason.UNSAFE_REQUIREMENT,
    14: Reason.LOAD_FAILED,
    15: Reason.PROOF_FAILED,
}
# A container's end and the pod's ceasing to be ready are two time stamps of one event, in whole seconds.
EXIT_SLACK = timedelta(seconds=5)
# From this many unclassified exits on, a candidate is Degraded rather than Starting.
DEGRADED_AFTER_EXITS = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the checks look at: one revision on its way to traffic."""

    record: Record
    workload: Workload | None
    pods: tuple[PodView, ...]
    replicas: int
    progress_deadline_seconds: int
    capacity_wait_seconds: int
    now: datetime

    @property
    def ready(self) -> int:
        """Pods that answer and stay."""
        return sum(p.ready for p in self.pods)

    @property
    def own(self) -> tuple[PodView, ...]:
        """The pods that can be of its Deployment: nothing is rejected for what others did.

        Pods of a deleted ModelDeployment of the same name carry the same labels until garbage collection
        gets to them, which may be after the Deployment of the new one was made.
        """
        if self.workload is None:
            return ()
        created = self.workload.created
        return tuple(p for p in self.pods if created is None or p.created >= created)

    @property
    def name(self) -> str:
        """The model and version, for messages."""
        return f"{self.record.identity.model} version {self.record.version}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's answer. `recheck` is when the same check may say something else by time alone."""

    reason: Reason
    message: str
    recheck: datetime | None = None


Check = Callable[[Candidate], Finding | None]


def _terminal_exit(candidate: Candidate) -> tuple[PodView, Exit] | None:
    for pod in candidate.own:
        for ended in pod.exits:
            if ended.code in TERMINAL_EXITS and not _recovered(pod, ended):
                return pod, ended
    return None


def _recovered(pod: PodView, ended: Exit) -> bool:
    """Whether a pod has been ready since an exit: the kubelet keeps the last one for as long as the pod."""
    if ended.time is None or pod.unready_since is None:
        return pod.ready
    return ended.time < pod.unready_since - EXIT_SLACK


def runtime_refused_it(candidate: Candidate) -> Finding | None:
    """A step ended with a terminal exit code, and no pod shows that the version can do better."""
    found = _terminal_exit(candidate)
    if found is None or candidate.ready:
        return None
    pod, ended = found
    reason = TERMINAL_EXITS[ended.code]
    return Finding(reason, f"{candidate.name}: {ended.message or f'exit code {ended.code}'} (pod {pod.name})")


def contents_differ(candidate: Candidate) -> Finding | None:
    """Two pods fetched different bytes, or other bytes than those that were pinned."""
    digests = {p.content_digest for p in candidate.own if p.content_digest}
    if candidate.record.content_digest:
        digests.add(candidate.record.content_digest)
    if len(digests) <= 1:
        return None
    shown = " and ".join(sorted(d[:19] for d in digests))
    return Finding(
        Reason.ARTIFACT_CHANGED,
        f"{candidate.name}: its artifact changed while it was fetched ({shown}); "
        "register the model again, or set a new spec.rolloutToken",
    )


def deadline_passed(candidate: Candidate) -> Finding | None:
    """`serve` has run for progressDeadlineSeconds without all pods being ready."""
    deadline = _deadline(candidate)
    if deadline is None or candidate.now < deadline:
        return None
    last = next((e for p in candidate.own for e in p.exits), None)
    why = f"; last exit: code {last.code} {last.reason} {last.message}".rstrip() if last else ""
    return Finding(
        Reason.DEADLINE_EXCEEDED,
        f"{candidate.name}: {candidate.ready} of {candidate.replicas} pods were ready "
        f"{candidate.progress_deadline_seconds} s after the model could start{why}",
    )


def _deadline(candidate: Candidate) -> datetime | None:
    """When the deadline ends; None while nothing counts: fetching, pulling and waiting for room do not.

    A pod that was ready counts from when it ceased to be: a standby of hours that blinks is not late.
    """
    if candidate.ready >= candidate.replicas:
        return None
    started = [
        max(p.initialized, p.unready_since or p.initialized)
        for p in candidate.own
        if p.initialized and not p.ready and not p.deleting
    ]
    if not started:
        return None
    return min(started) + timedelta(seconds=candidate.progress_deadline_seconds)


def quota_refuses_it(candidate: Candidate) -> Finding | None:
    """A quota lets the ReplicaSet make no pod: waiting alone never helps."""
    if candidate.workload is None or not candidate.workload.quota:
        return None
    return Finding(Reason.INSUFFICIENT_CAPACITY, f"{candidate.name}: {candidate.workload.refused}")


def no_room_for_it(candidate: Candidate) -> Finding | None:
    """The scheduler has found no node for capacityWaitSeconds."""
    waiting = [p for p in candidate.pods if p.unschedulable and not p.deleting]
    if not waiting:
        return None
    since = min(p.unschedulable_since or p.created for p in waiting)
    patience = since + timedelta(seconds=candidate.capacity_wait_seconds)
    words = waiting[0].unschedulable
    if candidate.now < patience:
        return Finding(Reason.STARTING, f"{candidate.name}: waiting for room: {words}", recheck=patience)
    return Finding(Reason.INSUFFICIENT_CAPACITY, f"{candidate.name}: {words}")


def image_cannot_be_pulled(candidate: Candidate) -> Finding | None:
    """A container waits for its image."""
    problem = next((p.image_problem for p in candidate.pods if p.image_problem), "")
    return Finding(Reason.IMAGE_PULL_FAILED, f"{candidate.name}: {problem}") if problem else None


def pods_are_refused(candidate: Candidate) -> Finding | None:
    """The ReplicaSet cannot make pods: Pod Security or another admission policy."""
    if candidate.workload is None or not candidate.workload.refused:
        return None
    return Finding(Reason.DEGRADED, f"{candidate.name}: {candidate.workload.refused}")


def it_keeps_exiting(candidate: Candidate) -> Finding | None:
    """Containers end again and again for causes that say nothing of the version."""
    if sum(p.restarts for p in candidate.pods) < DEGRADED_AFTER_EXITS:
        return None
    found = next(((p, e) for p in candidate.pods for e in p.exits), None)
    if found is None:
        return None
    pod, ended = found
    words = " ".join(w for w in (ended.reason, ended.message) if w)
    text = f"{candidate.name}: pod {pod.name} ended {pod.restarts} times, last with code {ended.code} {words}"
    return Finding(Reason.DEGRADED, text.rstrip(), recheck=_deadline(candidate))


def it_is_proving_itself(candidate: Candidate) -> Finding | None:
    """A model is loading or answering its own example."""
    if not any(p.serving_started for p in candidate.pods):
        return None
    text = f"{candidate.name}: {candidate.ready} of {candidate.replicas} pods have proven themselves"
    return Finding(Reason.PROVING, text, recheck=_deadline(candidate))


def it_is_starting(candidate: Candidate) -> Finding | None:
    """Nothing is wrong; pods are on their way."""
    text = f"{candidate.name}: starting {candidate.replicas} pods"
    if candidate.pods and any(p.initialized is None for p in candidate.pods):
        text = f"{candidate.name}: fetching the model and its packages"
    if any(p.fetching for p in candidate.pods):
        # Where the registry does not answer, this is what stands there: it says what waits for what.
        text = f"{candidate.name}: fetching the model from registry {candidate.record.identity.registry}"
    return Finding(Reason.STARTING, text, recheck=_deadline(candidate))


REJECTING: tuple[Check, ...] = (contents_differ, runtime_refused_it, deadline_passed)
WAITING: tuple[Check, ...] = (
    quota_refuses_it,
    no_room_for_it,
    image_cannot_be_pulled,
    pods_are_refused,
    it_keeps_exiting,
    it_is_proving_itself,
    it_is_starting,
)


def first(checks: tuple[Check, ...], candidate: Candidate) -> Finding | None:
    """The first finding of an ordered chain."""
    for check in checks:
        if found := check(candidate):
            return found
    return None
