"""The HTTPRoute, the Service of a revision that it sends a share to, and the writes that change them.

The route is ours whole: `backendRefs` is an atomic list, so nobody else can own a part of it. What serves
stands in it as the Service of the ModelDeployment itself, so that the flip of that Service moves both
entrances in one write (docs/adr).
"""

from datetime import datetime
from typing import Any

from pintle.api import ModelDeployment, ParentRef
from pintle.desired.failures import failure
from pintle.desired.metadata import owned, precondition, put_back
from pintle.desired.network import ports
from pintle.domain import Create, Delete, Entrance, Failure, Patch, Record, Route
from pintle.domain.resources import HTTP_ROUTES, SERVICES
from pintle.naming import (
    ANNOTATION_CANARY,
    ANNOTATION_SINCE,
    canonical,
    child_labels,
    micro_timestamp,
    revision_labels,
    revision_selector,
)

# Shares are percents, so that the weights of a route add up to this.
WHOLE = 100
# Of every Service that Pintle makes; one that was adopted keeps its own: `network.port`.
PORT: int = ports()[0]["port"]


def create(deployment: ModelDeployment, now: datetime, port: int = PORT) -> Create:
    """Make the route, with everything going to what serves, at this port of the Service."""
    body = {
        "apiVersion": HTTP_ROUTES.api_version,
        "kind": HTTP_ROUTES.kind,
        "metadata": owned(
            deployment,
            deployment.name,
            child_labels(deployment.name),
            {ANNOTATION_SINCE: micro_timestamp(now)},
        ),
        "spec": {k: v for k, v in _spec(deployment, "", 0, port).items() if v},
    }
    return Create(HTTP_ROUTES, deployment.name, body, why="route requests from the gateway to what serves")


def divide(deployment: ModelDeployment, route: Route, revision: str, weight: int, port: int = PORT) -> Patch:
    """Give a revision a share. How long it is held is counted from when the gateways have accepted it."""
    mark = canonical({"revision": revision, "weight": weight}).decode()
    why = f"send {weight} % of the route's requests to {revision}"
    annotations = {ANNOTATION_CANARY: mark, ANNOTATION_SINCE: None}
    return _write(deployment, route, annotations, _rules(deployment.name, revision, weight, port), why)


def hold(route: Route, now: datetime) -> Patch:
    """Note that the share, now accepted, is held from here on."""
    body = {
        "metadata": precondition(route) | {"annotations": {ANNOTATION_SINCE: micro_timestamp(now)}},
    }
    why = f"hold {route.weight} % of the route's requests for {route.revision}"
    return Patch(HTTP_ROUTES, str(route.body["metadata"]["name"]), body, why)


def unite(
    deployment: ModelDeployment,
    route: Route,
    now: datetime,
    failed: Failure | None = None,
    port: int = PORT,
) -> Patch:
    """Send everything to what serves again. `failed` is noted in the same write, as in a switch."""
    annotations = {ANNOTATION_CANARY: None, ANNOTATION_SINCE: micro_timestamp(now), **failure(failed)}
    why = f"send no share of the route's requests to {route.revision} any more"
    return _write(deployment, route, annotations, _rules(deployment.name, "", 0, port), why)


def _write(
    deployment: ModelDeployment,
    route: Route,
    annotations: dict[str, str | None],
    rules: list[dict[str, Any]],
    why: str,
) -> Patch:
    body = {
        "metadata": precondition(route) | {"annotations": annotations},
        "spec": {"rules": rules},
    }
    return Patch(HTTP_ROUTES, deployment.name, body, why)


def repair(
    deployment: ModelDeployment,
    route: Route,
    left_alone: frozenset[str] = frozenset(),
    port: int = PORT,
) -> Patch | None:
    """Put back what was changed by hand, or declared anew; None where all is as it should be.

    `left_alone` are paths of what others keep changing, as in `Patch.repairs`.
    """
    wanted = _spec(deployment, route.revision, route.weight, port)
    found = route.body.get("spec") or {}
    labels = route.body["metadata"].get("labels") or {}
    missing = {k: v for k, v in child_labels(deployment.name).items() if labels.get(k) != v}
    changed: dict[str, Any] = {"metadata.labels": missing} if missing else {}
    changed |= {f"spec.{k}": v for k, v in wanted.items() if (found.get(k) or None) != v}
    return put_back(
        HTTP_ROUTES, deployment.name, route, {p: v for p, v in changed.items() if p not in left_alone}
    )


def delete(deployment: ModelDeployment, route: Route) -> Delete:
    """Take the route away where no gateway is declared."""
    return Delete(
        HTTP_ROUTES, deployment.name, route.uid, route.resource_version, why="no gateway is declared"
    )


def _spec(deployment: ModelDeployment, revision: str, weight: int, port: int) -> dict[str, Any]:
    """The spec with all that the API server would fill in, so that it can be compared. None is left out."""
    gateway = deployment.spec.gateway
    return {
        "parentRefs": [_parent(ref) for ref in gateway.parent_refs] if gateway else None,
        "hostnames": list(gateway.hostnames) or None if gateway else None,
        "rules": _rules(deployment.name, revision, weight, port),
    }


def _parent(ref: ParentRef) -> dict[str, str]:
    named = {"name": ref.name, "namespace": ref.namespace, "sectionName": ref.section_name}
    return {"group": HTTP_ROUTES.group, "kind": "Gateway"} | {k: v for k, v in named.items() if v}


def _rules(service: str, revision: str, weight: int, port: int) -> list[dict[str, Any]]:
    stable = (service, port, WHOLE - weight if revision else WHOLE)
    shares = [stable, (revision, PORT, weight)] if revision else [stable]
    return [
        {
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [
                {"group": "", "kind": "Service", "name": name, "port": number, "weight": share}
                for name, number, share in shares
            ],
        }
    ]


def create_entrance(deployment: ModelDeployment, record: Record) -> Create:
    """Make the Service of one revision, named as the revision."""
    body = {
        "apiVersion": SERVICES.api_version,
        "kind": SERVICES.kind,
        "metadata": owned(deployment, record.name, _labels(deployment, record)),
        "spec": {
            "type": "ClusterIP",
            "selector": revision_selector(deployment.name, record.name),
            "ports": ports(),
        },
    }
    return Create(SERVICES, record.name, body, why=f"make an entrance to {record.name} for the route")


def repair_entrance(deployment: ModelDeployment, record: Record, entrance: Entrance) -> Patch | None:
    """Put back the selector, the ports and the labels; None where all is as it should be."""
    spec = entrance.body.get("spec") or {}
    labels = entrance.body["metadata"].get("labels") or {}
    selector = spec.get("selector") or {}
    shown = [{k: p.get(k) for k in port} for p, port in zip(spec.get("ports") or [], ports(), strict=False)]
    wanted = revision_selector(deployment.name, record.name)
    missing = {k: v for k, v in _labels(deployment, record).items() if labels.get(k) != v}
    changes = {
        "metadata.labels": missing,
        "spec.selector": dict.fromkeys(selector) | wanted if selector != wanted else None,
        "spec.ports": ports() if shown != ports() else None,
    }
    return put_back(SERVICES, record.name, entrance, {p: v for p, v in changes.items() if v})


def delete_entrance(entrance: Entrance) -> Delete:
    """Take the Service of a revision away once no route needs it."""
    why = f"the route sends nothing to {entrance.revision} any more"
    return Delete(SERVICES, entrance.revision, entrance.uid, entrance.resource_version, why)


def _labels(deployment: ModelDeployment, record: Record) -> dict[str, str]:
    return revision_labels(deployment.name, record.name, record.version)
