"""`status`: one ModelDeployment, or many, as people and as scripts read them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubectl_pintle.deployment import Member, ModelDeployment
from kubectl_pintle.events import Event
from kubectl_pintle.names import ANNOTATION_REJECT, short_hash
from kubectl_pintle.pods import Pod, Step
from kubectl_pintle.text import ago, clock, duration, plural, stamp, table

_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Overview:
    """All of one ModelDeployment. `unread` says what could not be read, and why."""

    deployment: ModelDeployment
    pods: tuple[Pod, ...] = ()
    events: tuple[Event, ...] = ()
    unread: tuple[str, ...] = ()


def lines(overview: Overview, now: datetime) -> list[str]:
    """One ModelDeployment, for people."""
    deployment = overview.deployment
    shown = [headline(deployment), "", *_facts(deployment, now)]
    if overview.pods:
        shown += ["", *_pods(deployment, overview.pods, now)]
    if overview.events:
        shown += ["", *_events(overview.events, now)]
    return [*shown, *(f"(not shown: {text})" for text in overview.unread)]


def headline(deployment: ModelDeployment) -> str:
    """Whether it is Ready, and why or why not."""
    state = "is Ready" if deployment.is_ready else f"is not Ready ({deployment.reason})"
    return f"{deployment.full} {state}: {deployment.message}"


def _facts(deployment: ModelDeployment, now: datetime) -> list[str]:
    wanted = f"version {deployment.wanted} of {deployment.model}, from registry {deployment.registry}"
    facts = [("wanted", wanted), ("serving", _serving(deployment, now))]
    if deployment.candidate:
        facts.append(("candidate", _candidate(deployment, deployment.candidate, now)))
    if deployment.standby:
        facts.append(("standby", _standby(deployment.standby, now)))
    available = deployment.conditions.get("Available")
    if available and available.status != "True":
        facts.append(("available", f"no ({available.reason}): {available.message}"))
    if deployment.suspended:
        facts.append(("suspended", "spec.suspend holds back every change of what serves"))
    if deployment.rejecting:
        facts.append(("rejecting", f"{deployment.rejecting}, by the annotation {ANNOTATION_REJECT}"))
    for rejection in deployment.rejected:
        since = f" {ago(rejection.time, now)} ago" if rejection.time else ""
        who = f"version {rejection.version} ({short_hash(rejection.revision)}){since}"
        facts.append(("rejected", f"{who}, {rejection.reason}: {rejection.message}"))
    return [f"{name:<11}{text}" for name, text in facts]


def _serving(deployment: ModelDeployment, now: datetime) -> str:
    serving = deployment.serving
    if serving is None:
        return "nothing"
    since = f" since {clock(serving.time)} UTC ({ago(serving.time, now)})" if serving.time else ""
    return f"{_name(serving)}{since}, {serving.ready} of {plural(deployment.replicas, 'pod')} ready"


def _candidate(deployment: ModelDeployment, candidate: Member, now: datetime) -> str:
    step = deployment.step or "waiting"
    going_on = f" for {ago(deployment.started, now)}" if deployment.started else ""
    pods = f"{candidate.ready} of {plural(deployment.replicas, 'pod')} ready"
    text = f"{_name(candidate)}: {step}{going_on}, {pods}"
    if deployment.weight:
        text += f", {deployment.weight} % of what comes through the route"
    if deployment.deadline:
        left = duration(max(int((deployment.deadline - now).total_seconds()), 0))
        at = f"at {clock(deployment.deadline)} UTC (in {left})"
        text += f"; its next step is {at}" if deployment.weight else f"; refused {at} unless it is ready"
    return text


def _standby(standby: Member, now: datetime) -> str:
    text = _name(standby)
    if standby.time:
        left = duration(max(int((standby.time - now).total_seconds()), 0))
        text += f" until {clock(standby.time)} UTC ({left})"
    return f"{text}, {plural(standby.ready, 'pod')} ready"


def _name(member: Member) -> str:
    return f"version {member.version} ({member.hash})"


def role(deployment: ModelDeployment, revision: str) -> str:
    """What a revision is to the traffic now."""
    for name, member in (
        ("serving", deployment.serving),
        ("candidate", deployment.candidate),
        ("standby", deployment.standby),
    ):
        if member and member.revision == revision:
            return name
    return "-"


def _pods(deployment: ModelDeployment, pods: Iterable[Pod], now: datetime) -> list[str]:
    """A table of pods; below it, what the containers of those that are not well say."""
    header = ("POD", "VERSION", "ROLE", "READY", "RESTARTS", "AGE", "SAYS")
    rows, notes = [], []
    for pod in pods:
        words, more = _words(pod)
        rows.append(
            (
                pod.name,
                pod.version,
                role(deployment, pod.revision),
                "yes" if pod.ready else "no",
                str(pod.restarts),
                ago(pod.created, now),
                words,
            )
        )
        notes += [f"{pod.name}: {line}" for line in more]
    return [*table(header, rows), *([""] if notes else []), *notes]


def _words(pod: Pod) -> tuple[str, list[str]]:
    """A pod in a few words, and lines with what its containers say where that is more."""
    said = [f"{step.name}: {step.words}" for step in pod.steps if step.failed and step.words]
    said = [pod.trouble, *said] if pod.trouble else said
    if pod.deleting:
        return "on its way out", said
    current = _current(pod.steps)
    if pod.ready or current is None:
        reports = ", ".join(s.words for s in pod.steps if s.state == "done" and s.words)
        return reports, said
    words = current.state if current.failed or not current.words else f"{current.state}, {current.words}"
    return f"{current.name} {words}", said


def _current(steps: Sequence[Step]) -> Step | None:
    """The step that a pod is at: the first that is not done."""
    return next((s for s in steps if s.state != "done"), None)


def _events(events: Iterable[Event], now: datetime) -> list[str]:
    header = ("EVENT", "TYPE", "REASON", "ABOUT", "MESSAGE")
    rows = []
    for event in events:
        times = f" (x{event.count})" if event.count > 1 else ""
        seen = f"{ago(event.time, now)} ago{times}" if event.time else ""
        rows.append((seen, event.type, event.reason, event.about, event.message))
    return table(header, rows)


def list_lines(deployments: Sequence[ModelDeployment], now: datetime, *, namespaces: bool) -> list[str]:
    """Many ModelDeployments: a table, and below it why some are not Ready."""
    header = ["NAME", "MODEL", "WANTED", "SERVING", "READY", "REPLICAS", "STATUS", "STANDBY", "AGE"]
    rows, notes = [], []
    for each in deployments:
        rows.append(
            [
                *([each.namespace] if namespaces else []),
                each.name,
                each.model,
                each.wanted,
                each.serving.version if each.serving else "",
                "yes" if each.is_ready else "no",
                each.replicas_ready,
                each.reason,
                each.standby.version if each.standby else "",
                ago(each.created, now),
            ]
        )
        if not each.is_ready:
            notes.append(f"{each.full if namespaces else each.name}: {each.message}")
    header = ["NAMESPACE", *header] if namespaces else header
    return [*table(header, rows), *([""] if notes else []), *notes]


def data(overview: Overview) -> dict[str, Any]:
    """One ModelDeployment, for scripts."""
    return {
        **summary(overview.deployment),
        "pods": [_pod_data(overview.deployment, p) for p in overview.pods],
        "events": [
            {
                "time": stamp(e.time),
                "type": e.type,
                "reason": e.reason,
                "about": e.about,
                "message": e.message,
                "count": e.count,
            }
            for e in overview.events
        ],
        "notRead": list(overview.unread),
    }


def summary(deployment: ModelDeployment) -> dict[str, Any]:
    """What every command that says how it stands gives to scripts."""
    available = deployment.conditions.get("Available")
    status = deployment.body.get("status") or {}
    return {
        "namespace": deployment.namespace,
        "name": deployment.name,
        "model": deployment.model,
        "registry": deployment.registry,
        "wanted": deployment.wanted,
        "ready": deployment.is_ready,
        "available": available.status == "True" if available else None,
        "stalled": deployment.is_stalled,
        "reason": deployment.reason,
        "message": deployment.message,
        "suspended": deployment.suspended,
        "rejecting": deployment.rejecting or None,
        **{key: status.get(key) for key in ("serving", "candidate", "standby", "rollout")},
        "rejected": list(status.get("rejected") or ()),
    }


def _pod_data(deployment: ModelDeployment, pod: Pod) -> dict[str, Any]:
    return {
        "name": pod.name,
        "version": pod.version,
        "revision": pod.revision,
        "role": role(deployment, pod.revision),
        "ready": pod.ready,
        "deleting": pod.deleting,
        "restarts": pod.restarts,
        "trouble": pod.trouble or None,
        "steps": [
            {"name": s.name, "state": s.state, "exitCode": s.exit_code, "failed": s.failed, "says": s.words}
            for s in pod.steps
        ],
    }
