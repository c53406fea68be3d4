"""The conditions of a ModelDeployment: what is true of it, in the words of design section 3."""

from pintle import autoscaling, comparing, routing, sizes
from pintle.conditions import REGISTRY_TROUBLE, Condition, Reason, Type, kstatus
from pintle.declared import Declared
from pintle.domain import Observed, Record
from pintle.policies import Finding
from pintle.roles import Roles, behind_service, others_behind_service, pods_of, threshold
from pintle.switch import Step

_PROOF = {
    "passed": (True, Reason.PASSED, "answered its input example"),
    "none": (None, Reason.NO_EXAMPLE, "was logged without an input example: nothing could be proven"),
    "skipped": (None, Reason.SKIPPED, "was not proven: spec.rollout.proof.mode is Skip"),
}


def conditions(observed: Observed, declared: Declared, current: Roles, step: Step) -> tuple[Condition, ...]:
    """All conditions, `Ready` first."""
    ready = _ready(observed, declared, current, step)
    settled = (_available(observed, current, step), _resolved(declared), _proven(current))
    found = (ready, *settled, *autoscaling.conditions(observed, current))
    return found if ready.status else (*found, *kstatus(ready.reason, ready.message))


def _ready(observed: Observed, declared: Declared, current: Roles, step: Step) -> Condition:
    serving = current.serving
    if observed.faults:
        fault = observed.faults[0]
        return _not_ready(Reason(fault.reason), _with_serving(fault.message, observed, serving))
    if step.finding is not None:
        message = _with_serving(step.finding.message, observed, serving, step.candidate or declared.record)
        return _not_ready(step.finding.reason, message)
    if serving is None or declared.record is None or serving.name != declared.record.name:
        return _not_ready(Reason.STARTING, _with_serving("nothing is decided yet", observed, serving))
    finding = _shortfall(observed, serving)
    if finding:
        return _not_ready(finding.reason, finding.message)
    replicas = sizes.size(observed)
    behind = behind_service(observed, serving)
    text = f"{_name(serving)} serves with {behind} of {replicas} pods{sizes.told(observed)}"
    if replicas == 0:
        text = f"{_name(serving)} has the traffic, and spec.replicas is 0"
    if (until := comparing.bakes_until(observed, current)) and (before := current.standby):
        text += (
            f"; watched until {until:%H:%M:%S} UTC, or longer, with version {before.version} to go back to"
        )
    return Condition(Type.READY, True, Reason.SERVING, text)


def _shortfall(observed: Observed, serving: Record) -> Finding | None:
    """Why the declared revision, though it has the selector, is not Ready."""
    behind = behind_service(observed, serving)
    if serving.cleared is None:
        return Finding(Reason.PROVING, f"{_name(serving)} serves and has lost its mark: it is checked again")
    if behind < threshold(sizes.asked(observed)):
        return Finding(Reason.DEGRADED, _degraded(observed, serving, behind))
    if others_behind_service(observed, serving):
        return Finding(Reason.STARTING, f"{_name(serving)} takes over: endpoints of other revisions remain")
    return routing.shortfall(observed, serving)


def _degraded(observed: Observed, serving: Record, behind: int) -> str:
    """How many pods are missing, and what the pods themselves say about it."""
    text = f"{_name(serving)} serves with {behind} of {sizes.size(observed)} pods"
    for pod in pods_of(observed, serving):
        if pod.ready:
            continue
        words = pod.unschedulable or pod.image_problem
        if not words and pod.exits:
            ended = pod.exits[0]
            words = f"ended with code {ended.code} {ended.reason} {ended.message}".rstrip()
        if not words and pod.fetching:
            words = f"fetching the model from registry {serving.identity.registry}"
        if words:
            return f"{text}; pod {pod.name}: {words}"
    workload = observed.workloads.get(serving.name)
    return f"{text}; {workload.refused}" if workload and workload.refused else text


def _not_ready(reason: Reason, message: str) -> Condition:
    return Condition(Type.READY, False, reason, message)


def _with_serving(
    message: str, observed: Observed, serving: Record | None, declared: Record | None = None
) -> str:
    if serving is None:
        return f"{message}; nothing serves yet"
    if not behind_service(observed, serving):
        return f"{message}; version {serving.version} has the traffic and no ready pod"
    # When only the shape of the pods changes, both have the same number.
    same = declared is not None and declared.version == serving.version
    keeps = f"revision {serving.name}" if same else f"version {serving.version}"
    return f"{message}; {keeps} keeps serving"


def _name(record: Record) -> str:
    return f"{record.identity.model} version {record.version}"


def _available(observed: Observed, current: Roles, step: Step) -> Condition:
    serving = current.serving
    behind = behind_service(observed, serving)
    if serving is None:
        return Condition(Type.AVAILABLE, False, Reason.NOTHING_SERVING, "no revision has been cleared yet")
    if behind >= threshold(sizes.asked(observed)):
        text = f"{_name(serving)} serves with {behind} of {sizes.size(observed)} pods"
        return Condition(Type.AVAILABLE, True, Reason.SERVING, text)
    if step.replacing:
        text = f"{_name(serving)} was stopped to make room for what replaces it: spec.rollout.surge is None"
        return Condition(Type.AVAILABLE, False, Reason.REPLACING, text)
    reason = Reason.DEGRADED if behind else Reason.NOTHING_SERVING
    return Condition(Type.AVAILABLE, False, reason, _degraded(observed, serving, behind))


def _resolved(declared: Declared) -> Condition:
    problem, identity = declared.problem, declared.identity
    if identity is not None and declared.unchecked:
        why = declared.unchecked
        text = f"version {identity.version} as last seen; the alias cannot be checked: {why.message}"
        return Condition(Type.RESOLVED, None, why.reason, text)
    if identity is not None:
        text = f"{identity.model} version {identity.version} is {identity.source}"
        return Condition(Type.RESOLVED, True, Reason.RESOLVED, text)
    if problem is None or problem.reason is Reason.RESOLVING:
        text = problem.message if problem else "not asked yet"
        return Condition(Type.RESOLVED, None, Reason.RESOLVING, text)
    if problem.reason in REGISTRY_TROUBLE or problem.reason in {
        Reason.VERSION_NOT_FOUND,
        Reason.ALIAS_NOT_FOUND,
    }:
        status = None if problem.reason is Reason.REGISTRY_UNAVAILABLE else False
        return Condition(Type.RESOLVED, status, problem.reason, problem.message)
    return Condition(Type.RESOLVED, True, Reason.RESOLVED, "the registry knows what is declared")


def _proven(current: Roles) -> Condition:
    if current.serving is None or current.serving.cleared is None:
        return Condition(Type.PROVEN, None, Reason.NOTHING_SERVING, "nothing that serves has been proven")
    status, reason, words = _PROOF[current.serving.cleared.proof]
    if reason is Reason.PASSED and current.serving.cases:
        words = "answered the golden cases of spec.rollout.proof.cases"
    return Condition(Type.PROVEN, status, reason, f"{_name(current.serving)} {words}")
