"""What holds for a decision on any state that a cluster may be in, reachable or not.

Hypothesis puts the states together, of revisions with and without marks and pods, a Service, a route and
a spec, and shortens one that breaks a promise to what matters of it.
"""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import HealthCheck, given, settings

from pintle.api import Autoscaling
from pintle.declared import promoted_by_user
from pintle.desired import autoscaler, network
from pintle.desired.failures import failure
from pintle.desired.network import Marks
from pintle.domain import Action, Create, Delete, Failure, Observed, Outcome, Patch, Plan
from pintle.domain.resources import AUTOSCALERS, CONTROLLER_REVISIONS, DEPLOYMENTS, HTTP_ROUTES, SERVICES
from pintle.naming import ANNOTATION_CLEARED, LABEL_REVISION
from pintle.roles import lost_serving, roles
from tests.support.deciding import Bench, written
from tests.support.library import library
from tests.support.states_at_will import benches, whole
from tests.support.world import NAME, NAMESPACE

MANY = settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
SOME = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def _clears(action: Action) -> bool:
    if action.resource != CONTROLLER_REVISIONS or not isinstance(action, Patch | Create):
        return False
    return isinstance(action.body, Mapping) and ANNOTATION_CLEARED in (
        action.body["metadata"].get("annotations") or {}
    )


def weights_are_whole(_: Observed, plan: Plan) -> None:
    """Whatever is written of the route, its shares add up to 100."""
    for action, body in written(plan.actions, HTTP_ROUTES):
        for rule in body.get("spec", {}).get("rules", ()):
            assert sum(backend["weight"] for backend in rule["backendRefs"]) == 100, action.why


def shares_go_to_who_answers(observed: Observed, plan: Plan) -> None:
    """A share is written for a revision that is cleared, not rejected, and has ready endpoints."""
    cleared = {r.name for r in observed.records if r.cleared and not r.rejected}
    for action, body in written(plan.actions, HTTP_ROUTES):
        for rule in body.get("spec", {}).get("rules", ()):
            for name in (b["name"] for b in rule["backendRefs"] if b["weight"] and b["name"] != NAME):
                assert name in cleared, action.why
                assert observed.entrances[name].ready_pods, action.why


def traffic_goes_to_who_is_cleared_and_ready(observed: Observed, plan: Plan) -> None:
    """A switch is to a revision that is cleared by then, with ready pods, if any are asked for.

    But for one that gives the traffic back to who had it, when nothing else is known to have.
    """
    cleared = {r.name for r in observed.records if r.cleared}
    current = roles(observed).serving
    for action in plan.actions:
        cleared |= {action.name} if _clears(action) else set()
        if (action.resource, action.name) != (SERVICES, NAME) or not isinstance(action, Create | Patch):
            continue
        assert isinstance(action.body, Mapping)
        target = (action.body.get("spec", {}).get("selector") or {}).get(LABEL_REVISION)
        if target is None or (current and target == current.name):
            continue
        assert target in cleared, action.why
        ready = [p for p in observed.pods if p.revision == target and p.ready]
        assert ready or lost_serving(observed) or observed.deployment.spec.replicas == 0, action.why


def what_serves_keeps_its_pods(observed: Observed, plan: Plan) -> None:
    """No pods of what serves are taken away but those that nobody asks for any more, or to make room."""
    current = roles(observed).serving
    spec = observed.deployment.spec
    if current is None or spec.rollout.surge == "None" or current.name not in observed.workloads:
        return
    has = observed.workloads[current.name].replicas
    least = has if spec.autoscaling else min(has, spec.replicas)
    if any((a.resource, a.name) == (SERVICES, NAME) for a in plan.actions[:1]):
        return  # it may not be what serves any more
    for action in plan.actions:
        if (action.resource, action.name) == (DEPLOYMENTS, current.name) and isinstance(action, Patch):
            assert _replicas(action, has) >= least, action.why


def _replicas(action: Patch, before: int) -> int:
    if isinstance(action.body, tuple):
        return next((int(o["value"]) for o in action.body if o["path"] == "/spec/replicas"), before)
    return int((action.body.get("spec") or {}).get("replicas", before))


def what_has_failed_gets_nothing(observed: Observed, plan: Plan) -> None:
    """Of a revision that does worse than the one before it no share is written, and no switch to it.

    But for one that somebody promotes who knows better, for the one that stands by, as going back waits for
    nothing (P2), and where there are no pods for any requests.
    """
    verdict = observed.verdict
    if verdict is None or verdict.outcome is not Outcome.FAILED or observed.deployment.spec.replicas == 0:
        return
    if promoted_by_user(observed, verdict.revision):
        return
    current = roles(observed)
    for action, body in written(plan.actions, HTTP_ROUTES):
        for rule in body.get("spec", {}).get("rules", ()):
            shares = {b["name"]: b["weight"] for b in rule["backendRefs"]}
            assert not shares.get(verdict.revision), action.why
    for action, body in written(plan.actions, SERVICES):
        selector = body.get("spec", {}).get("selector") or {}
        had_it = (r.name for r in (current.serving, current.standby) if r)
        if action.name == NAME and verdict.revision not in had_it:
            assert selector.get(LABEL_REVISION) != verdict.revision, action.why


