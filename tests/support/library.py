"""Revisions as those that served leave them, to put states of a cluster together from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from pintle.domain.resources import (
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    MODEL_DEPLOYMENTS,
    SERVICES,
)
from pintle.naming import LABEL_REVISION
from pintle.ports import Json, Resource
from tests.support.deciding import VERSIONS, Bench
from tests.support.fake_api_server import Body
from tests.support.world import NAME, NAMESPACE

# Two shapes of each: what is declared may be an earlier one of the same model.
CPUS = ("100m", "200m")
_SERVER_SET = ("uid", "resourceVersion", "creationTimestamp", "generation")


@dataclass(frozen=True)
class Kept:
    """A revision as one that served leaves it: its record, its ConfigMap and its Deployment."""

    name: str
    version: str
    cpu: str
    bodies: Mapping[Resource, Json] = field(repr=False)


@cache
def library() -> tuple[Kept, ...]:
    """All revisions that a state may have, as they are once each has served."""
    bench = Bench({"version": 1, "replicas": 2, "revisionHistoryLimit": 50})
    found = []
    for version in VERSIONS:
        for cpu in CPUS:
            spec = {"version": int(version), "resources": {"requests": {"cpu": cpu}}}
            bench.api.patch(MODEL_DEPLOYMENTS, NAMESPACE, NAME, {"spec": spec})
            bench.run()
            serving = bench.api.get(SERVICES, NAMESPACE, NAME)["spec"]["selector"][LABEL_REVISION]
            bodies = {
                kind: bare(bench.api.get(kind, NAMESPACE, serving))
                for kind in (CONTROLLER_REVISIONS, CONFIG_MAPS, DEPLOYMENTS)
            }
            found.append(Kept(serving, version, cpu, bodies))
    return tuple(found)


def bare(body: Body) -> Body:
    """An object as it would be written: without what the API server sets."""
    metadata = {k: v for k, v in body["metadata"].items() if k not in _SERVER_SET}
    return {k: v for k, v in body.items() if k != "status"} | {"metadata": metadata}
