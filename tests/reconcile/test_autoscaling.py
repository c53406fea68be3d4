"""`spec.autoscaling`: what is scaled when, and that nobody ever takes a pod that the load needs."""

import pytest

from pintle.domain.resources import AUTOSCALERS, DEPLOYMENTS, MODEL_DEPLOYMENTS, MODEL_RUNTIMES, SERVICES
from pintle.errors import Unavailable
from pintle.naming import ANNOTATION_AUTOSCALED
from tests.support.canary_world import canary
from tests.support.fake_cluster import Fault
from tests.support.fake_pods import Failure, Fate, Stage
from tests.support.scaled_world import SCALING, ScaledWorld, scaled
from tests.support.world import NAME, NAMESPACE, RUNTIME

NAN = Fate(failure=Failure("serve", 15, "ProofFailed", "prediction[0] is NaN"))


def test_what_serves_is_scaled_by_its_load() -> None:
    world = scaled(load=5)
    assert (world.scaled, world.replicas(), world.ready_pods("1")) == ("1", {"1": 5}, 5)
    spec = world.api.get(AUTOSCALERS, NAMESPACE, NAME)["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 6)
    (metric,) = spec["metrics"]
    assert metric["containerResource"] == {
        "name": "cpu",
        "container": "serve",
        "target": {"type": "Utilization", "averageUtilization": 80},
    }
    world.load(9)
    assert world.replicas() == {"1": 6}, "maxReplicas"
    world.load(1)
    assert world.replicas() == {"1": 2}, "minReplicas"


def test_it_says_what_is_overridden() -> None:
    world = scaled(load=5)
    assert world.status["replicasReady"] == "5/5"
    assert (world.status["replicas"], world.status["selector"]) == (
        5,
        f"pintle.dev/deployment=iris,pintle.dev/revision={world.revision('1')}",
    )
    world.api.patch(MODEL_DEPLOYMENTS, NAMESPACE, NAME, {"spec": {"replicas": 3}}, subresource="scale")
    world.run(10)
    assert world.replicas() == {"1": 5}, "/scale is ignored"
    assert "which spec.replicas and /scale do not change" in world.condition()["message"]
    active = world.condition("ScalingActive")
    assert (active["status"], active["reason"]) == ("True", "Scaling")
    assert "scales from 2 to 6 pods by 80 % of the CPU" in active["message"]


@pytest.mark.parametrize(("replicas", "first"), [(1, 2), (4, 4), (9, 6), (0, 2)])
def test_replicas_is_the_size_to_start_with(replicas: int, first: int) -> None:
    world = ScaledWorld()
    world.controllers.autoscaler.load = 6
    world.apply(version=1, replicas=replicas, autoscaling=SCALING)
    world.run(1)
    assert world.replicas() == {"1": first}
    world.run(20)
    assert world.replicas() == {"1": 6}


def test_a_switch_is_made_at_the_size_that_the_load_has_asked_for() -> None:
    world = scaled(load=5)
    world.apply(version=2)
    world.run(20)
    assert (world.served(), world.scaled) == (["1", "2"], "2")
    assert world.pods_made[world.revision("2")] == 5
    assert world.fewest == 5
    assert world.replicas() == {"1": 5, "2": 5}, "what stands by keeps what it served with"
    world.load(3)
    assert world.replicas() == {"1": 5, "2": 3}, "and is not scaled"


def test_the_autoscaler_never_sees_a_candidate() -> None:
    """Without load, it would take its pods before they are needed."""
    world = scaled(load=5)
    world.apply(version=2)
    world.run(20)
    first, second = world.revision("1"), world.revision("2")
    assert [w for w in world.controllers.autoscaler.wrote if w[0] == second] == []
    assert {w[0] for w in world.controllers.autoscaler.wrote} == {first}


def test_a_candidate_follows_what_serves_upwards_and_not_down() -> None:
    world = scaled(load=3)
    world.fate("2", Fate(until=Stage.SERVING))
    world.apply(version=2)
    world.run(10)
    world.load(5)
    assert world.replicas() == {"1": 5, "2": 5}
    world.load(2)
    assert world.replicas() == {"1": 2, "2": 5}
    world.fate("2", Fate())
    world.run(20)
    assert (world.serving, world.fewest) == ("2", 2)


def test_a_rejected_version_leaves_the_size_alone() -> None:
    world = scaled(load=5)
    world.fate("2", NAN)
    world.apply(version=2)
    world.run(60)
    assert (world.condition()["reason"], world.replicas(), world.fewest) == ("ProofFailed", {"1": 5}, 5)


def test_a_rollback_scales_the_standby_to_what_the_load_needs_now() -> None:
    world = scaled(load=3)
    world.apply(version=2)
    world.run(20)
    world.load(6)
    assert world.replicas() == {"1": 3, "2": 6}
    world.behind.clear()
    world.apply(version=1)
    world.run(20)
    assert (world.serving, world.scaled, world.replicas()) == ("1", "1", {"1": 6, "2": 6})
    assert world.fewest == 6


def test_a_rollback_that_does_not_wait_has_its_pods_a_moment_later() -> None:
    """Five of six pods are enough to go back at once; the load needs six."""
    world = scaled(load=5)
    world.apply(version=2)
    world.run(20)
    world.load(6)
    world.controllers.autoscaler.blind = "no metrics"  # so that it is not the one who adds the sixth
    world.apply(version=1)
    world.operate()
    assert (world.serving, world.replicas()) == ("1", {"1": 6, "2": 6})


def test_a_version_that_has_to_start_again_waits_for_all_pods_that_the_load_needs() -> None:
    """Three of four would be enough for `Ready`, where four are declared."""
    world = scaled(load=4, rollout={"standbySeconds": 20})
    world.apply(version=2)
    world.run(60)
    assert world.replicas() == {"2": 4}
    world.behind.clear()
    world.next_fates["1"] = [Fate(), Fate(), Fate(), Fate(until=Stage.SERVING)]
    world.apply(version=1)
    world.run(30)
    assert (world.serving, world.ready_pods("1"), world.condition()["reason"]) == ("2", 3, "Proving")
    world.controllers.kubelet.own.clear()
    world.run(30)
    assert (world.serving, world.fewest) == ("1", 4)


def test_load_and_switches_together() -> None:
    """Load up, scale out, switch at the larger size, back, and on, load down."""
    world = scaled(load=2)
    world.load(6)
    world.behind.clear()
    for version in (2, 1, 3):
        world.apply(version=version)
        world.run(30)
        assert (world.serving, world.scaled) == (str(version), str(version))
    assert world.fewest == 6
    world.load(2)
    assert (world.replicas()["3"], world.fewest) == (2, 2)


def test_turning_it_on_drops_no_replica() -> None:
    world = ScaledWorld()
    world.apply(version=1, replicas=4)
    world.run(20)
    world.behind.clear()
    world.controllers.autoscaler.load = 4
    world.apply(autoscaling=SCALING, replicas=1)
    world.run(20)
    assert (world.scaled, world.replicas(), world.fewest) == ("1", {"1": 4}, 4)


def test_turning_it_off_drops_no_replica() -> None:
    world = scaled(load=5, replicas=3)
    world.apply(autoscaling=None)
    world.run(20)
    assert (world.autoscaler, world.replicas(), world.fewest) == (None, {"1": 5}, 5)
    assert "until spec.replicas is edited" in world.condition()["message"]
    world.start_operator()
    world.wipe_status()
    world.apply(version=2)
    world.run(20)
    assert (world.serving, world.replicas()) == ("2", {"1": 5, "2": 5}), "so it is after a switch"
    assert world.fewest == 5
    world.apply(replicas=2)
    world.run(20)
    assert world.replicas() == {"1": 2, "2": 2}, "an edit is obeyed"
    assert world.status["replicasReady"] == "2/2"
    assert ANNOTATION_AUTOSCALED not in world.api.get(SERVICES, NAMESPACE, NAME)["metadata"]["annotations"]


def test_turning_it_off_adds_what_is_declared() -> None:
    world = scaled(load=2, replicas=4)
    world.load(2)
    world.apply(autoscaling=None)
    world.run(20)
    assert (world.replicas(), world.status["replicasReady"]) == ({"1": 4}, "4/4")


def test_off_and_another_number_in_one_edit() -> None:
    """The number is a declared one: it is what somebody wants now."""
    world = scaled(load=5, replicas=3)
    world.apply(autoscaling=None, replicas=4)
    world.run(20)
    assert world.replicas() == {"1": 4}


def test_nothing_is_scaled_before_it_is_on_record_that_it_was_not_declared() -> None:
    world = ScaledWorld()
    world.apply(version=1)
    world.run(20)
    down = Unavailable("down")
    world.cluster.faults = [Fault("patch", "services", ordinal=n, error=down) for n in range(1, 50)]
    world.apply(autoscaling=SCALING)
    world.run(5)
    assert (world.autoscaler, world.condition()["reason"]) == (None, "Serving")
    world.cluster.faults.clear()
    world.run(20)
    assert world.scaled == "1"


def test_on_and_off_and_on_again() -> None:
    world = scaled(load=5, replicas=2)
    for scaling in (None, SCALING, None, SCALING):
        world.apply(autoscaling=scaling)
        world.run(15)
    assert (world.replicas(), world.fewest, world.scaled) == ({"1": 5}, 5, "1")


def test_no_target_without_a_cpu_request() -> None:
    world = ScaledWorld()
    world.api.patch(
        MODEL_RUNTIMES, "", "default", {"spec": RUNTIME | {"defaultResources": {"requests": {"cpu": None}}}}
    )
    world.apply(version=1, autoscaling=SCALING)
    world.run(20)
    active = world.condition("ScalingActive")
    assert (world.autoscaler, active["status"], active["reason"]) == (None, "False", "NoCPURequest")
    assert "write spec.resources.requests.cpu, or have it in ModelRuntime default" in active["message"]
    assert (world.condition()["reason"], world.replicas()) == ("Serving", {"1": 2})
    world.apply(resources={"requests": {"cpu": "100m"}})
    world.load(4, seconds=30)
    assert (world.scaled, world.replicas()["1"]) == ("1", 6)
    world.apply(resources={"limits": {"memory": "1Gi"}, "requests": None})
    world.run(30)
    assert world.autoscaler is None


def test_without_metrics_it_says_so_and_serves_on() -> None:
    world = scaled(load=4)
    world.controllers.autoscaler.blind = "no metrics returned from resource metrics API"
    world.run(20)
    active = world.condition("ScalingActive")
    assert (active["status"], active["reason"]) == ("False", "NoMetrics")
    assert active["message"] == (
        "HorizontalPodAutoscaler iris cannot scale: FailedGetContainerResourceMetric:"
        " no metrics returned from resource metrics API"
    )
    assert (world.condition()["status"], world.replicas()) == ("True", {"1": 4})


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"maxReplicas": 50}},
        {"spec": {"minReplicas": 1}},
        {"spec": {"metrics": []}},
        {"spec": {"scaleTargetRef": {"name": "other"}}},
        {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}},
        {"metadata": {"labels": {"app.kubernetes.io/name": None}}},
    ],
    ids=str,
)
def test_an_edit_of_the_autoscaler_is_put_back(change: dict[str, object]) -> None:
    world = scaled()
    before = world.autoscaler
    world.api.patch(AUTOSCALERS, NAMESPACE, NAME, change)
    world.run(5)
    after = world.autoscaler
    assert before
    assert after
    assert (after["spec"], after["metadata"]["labels"]) == (before["spec"], before["metadata"]["labels"])


