"""Hypothesis strategies: a cluster in any state, whether anything could have led to it or not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from pintle.api import Autoscaling
from pintle.desired import autoscaler, network, route
from pintle.desired.failures import failure
from pintle.desired.network import Marks
from pintle.domain import Failure, Outcome
from pintle.domain.resources import (
    AUTOSCALERS,
    BUDGETS,
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    HTTP_ROUTES,
    MODEL_DEPLOYMENTS,
    SERVICES,
)
from pintle.naming import (
    ANNOTATION_AUTOSCALED,
    ANNOTATION_BAKED,
    ANNOTATION_CANARY,
    ANNOTATION_CLEARED,
    ANNOTATION_PROMOTE,
    ANNOTATION_REJECT,
    ANNOTATION_REJECTED,
    ANNOTATION_SINCE,
    canonical,
    micro_timestamp,
    short_hash,
    timestamp,
)
from tests.support.canary_world import GATEWAY
from tests.support.deciding import VERSIONS, Bench, Pod
from tests.support.library import CPUS, Kept, library
from tests.support.world import NAME, NAMESPACE

Draw = Callable[[st.SearchStrategy[Any]], Any]

STRANGER = "iris-v9-00000000"
# Most of what there may be is there, or few states would be of interest.
LIKELY = st.sampled_from([False, True, True, True])
PASSED = Outcome.PASSED
OUTCOMES = st.sampled_from([PASSED, PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE])
PAUSES = st.sampled_from([{}, {"pauseSeconds": 0}, {"pauseSeconds": 60}])
WEIGHTS = st.lists(st.sampled_from([1, 10, 50, 99, 100]), min_size=1, max_size=3, unique=True).map(sorted)


@st.composite
def benches(draw: st.DrawFn, *, good: bool = False) -> Bench:
    """A state; with `good`, one in which what is declared can be had and nobody holds it back."""
    version, cpu = draw(st.sampled_from(VERSIONS)), draw(st.sampled_from(CPUS))
    declared = next(k for k in library() if (k.version, k.cpu) == (version, cpu))
    names = [kept.name for kept in library()]
    others = st.sets(st.sampled_from([n for n in names if n != declared.name]))
    bad = draw(others) if good else draw(st.sets(st.sampled_from(names)))
    bench = Bench(
        _spec(draw, declared, good=good),
        _commands(draw, names, declared, good=good),
        frozenset(bad),
        outcomes={name: draw(OUTCOMES) for name in names} | ({declared.name: PASSED} if good else {}),
        load=draw(st.integers(0, 4)),
    )
    bench.clock.advance(7200)
    serving = draw(st.sampled_from([declared.name, *names, STRANGER]))
    standby = draw(st.sampled_from(["", "", *names]))
    # At random, hardly ever would all of them be as they mostly are.
    as_mostly = {serving, declared.name, standby} - bench.bad if draw(LIKELY) else set()
    for kept in library():
        if kept.name in as_mostly:
            whole(bench, kept)
        else:
            _revision(draw, bench, kept, may_be_rejected=not (good and kept is declared))
    _service(draw, bench, names, serving, standby)
    _route(draw, bench, names, declared)
    _marks(draw, bench, [n for n in names if not good or n != declared.name], names)
    _autoscaler(draw, bench, names)
    if draw(st.booleans()):
        named = {"revision": draw(st.sampled_from([*names, STRANGER])), "version": "1"}
        status = {"observedGeneration": 1, "serving": named, "conditions": []}
        bench.api.set_status(MODEL_DEPLOYMENTS, NAMESPACE, NAME, status)
    if draw(st.booleans()):
        bench.tick()
    return bench


def _spec(draw: Draw, declared: Kept, *, good: bool) -> dict[str, Any]:
    rollout: dict[str, Any] = {"standbySeconds": draw(st.sampled_from([0, 60, 3600]))}
    rollout |= draw(st.sampled_from([{}, {"bakeSeconds": 30}, {"bakeSeconds": 600}]))
    spec = {
        "version": int(declared.version),
        "resources": {"requests": {"cpu": declared.cpu}},
        "replicas": draw(st.integers(1 if good else 0, 3)),
        "revisionHistoryLimit": draw(st.sampled_from([1, 5])),
        "rollout": rollout,
    }
    if spec["replicas"] and draw(st.integers(0, 2)) == 0:
        spec["autoscaling"] = {"minReplicas": draw(st.integers(1, 2)), "maxReplicas": draw(st.integers(2, 3))}
    kind = draw(st.sampled_from(["Switch", "None", "Canary", "Canary"]))
    if kind == "Canary":
        pauses = PAUSES if good else PAUSES | st.just({"pause": True})
        steps = [{"weight": weight, **draw(pauses)} for weight in draw(WEIGHTS)]
        rollout |= draw(st.sampled_from([{}, {"analysis": {"minRequests": 100}}]))
        return spec | {"gateway": GATEWAY, "rollout": rollout | {"strategy": "Canary", "steps": steps}}
    if kind == "None":
        rollout["surge"] = "None"
    if draw(st.booleans()):
        spec["gateway"] = GATEWAY
    if not good and draw(st.integers(0, 3)) == 0:
        spec["suspend"] = True
    return spec


def _commands(draw: Draw, names: list[str], declared: Kept, *, good: bool) -> dict[str, str]:
    found = {}
    if draw(st.booleans()):
        found[ANNOTATION_PROMOTE] = short_hash(draw(st.sampled_from(names)))
    if draw(st.integers(0, 3)) == 0:
        whole = [f"version/{v}" for v in VERSIONS if not good or v != declared.version]
        found[ANNOTATION_REJECT] = draw(st.sampled_from(whole))
    return found


def _revision(draw: Draw, bench: Bench, kept: Kept, *, may_be_rejected: bool) -> None:
    """A record, or none; and of the others of its objects some."""
    if not draw(LIKELY):
        return
    record = dict(kept.bodies[CONTROLLER_REVISIONS])
    annotations = dict(record["metadata"].get("annotations") or {})
    if not draw(LIKELY):
        annotations.pop(ANNOTATION_CLEARED, None)
    if may_be_rejected and draw(st.integers(0, 3)) == 0:
        mark = {"reason": "ProofFailed", "message": "NaN", "time": timestamp(bench.clock.now())}
        annotations[ANNOTATION_REJECTED] = canonical(mark).decode()
    metadata = {**record["metadata"], "annotations": annotations}
    bench.api.create(CONTROLLER_REVISIONS, NAMESPACE, {**record, "metadata": metadata})
    if draw(LIKELY):
        bench.api.create(CONFIG_MAPS, NAMESPACE, kept.bodies[CONFIG_MAPS])
    if not draw(LIKELY):
        return
    workload = kept.bodies[DEPLOYMENTS]
    replicas = draw(st.integers(0, 3))
    bench.api.create(DEPLOYMENTS, NAMESPACE, {**workload, "spec": {**workload["spec"], "replicas": replicas}})
    for number in range(replicas if draw(LIKELY) else 0):
        ready = kept.name not in bench.bad and draw(LIKELY)
        bench.pods[f"{kept.name}-{number}"] = Pod(kept.name, bench.clock.now(), ready)


def whole(bench: Bench, kept: Kept) -> None:
    """A revision that is cleared, with as many ready pods as are declared."""
    replicas = bench.spec["replicas"]
    for kind in (CONTROLLER_REVISIONS, CONFIG_MAPS):
        bench.api.create(kind, NAMESPACE, kept.bodies[kind])
    workload = kept.bodies[DEPLOYMENTS]
    bench.api.create(DEPLOYMENTS, NAMESPACE, {**workload, "spec": {**workload["spec"], "replicas": replicas}})
    for number in range(replicas):
        bench.pods[f"{kept.name}-{number}"] = Pod(kept.name, bench.clock.now(), ready=True)


def _some_time(draw: Draw, bench: Bench) -> datetime:
    now: datetime = bench.clock.now()
    return now - timedelta(seconds=draw(st.sampled_from([0, 5, 30, 7000])))


def _service(draw: Draw, bench: Bench, names: list[str], serving: str, standby: str) -> None:
    """The Service and the budget: they may name different revisions, or ones that are not there."""
    if draw(LIKELY):
        since = _some_time(draw, bench) if draw(LIKELY) else None
        released = (
            frozenset() if draw(LIKELY) else frozenset(draw(st.sets(st.sampled_from(names), max_size=2)))
        )
        marks = Marks(since, standby, released)
        create = network.create_service(bench.observe().deployment, serving, marks)
        bench.api.create(SERVICES, NAMESPACE, create.body)
    if draw(st.booleans()):
        create = network.create_budget(bench.observe().deployment, draw(st.sampled_from(names)))
        bench.api.create(BUDGETS, NAMESPACE, create.body)


def _route(draw: Draw, bench: Bench, names: list[str], declared: Kept) -> None:
    """The route, which may give any revision any share, and the Services of some revisions."""
    observed = bench.observe()
    if observed.deployment.spec.gateway is None:
        return
    for record in observed.records:
        if draw(LIKELY):
            create = route.create_entrance(observed.deployment, record)
            bench.api.create(SERVICES, NAMESPACE, create.body)
            bench.lagging |= {record.name} if draw(st.booleans()) else set()
    if not draw(LIKELY):
        return
    bench.api.create(HTTP_ROUTES, NAMESPACE, route.create(observed.deployment, bench.clock.now()).body)
    revision = draw(st.sampled_from(["", declared.name, declared.name, *names]))
    weight = draw(st.sampled_from([1, 10, 37, 50, 100]))
    if revision:
        mark = canonical({"revision": revision, "weight": weight}).decode()
        since = micro_timestamp(_some_time(draw, bench)) if draw(st.booleans()) else None
        metadata = {"annotations": {ANNOTATION_CANARY: mark, ANNOTATION_SINCE: since}}
        body = bench.api.get(HTTP_ROUTES, NAMESPACE, NAME)
        (rule,) = body["spec"]["rules"]
        (stable,) = rule["backendRefs"]
        shares = [{**stable, "weight": 100 - weight}, {**stable, "name": revision, "weight": weight}]
        spec = {"rules": [{**rule, "backendRefs": shares}]}
        bench.api.patch(HTTP_ROUTES, NAMESPACE, NAME, {"metadata": metadata, "spec": spec})
    if draw(LIKELY):
        bench.gateway.step()


def _marks(draw: Draw, bench: Bench, failing: list[str], names: list[str]) -> None:
    """What has lost its traffic for its requests, what has passed its bake, and how much was declared."""
    failed = st.sampled_from(failing).map(lambda name: failure(Failure(name, "it did worse")))
    for kind in (SERVICES, HTTP_ROUTES):
        if bench.api.find(kind, NAMESPACE, NAME) is None:
            continue
        annotations: dict[str, str | None] = draw(failed) if draw(st.integers(0, 4)) == 0 else {}
        if kind == SERVICES and draw(st.integers(0, 2)) == 0:
            annotations |= {ANNOTATION_BAKED: short_hash(draw(st.sampled_from(names)))}
        if kind == SERVICES and draw(st.integers(0, 2)) == 0:
            annotations |= {ANNOTATION_AUTOSCALED: str(draw(st.integers(1, 3)))}
        if annotations:
            bench.api.patch(kind, NAMESPACE, NAME, {"metadata": {"annotations": annotations}})


def _autoscaler(draw: Draw, bench: Bench, names: list[str]) -> None:
    """The autoscaler, of any revision, whether any is declared or not."""
    if draw(st.integers(0, 2)):
        return
    scaling = Autoscaling(min_replicas=1, max_replicas=draw(st.integers(1, 4)))
    wanted = autoscaler.spec(scaling, draw(st.sampled_from(names)), 1)
    create = autoscaler.create(bench.observe().deployment, wanted)
    bench.api.create(AUTOSCALERS, NAMESPACE, create.body)
    if draw(st.booleans()):
        bench.autoscaler.step()
