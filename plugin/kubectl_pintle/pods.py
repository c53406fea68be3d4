"""Pods -> what each of a pod's three steps says: `fetch`, `install`, `serve`."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubectl_pintle.names import LABEL_REVISION, LABEL_VERSION, Json, parse_time

_DIGEST = 12


@dataclass(frozen=True, slots=True)
class Step:
    """One container: its state in a word, and what it says; `failed` if it ended badly, or once did."""

    name: str
    state: str
    words: str
    exit_code: int | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod. `trouble` is what keeps it from being scheduled, if anything does."""

    name: str
    version: str
    revision: str
    ready: bool
    deleting: bool
    restarts: int
    created: datetime | None
    trouble: str
    steps: tuple[Step, ...]


def parse(bodies: Iterable[Json]) -> tuple[Pod, ...]:
    """Read pods, ordered by name."""
    return tuple(sorted(map(_pod, bodies), key=lambda p: p.name))


def _pod(body: Json) -> Pod:
    metadata, status = body["metadata"], body.get("status") or {}
    labels = metadata.get("labels") or {}
    conditions = {c.get("type"): c for c in status.get("conditions") or ()}
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    scheduled = conditions.get("PodScheduled", {})
    return Pod(
        name=metadata["name"],
        version=labels.get(LABEL_VERSION, ""),
        revision=labels.get(LABEL_REVISION, ""),
        ready=conditions.get("Ready", {}).get("status") == "True",
        deleting=bool(metadata.get("deletionTimestamp")),
        restarts=sum(int(c.get("restartCount", 0)) for c in containers),
        created=parse_time(metadata.get("creationTimestamp")),
        trouble=_trouble(status, scheduled),
        steps=tuple(map(_step, containers)),
    )


def _trouble(status: Json, scheduled: Json) -> str:
    """Why no node takes it, or why the node gave it up."""
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason', '')}: {scheduled.get('message', '')}".strip(": ")
    if status.get("phase") == "Failed":
        return f"{status.get('reason', 'Failed')}: {status.get('message', '')}".strip(": ")
    return ""


def _step(container: Json) -> Step:
    name, state = container.get("name", ""), container.get("state") or {}
    if ended := state.get("terminated"):
        return _ended(name, ended)
    # A container that is started anew keeps what it last said in `lastState`: mostly all there is.
    before = (container.get("lastState") or {}).get("terminated")
    last = _ended(name, before) if before else None
    if waiting := state.get("waiting"):
        reason = waiting.get("reason", "")
        if last and last.failed:
            return Step(name, "waiting", f"{reason}; {last.words}", last.exit_code, failed=True)
        words = f"{reason}: {waiting['message']}" if waiting.get("message") else reason
        return Step(name, "waiting", words)
    ready = "ready" if container.get("ready") else "not ready"
    if last and last.failed and not container.get("ready"):
        return Step(name, "running", f"{ready}; before that: {last.words}", last.exit_code, failed=True)
    return Step(name, "running" if "running" in state else "unknown", ready)


def _ended(name: str, ended: Json) -> Step:
    said, code = _said(ended.get("message")), int(ended.get("exitCode", 0))
    if code == 0:
        return Step(name, "done", _report(said), 0)
    reason = said.get("reason") or ended.get("reason") or "Error"
    message = said.get("message") or ended.get("message") or ""
    words = f"ended with code {code}: {reason}" + (f": {message}" if message else "")
    return Step(name, "failed", words, code, failed=True)


def _said(message: Any) -> dict[str, Any]:  # noqa: ANN401 - a termination message, or None
    """A termination message that is a JSON object, as those of Pintle's runtime are."""
    try:
        value = json.loads(message or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _report(said: dict[str, Any]) -> str:
    """What a step reports when it succeeds: the digest of what it brought."""
    words = []
    for key, noun in (("contentDigest", "content"), ("environmentDigest", "environment")):
        if digest := str(said.get(key, "")):
            words.append(f"{noun} {digest.removeprefix('sha256:')[:_DIGEST]}")
    if said.get("example") is False:
        words.append("no input example")
    return ", ".join(words)