def test_a_deleted_autoscaler_is_made_again() -> None:
    world = scaled()
    world.api.delete(AUTOSCALERS, NAMESPACE, NAME)
    world.run(5)
    assert (world.scaled, world.replicas()) == ("1", {"1": 5})


def test_a_deleted_deployment_comes_back_with_the_pods_that_it_had() -> None:
    world = scaled(load=5)
    world.api.delete(DEPLOYMENTS, NAMESPACE, world.revision("1"))
    world.operate()
    assert world.replicas() == {"1": 5}


@pytest.mark.parametrize(("replicas", "then"), [(0, 5), (1, 2), (4, 4)])
def test_what_serves_is_scaled_by_hand(replicas: int, then: int) -> None:
    """The operator sees to what is declared: the bounds. All else is the autoscaler's."""
    world = scaled(load=5)
    world.controllers.autoscaler.blind = "no metrics"
    world.scale_by_hand("1", replicas)
    world.operate()
    assert world.replicas() == {"1": then}


def test_an_autoscaler_of_somebody_else_is_left_alone() -> None:
    world = ScaledWorld()
    target = {"apiVersion": "pintle.dev/v1alpha1", "kind": "ModelDeployment", "name": NAME}
    theirs = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 9, "metrics": []}
    world.api.create(AUTOSCALERS, NAMESPACE, {"metadata": {"name": NAME}, "spec": theirs})
    world.controllers.autoscaler.load = 3
    world.apply(version=1)
    world.run(30)
    assert (world.body["spec"]["replicas"], world.replicas()) == (3, {"1": 3}), "/scale serves any"
    world.apply(autoscaling=SCALING)
    world.run(30)
    assert world.condition()["reason"] == "NameTaken"
    assert "kubectl -n ml delete horizontalpodautoscaler iris" in world.condition()["message"]
    assert world.api.get(AUTOSCALERS, NAMESPACE, NAME)["spec"] == theirs
    world.api.delete(AUTOSCALERS, NAMESPACE, NAME)
    world.run(60)
    assert (world.condition()["reason"], world.scaled) == ("Serving", "1")


