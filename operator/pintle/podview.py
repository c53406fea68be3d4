"""A Pod as the API server gives it -> `PodView`: what its containers say of the revision."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from pintle.domain import Exit, PodView
from pintle.naming import ANNOTATION_ROLE, LABEL_REVISION, parse_time

Json = Mapping[str, Any]

_PULL_PROBLEMS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def pod(body: Json) -> PodView:
    """One pod of ours."""
    metadata, status = body["metadata"], body.get("status", {})
    conditions = {c.get("type"): c for c in status.get("conditions") or ()}
    init = {c.get("name"): c for c in status.get("initContainerStatuses") or ()}
    containers = {c.get("name"): c for c in status.get("containerStatuses") or ()}
    everything = [*init.values(), *containers.values()]
    fetched = _report(init.get("fetch"))
    installed = _report(init.get("install"))
    serve: Json = containers.get("serve") or next(iter(containers.values()), {})
    scheduled = conditions.get("PodScheduled", {})
    unschedulable = scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable"
    initialized = conditions.get("Initialized", {})
    return PodView(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        revision=str((metadata.get("labels") or {}).get(LABEL_REVISION, "")),
        created=parse_time(metadata.get("creationTimestamp")) or _EPOCH,
        ready=conditions.get("Ready", {}).get("status") == "True" and not metadata.get("deletionTimestamp"),
        deleting=bool(metadata.get("deletionTimestamp")) or status.get("phase") in {"Failed", "Succeeded"},
        role=str((metadata.get("annotations") or {}).get(ANNOTATION_ROLE, "")),
        unschedulable=str(scheduled.get("message", "unschedulable")) if unschedulable else "",
        unschedulable_since=parse_time(scheduled.get("lastTransitionTime")) if unschedulable else None,
        image_problem=_image_problem(everything),
        initialized=parse_time(initialized.get("lastTransitionTime"))
        if initialized.get("status") == "True" and init
        else None,
        unready_since=_unready_since(conditions.get("Ready", {})),
        serving_started="running" in (serve.get("state") or {}),
        content_digest=str(fetched.get("contentDigest", "")),
        environment_digest=str(installed.get("environmentDigest", "")),
        example=fetched.get("example") if isinstance(fetched.get("example"), bool) else None,
        exits=tuple(_exits(everything)),
        restarts=sum(int(c.get("restartCount", 0)) for c in everything),
        fetching="running" in ((init.get("fetch") or {}).get("state") or {}),
        address=str(status.get("podIP") or ""),
    )


def _unready_since(ready: Json) -> datetime | None:
    return parse_time(ready.get("lastTransitionTime")) if ready.get("status") != "True" else None


def _report(container: Json | None) -> Json:
    """The JSON that a step left as its termination message when it succeeded."""
    ended = ((container or {}).get("state") or {}).get("terminated") or {}
    return _message(ended) if ended.get("exitCode") == 0 else {}


def _message(ended: Json) -> Json:
    try:
        value = orjson.loads(ended.get("message") or "null")
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _exits(containers: Iterable[Json]) -> Iterable[Exit]:
    """The last failure of each container, newest state first.

    A container that failed and was started again keeps the failure in `lastState`: what it said
    is as true as before, and the kubelet's back-off makes it the only place for most of the time.
    """
    for container in containers:
        for state in ("state", "lastState"):
            ended = (container.get(state) or {}).get("terminated")
            if ended and ended.get("exitCode") != 0:
                said = _message(ended)
                yield Exit(
                    code=int(ended.get("exitCode", 0)),
                    reason=str(said.get("reason") or ended.get("reason", "")),
                    message=str(said.get("message") or ended.get("message") or ""),
                    time=parse_time(ended.get("finishedAt")),
                )
                break


def _image_problem(containers: Iterable[Json]) -> str:
    for container in containers:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _PULL_PROBLEMS:
            return f"{waiting['reason']}: {waiting.get('message') or container.get('image', '')}"
    return ""
