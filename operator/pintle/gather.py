"""The caches -> one frozen `Observed`. The only reading that a pass does."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from pydantic import ValidationError

from pintle import comparing, declared, following, podview, routeview, sizes, trafficview, views
from pintle.api import ModelDeployment, ModelRuntime, parse_model_runtime
from pintle.cache import LABEL_SERVICE_NAME, Cache
from pintle.domain import Comparison, Connection, Defaults, Fault, Key, Observed, Query, Resolution, Verdict
from pintle.domain.resources import (
    AUTOSCALERS,
    BUDGETS,
    CHILDREN,
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    HTTP_ROUTES,
    MODEL_RUNTIMES,
    OPTIONAL_CHILDREN,
    PODS,
    SERVICES,
)
from pintle.memory import Memory
from pintle.ports import Json, Resource
from pintle.roles import behind_service, roles, threshold

log = logging.getLogger(__name__)


class Resolver(Protocol):
    """Turns wanted versions into answers beside the passes; `want` never waits."""

    def want(self, key: Key, query: Query) -> Resolution:
        """What is known now; the key is queued again when that changes."""

    def forget(self, key: Key) -> None:
        """Nobody wants an answer for this key any more."""


class Connections(Protocol):
    """What is known of RegistryConnections."""

    def view(self, namespace: str, name: str) -> Connection | None:
        """One of them, or None where there is none."""


class Comparisons(Protocol):
    """Reads the counters of pods beside the passes; `want` never waits."""

    def want(self, key: Key, comparison: Comparison) -> Verdict:
        """What they say now; the key is queued again when that changes."""

    def forget(self, key: Key) -> None:
        """Nothing is to be read for this key any more."""


def gather(
    cache: Cache,
    resolver: Resolver,
    connections: Connections,
    comparisons: Comparisons,
    *,
    deployment: ModelDeployment,
    memory: Memory,
    defaults: Defaults,
    now: datetime,
) -> Observed:
    """Read everything that one decision needs."""
    key = Key(deployment.namespace, deployment.name)

    def mine(resource: Resource) -> list[Json]:
        children = cache.children(resource, key.namespace, key.name)
        return [c for c in children if views.owner_uid(c) == deployment.uid]

    records = sorted(
        (r for r in map(views.record, mine(CONTROLLER_REVISIONS)) if r is not None),
        key=lambda r: r.number,
        reverse=True,
    )
    names = [r.name for r in records]
    workloads = {w.revision: w for w in map(views.workload, mine(DEPLOYMENTS))}
    lost = {name: cache.last_copy(Key(key.namespace, name)) for name in workloads if name not in names}
    services = {s["metadata"]["name"]: s for s in mine(SERVICES)}
    budgets = [b for b in mine(BUDGETS) if b["metadata"]["name"] == deployment.name]
    routes = [r for r in mine(HTTP_ROUTES) if r["metadata"]["name"] == deployment.name]
    autoscalers = [a for a in mine(AUTOSCALERS) if a["metadata"]["name"] == deployment.name]
    slices = _by_service(cache.children(ENDPOINT_SLICES, key.namespace, key.name))
    service = services.pop(deployment.name, None)
    observed = Observed(
        deployment=deployment,
        records=tuple(records),
        workloads=workloads,
        # A pod's owner is its ReplicaSet: its labels say whose it is, and only a revision's name counts.
        pods=tuple(podview.pod(p) for p in cache.children(PODS, key.namespace, key.name)),
        traffic=trafficview.traffic(service, slices[deployment.name], names) if service else None,
        budget=views.child(budgets[0]) if budgets else None,
        copies={c.name: c for c in map(views.child, mine(CONFIG_MAPS))},
        connection=connections.view(key.namespace, deployment.spec.registry_ref.registry),
        runtimes=_runtimes(cache),
        resolution=None,
        adoptable=views.child(found) if (found := memory.take_adoptable()) else None,
        faults=memory.standing_faults(now, lambda fault: _over(cache, key.namespace, fault)),
        last_copies={name: copy for name, copy in lost.items() if copy},
        route=routeview.route(routes[0]) if routes else None,
        autoscaler=trafficview.autoscaler(autoscalers[0]) if autoscalers else None,
        entrances={name: trafficview.entrance(body, slices[name]) for name, body in services.items()},
        contested=memory.left_alone(now),
        baselines=dict(memory.baselines),
        told=frozenset(memory.told),
        edited=memory.edited,
        unsaid_since=memory.unsaid_since,
        terminating=deployment.deletion_timestamp is not None or cache.terminating(key.namespace),
        defaults=defaults,
    )
    observed = replace(observed, resolution=_ask(resolver, key, observed))
    memory.see_named(following.named(observed), now)
    memory.see_traffic(observed.traffic, now, arrived=_have_followed(observed))
    observed = replace(
        observed,
        edited=memory.edited,
        answered=memory.answered not in (None, memory.moved),
        arrived=memory.arrived,
    )
    return replace(observed, verdict=_compare(comparisons, key, observed))


def _have_followed(observed: Observed) -> bool:
    """Whether the endpoints are those of the revision that the Service names."""
    return behind_service(observed, roles(observed).serving) >= threshold(sizes.asked(observed)) > 0


def _over(cache: Cache, namespace: str, fault: Fault) -> bool:
    """Whether who held a name has been seen to go."""
    if not fault.holder:
        return False
    resource = next(r for r in (*CHILDREN, *OPTIONAL_CHILDREN) if r.kind == fault.kind)
    found = cache.get(resource, namespace, fault.name)
    return found is None or found["metadata"]["uid"] != fault.holder


def _by_service(slices: Iterable[Json]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = defaultdict(list)
    for body in slices:
        found[(body["metadata"].get("labels") or {}).get(LABEL_SERVICE_NAME, "")].append(body)
    return found


def _ask(resolver: Resolver, key: Key, observed: Observed) -> Resolution | None:
    query = None if observed.terminating else declared.query(observed)
    if query is None or observed.connection is None:
        resolver.forget(key)
        return None
    return resolver.want(key, query)


def _compare(comparisons: Comparisons, key: Key, observed: Observed) -> Verdict | None:
    rollout = observed.deployment.spec.rollout
    declares = rollout.analysis is not None or rollout.bake_seconds is not None
    comparison = comparing.wanted(observed, declared.declared(observed)) if declares else None
    if comparison is None:
        comparisons.forget(key)
        return None
    return comparisons.want(key, comparison)


def _runtimes(cache: Cache) -> tuple[ModelRuntime, ...]:
    """The runtimes that can be read. One that cannot is nobody's business but its own (P9)."""
    found = []
    for body in cache.all(MODEL_RUNTIMES):
        try:
            found.append(parse_model_runtime(body))
        except ValidationError as error:
            log.warning("cannot read ModelRuntime %s: %s", body["metadata"]["name"], error)
    return tuple(found)