def test_any_autoscaler_scales_through_scale() -> None:
    """Without spec.autoscaling; a candidate starts with as many as the stable one, the standby follows."""
    world = ScaledWorld()
    target = {"apiVersion": "pintle.dev/v1alpha1", "kind": "ModelDeployment", "name": NAME}
    theirs = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 9, "metrics": []}
    world.api.create(AUTOSCALERS, NAMESPACE, {"metadata": {"name": "keda-hpa-iris"}, "spec": theirs})
    world.apply(version=1)
    world.run(20)
    world.load(6)
    world.behind.clear()
    world.apply(version=2)
    world.run(20)
    assert (world.serving, world.pods_made[world.revision("2")], world.fewest) == ("2", 6, 6)
    assert world.status["replicas"] == 6
    world.load(2)
    assert world.replicas() == {"1": 2, "2": 2}


def test_while_suspended_what_serves_is_scaled_on() -> None:
    world = scaled(load=3)
    world.apply(suspend=True, version=2)
    world.load(6)
    assert (world.serving, world.replicas()) == ("1", {"1": 6})
    world.api.delete(AUTOSCALERS, NAMESPACE, NAME)
    world.run(5)
    assert world.scaled == "1"


def test_it_goes_with_its_owner() -> None:
    world = scaled()
    world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, NAME)
    world.run(20)
    assert (world.autoscaler, world.replicas()) == (None, {})