def what_is_deleted_is_written_no_more(_: Observed, plan: Plan) -> None:
    """Nothing is written about what the same plan deletes: one of the two would find it gone."""
    deleted = {(a.resource, a.name) for a in plan.actions if isinstance(a, Delete)}
    others = {(a.resource, a.name) for a in plan.actions if not isinstance(a, Delete)}
    assert not deleted & others


PROMISES: tuple[Callable[[Observed, Plan], None], ...] = (
    weights_are_whole,
    shares_go_to_who_answers,
    traffic_goes_to_who_is_cleared_and_ready,
    what_serves_keeps_its_pods,
    what_has_failed_gets_nothing,
    what_is_deleted_is_written_no_more,
)


def said(action: Action) -> tuple[str, ...]:
    """What a write says, without the preconditions that change with each."""
    return (type(action).__name__, action.resource.kind, action.name, action.why)


def decided(bench: Bench) -> None:
    """Decide until nothing is written, while no pod moves and no time passes: nothing is written twice."""
    before: set[tuple[str, ...]] = set()
    for _ in range(12):
        observed, plan = bench.decide()
        for promise in PROMISES:
            promise(observed, plan)
        done = {said(action) for action in bench.apply(plan)}
        assert not before & done, "written a second time"
        before = done
        if not plan.actions and plan.status is None:
            assert bench.decide()[1] == plan, "deciding twice comes to the same"
            failed = observed.verdict is not None and observed.verdict.outcome is Outcome.FAILED
            assert not failed, "what does worse has been given up"
            return
    raise AssertionError(f"12 decisions write, the last of them {before}")


@SOME
@given(benches())
def test_of_every_state(bench: Bench) -> None:
    decided(bench)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@MANY
@given(benches())
def test_of_very_many_states(bench: Bench) -> None:
    decided(bench)


def reached(bench: Bench) -> None:
    """A good version that is declared comes to all of the traffic, whatever the state was, and then rests."""
    bench.run()
    observed, plan = bench.decide()
    assert (plan.actions, plan.status) == ((), None)
    ready = next(c for c in observed.deployment.status["conditions"] if c["type"] == "Ready")
    assert ready["status"] == "True", ready
    serving = roles(observed).serving
    assert serving is not None
    spec = observed.deployment.spec
    assert serving.version == spec.version
    assert serving.shape["resources"] == spec.shape()["resources"]
    assert observed.entrances == {}
    if observed.route:
        assert observed.route.sends == {NAME: 100}
    assert {n for n, w in observed.workloads.items() if w.replicas} == {serving.name}, (
        "the standby's time is over"
    )


def test_a_time_that_is_over_hides_none_that_is_to_come() -> None:
    """What is declared stands by, beyond its time; it waits for pods that go 10 s after the last switch."""
    spec = {"version": 1, "resources": {"requests": {"cpu": "100m"}}, "replicas": 1}
    bench = Bench(spec | {"rollout": {"standbySeconds": 0, "surge": "None"}})
    declared, left_over, serving = (library()[n] for n in (0, 2, 4))
    for kept in (left_over, serving):
        whole(bench, kept)
    marks = Marks(bench.clock.now(), declared.name, frozenset())
    create = network.create_service(bench.observe().deployment, serving.name, marks)
    bench.api.create(SERVICES, NAMESPACE, create.body)
    reached(bench)


def test_an_autoscaler_of_before_keeps_nothing_from_serving() -> None:
    """It scales what is declared again and does not serve, to fewer pods than it has to start with."""
    spec = {"version": 1, "resources": {"requests": {"cpu": "100m"}}, "replicas": 1}
    scaling = {"minReplicas": 2, "maxReplicas": 2}
    bench = Bench(spec | {"rollout": {"standbySeconds": 0}, "autoscaling": scaling})
    of_before = autoscaler.spec(Autoscaling(min_replicas=1, max_replicas=2), library()[0].name, 1)
    create = autoscaler.create(bench.observe().deployment, of_before)
    bench.api.create(AUTOSCALERS, NAMESPACE, create.body)
    reached(bench)


def test_what_is_to_be_noted_of_a_revision_is_noted_before_it_goes() -> None:
    """It failed with traffic, which the Service says alone, and is beyond what is kept."""
    spec = {"version": 3, "resources": {"requests": {"cpu": "100m"}}, "replicas": 1}
    bench = Bench(spec | {"revisionHistoryLimit": 1})
    failed, kept, serving = (library()[n] for n in (0, 2, 4))
    for each in (failed, kept):
        bench.api.create(CONTROLLER_REVISIONS, NAMESPACE, each.bodies[CONTROLLER_REVISIONS])
    whole(bench, serving)
    marks = Marks(bench.clock.now(), "", frozenset())
    create = network.create_service(bench.observe().deployment, serving.name, marks)
    metadata = create.body["metadata"]
    noted = metadata["annotations"] | failure(Failure(failed.name, "it did worse"))
    bench.api.create(SERVICES, NAMESPACE, {**create.body, "metadata": {**metadata, "annotations": noted}})
    decided(bench)


@SOME
@given(benches(good=True))
def test_the_declared_version_is_reached(bench: Bench) -> None:
    reached(bench)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@MANY
@given(benches(good=True))
def test_the_declared_version_is_reached_from_very_many_states(bench: Bench) -> None:
    reached(bench)
