"""Services and the autoscaler as the API server gives them -> who has the traffic, and on how many pods."""

from collections.abc import Iterable, Mapping
from typing import Any

from pintle.domain import Autoscaler, Entrance, Traffic
from pintle.naming import (
    ANNOTATION_AUTOSCALED,
    ANNOTATION_BAKED,
    ANNOTATION_RELEASED,
    ANNOTATION_SINCE,
    ANNOTATION_STANDBY,
    LABEL_REVISION,
    parse_time,
    short_hash,
)
from pintle.views import annotation, deleting, failed

Json = Mapping[str, Any]


def traffic(body: Json, slices: Iterable[Json], revisions: Iterable[str]) -> Traffic:
    """The Service, with its endpoints; hashes in its marks become names of kept `revisions`."""
    names = {short_hash(name): name for name in revisions}
    selector = body.get("spec", {}).get("selector") or {}
    released = [h.strip() for h in annotation(body, ANNOTATION_RELEASED).split(",")]
    return Traffic(
        uid=body["metadata"].get("uid", ""),
        resource_version=body["metadata"].get("resourceVersion", ""),
        revision=str(selector.get(LABEL_REVISION, "")),
        since=parse_time(annotation(body, ANNOTATION_SINCE)),
        standby=names.get(annotation(body, ANNOTATION_STANDBY), ""),
        released=frozenset(names[h] for h in released if h in names),
        ready_pods=frozenset(_ready_pods(slices)),
        body=body,
        deleting=deleting(body),
        autoscaled=_count(annotation(body, ANNOTATION_AUTOSCALED)),
        baked=names.get(annotation(body, ANNOTATION_BAKED), ""),
        failed=failed(body),
    )


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _ready_pods(slices: Iterable[Json]) -> Iterable[str]:
    for endpoint_slice in slices:
        for endpoint in endpoint_slice.get("endpoints") or ():
            target = endpoint.get("targetRef") or {}
            if (endpoint.get("conditions") or {}).get("ready") and target.get("kind") == "Pod":
                yield str(target.get("name", ""))


def entrance(body: Json, slices: Iterable[Json]) -> Entrance:
    """The Service of one revision, with its endpoints."""
    return Entrance(
        revision=body["metadata"]["name"],
        uid=body["metadata"].get("uid", ""),
        resource_version=body["metadata"].get("resourceVersion", ""),
        ready_pods=frozenset(_ready_pods(slices)),
        body=body,
        deleting=deleting(body),
    )


def autoscaler(body: Json) -> Autoscaler:
    """The HorizontalPodAutoscaler, with what it says of itself in its status."""
    metadata, status = body["metadata"], body.get("status") or {}
    target = (body.get("spec") or {}).get("scaleTargetRef") or {}
    told: Json = next((c for c in status.get("conditions") or () if c.get("type") == "ScalingActive"), {})
    return Autoscaler(
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        revision=str(target.get("name", "")),
        desired=int(status.get("desiredReplicas") or 0),
        active={"True": True, "False": False}.get(str(told.get("status"))),
        words=": ".join(str(told[k]) for k in ("reason", "message") if told.get(k)),
        body=body,
        deleting=deleting(body),
    )