def test_during_a_canary_what_serves_keeps_the_pods_for_what_may_come_back() -> None:
    world = scaled(load=6, **canary())
    world.apply(version=2)
    world.run(100)  # half of the traffic is at version 2: version 1 could do with three pods
    assert world.shares[-1] == ("2", 50)
    assert world.replicas() == {"1": 6, "2": 6}
    assert world.least == 6
    world.annotate(**{"pintle.dev/reject-revision": "version/2"})
    world.run(30)
    assert (world.shares[-1], world.serving, world.replicas()) == (("", 0), "1", {"1": 6})
    assert world.least == 2
    assert (world.fewest, world.wrong) == (6, [])


def test_a_canary_is_promoted_at_the_size_of_what_it_replaces() -> None:
    world = scaled(load=6, **canary())
    world.apply(version=2)
    world.run(300)
    assert (world.serving, world.scaled, world.replicas()["2"]) == ("2", "2", 6)
    assert (world.fewest, world.wrong) == (6, [])


def test_at_rest_nothing_is_written() -> None:
    world = scaled()
    world.cluster.requests.clear()
    world.run(300)
    assert world.cluster.writes() == {}


def test_what_the_autoscaler_says_every_fifteen_seconds_is_no_news() -> None:
    world = scaled()
    world.cluster.requests.clear()
    for percent in (70, 75, 80):
        found = world.autoscaler
        assert found
        metric = {"resource": {"name": "cpu", "current": {"averageUtilization": percent}}}
        world.api.set_status(AUTOSCALERS, NAMESPACE, NAME, found["status"] | {"currentMetrics": [metric]})
        world.operate()
    assert world.cluster.requests == []


def test_scaling_out_is_no_degradation() -> None:
    """New pods are on their way; what is declared are two at the least."""
    world = scaled(load=2)
    world.fate("1", Fate(until=Stage.SERVING))
    world.load(6)
    assert world.status["replicasReady"] == "2/6"
    assert (world.condition()["status"], world.condition("Available")["status"]) == ("True", "True")
