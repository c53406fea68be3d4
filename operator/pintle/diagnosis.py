"""An observation and what would be decided on it -> text, for whoever asks why nothing happens. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from pintle import plan, status
from pintle.conditions import Type, shorten
from pintle.declared import declared
from pintle.domain import Failed, Observed, Pending, PodView, Record, Resolved
from pintle.naming import timestamp
from pintle.roles import Roles, pods_of, roles
from pintle.rollout import step


def describe(observed: Observed, now: datetime) -> str:
    """Say what is known of one ModelDeployment, what a pass would do now, and what is waited for."""
    parts = (
        ("", _head(observed)),
        ("conditions, as they stand in the status", _conditions(observed)),
        ("registry", _registry(observed)),
        ("revisions, newest first", _revisions(observed, roles(observed))),
        ("pods", map(_pod, observed.pods)),
        ("traffic", _traffic(observed)),
        ("a pass now", _pass(observed, now)),
    )
    lines = []
    for title, found in parts:
        rows = [shorten(row) for row in found]
        lines += [title] if title else []
        lines += [f"  {row}" if title else row for row in rows or ["none"]]
    return "\n".join(lines) + "\n"


def _head(observed: Observed) -> Iterator[str]:
    deployment, spec = observed.deployment, observed.deployment.spec
    seen = deployment.status.get("observedGeneration", -1)
    yield f"ModelDeployment {deployment.namespace}/{deployment.name}, uid {deployment.uid}"
    yield f"generation {deployment.generation}, of which the status tells {seen}"
    meant = f"version {spec.version}" if spec.version else f"what alias {spec.alias} names"
    yield f"declares {meant} of {spec.model}, replicas {spec.replicas}"
    if spec.suspend:
        yield "is suspended: no revision is made, and no traffic is moved"
    if observed.terminating:
        yield "is being deleted, or its namespace is: nothing is written"


def _conditions(observed: Observed) -> Iterator[str]:
    for found in observed.deployment.status.get("conditions") or ():
        words = (
            f"{found.get('reason')} (generation {found.get('observedGeneration')}): {found.get('message')}"
        )
        yield f"{found.get('type')}={found.get('status')} since {found.get('lastTransitionTime')}: {words}"


def _registry(observed: Observed) -> Iterator[str]:
    name, connection = observed.deployment.spec.registry_ref.registry, observed.connection
    if connection is None:
        yield f"there is no connection {name}"
    elif connection.secret_problem:
        yield f"{name}: {connection.secret_problem}"
    else:
        yield f"{name}, " + (
            f"with Secret {connection.secret}" if connection.secret else "without credentials"
        )
    answer = observed.resolution
    if isinstance(answer, Resolved):
        found = answer.version
        yield f"answers: version {found.version} is {found.source}, of run {found.run_id or '(none)'}"
    elif isinstance(answer, Failed):
        yield f"answers: {answer.reason}: {answer.message}"
    elif isinstance(answer, Pending):
        yield f"has not answered yet, since {timestamp(answer.since)}"
    else:
        yield "is not asked: what is declared is on record"


def _revisions(observed: Observed, current: Roles) -> Iterator[str]:
    traffic = observed.traffic
    for record in observed.records:
        marks = [f"{record.name}, number {record.number}"]
        marks += ["serves"] if record is current.serving else []
        marks += [f"stands by, ends {_time(current.expires)}"] if record is current.standby else []
        marks += ["given up"] if traffic and record.name in traffic.released else []
        if record.cleared:
            marks.append(f"cleared {_time(record.cleared.time)}, proof {record.cleared.proof}")
        if record.rejected:
            told = record.rejected
            marks.append(f"rejected {_time(told.time)}: {told.reason}: {told.message}")
        if record.named:
            marks.append(f"named by alias {record.named.alias} {_time(record.named.time)}")
        yield "; ".join([*marks, _deployment(observed, record), f"image {record.image}"])


def _deployment(observed: Observed, record: Record) -> str:
    found = observed.workloads.get(record.name)
    if found is None:
        return "no Deployment"
    ready = sum(pod.ready for pod in pods_of(observed, record))
    refused = f", refused: {found.refused}" if found.refused else ""
    return f"{ready} of {found.replicas} pods ready{refused}"


def _pod(pod: PodView) -> str:
    says = ["ready" if pod.ready else f"not ready since {_time(pod.unready_since or pod.created)}"]
    says += ["being deleted"] if pod.deleting else []
    says += [f"role {pod.role}"] if pod.role else []
    says += ["fetches the model"] if pod.fetching else []
    says += ["serve has started"] if pod.serving_started and not pod.ready else []
    says += [word for word in (pod.unschedulable, pod.image_problem) if word]
    says += [f"ended with code {end.code} {end.reason} {end.message}".rstrip() for end in pod.exits]
    says += [f"{pod.restarts} restarts"] if pod.restarts else []
    return f"{pod.name}: {'; '.join(says)}"


def _traffic(observed: Observed) -> Iterator[str]:
    if traffic := observed.traffic:
        ready = f"{_time(traffic.since)}; ready endpoints {len(traffic.ready_pods)}"
        yield f"Service {observed.deployment.name} selects {traffic.revision}, {ready}"
    if route := observed.route:
        shares = ", ".join(f"{name} {weight}" for name, weight in sorted(route.sends.items()))
        accepted = "accepted" if route.accepted else f"not accepted: {route.refused or 'no answer yet'}"
        yield f"HTTPRoute {observed.deployment.name}: {shares}; {accepted}"
    if autoscaler := observed.autoscaler:
        asked = f"{autoscaler.desired}; {autoscaler.words}"
        yield f"HorizontalPodAutoscaler scales {autoscaler.revision} to {asked}"


def _pass(observed: Observed, now: datetime) -> Iterator[str]:
    decision = plan.decide(observed, now)
    for action in decision.actions:
        yield f"would {type(action).__name__.lower()} {action.resource.kind}/{action.name}: {action.why}"
    if not decision.actions:
        yield "would change nothing"
    if decision.status is not None:
        yield "would write the status"
    if not observed.terminating:
        yield from _waits(observed, now)
    if decision.wake_at:
        seconds = (decision.wake_at - now).total_seconds()
        yield f"would look again in {seconds:.0f} s, {_time(decision.wake_at)}"
    elif not decision.actions:
        yield "would look again when something changes"


def _waits(observed: Observed, now: datetime) -> Iterable[str]:
    """Why it does not serve what is declared, in the words that the condition Ready would have now."""
    found = declared(observed)
    said = status.build(observed, found, roles(observed), step(observed, found, now), now)
    for condition in said["conditions"]:
        if condition["type"] == Type.READY:
            ready = "waits for nothing" if condition["status"] == "True" else "waits"
            yield f"{ready}: {condition['reason']}: {condition['message']}"


def _time(moment: datetime | None) -> str:
    return f"at {timestamp(moment)}" if moment else "at a time that is not known"
