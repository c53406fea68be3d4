"""Whole canaries: who has which share of the route when, and every way out of one."""

from collections.abc import Callable

import pytest

from pintle.domain.resources import HTTP_ROUTES, MODEL_DEPLOYMENTS, PODS, SERVICES
from pintle.errors import Forbidden
from pintle.naming import ANNOTATION_CANARY, ANNOTATION_REJECT
from tests.support.canary_world import GATEWAY, CanaryWorld, canary
from tests.support.fake_cluster import Fault
from tests.support.fake_pods import Failure, Fate
from tests.support.histories import PROVING, check_rest
from tests.support.world import NAME, NAMESPACE

HELD = {"weight": 10, "pause": True}
BY_STEPS = [("", 0), ("2", 10), ("2", 50), ("2", 100), ("", 0)]


@pytest.fixture
def world() -> CanaryWorld:
    """Version 1 serves, by the Service and by the route."""
    made = CanaryWorld("1", "2", "3")
    made.start()
    assert made.condition()["reason"] == "Serving"
    assert made.sends == {NAME: 100}
    assert made.shares == [("", 0)]
    return made


@pytest.fixture
def mid(world: CanaryWorld) -> CanaryWorld:
    """Version 2 has 10 %, for half a minute more."""
    world.apply(version=2)
    world.run(30)
    assert world.sends == {NAME: 90, world.revision("2"): 10}
    assert world.condition()["reason"] == "Canary"
    return world


def check(world: CanaryWorld, *served: str, reason: str = "Serving") -> None:
    """The end of a history: what serves, with nothing left of the canary, and nothing done any more."""
    assert world.condition()["reason"] == reason, world.condition()["message"]
    assert world.served() == list(served)
    assert world.sends == {NAME: 100}
    assert world.entrances == []
    assert world.status["traffic"] == [
        {
            "version": served[-1],
            "revision": world.status["serving"]["revision"],
            "percent": 100,
            "via": "Service",
        }
    ]
    assert world.wrong == []
    check_rest(world)
    assert world.wrong == []


def test_step_by_step_to_all_of_the_traffic(mid: CanaryWorld) -> None:
    assert mid.condition()["message"].startswith("iris version 2 has 10 % of the requests of HTTPRoute iris")
    assert mid.condition()["message"].endswith("version 1 keeps serving")
    assert mid.condition("Reconciling")["reason"] == "Canary"
    assert mid.condition("Available")["status"] == "True"
    assert [(t["version"], t["percent"], t["via"]) for t in mid.status["traffic"]] == [
        ("1", 90, "HTTPRoute"),
        ("2", 10, "HTTPRoute"),
    ]
    rollout = mid.status["rollout"]
    assert (rollout["step"], rollout["weight"]) == ("Canary", 10)
    assert rollout["startedTime"] < rollout["deadlineTime"]
    assert mid.serving == "1"
    mid.run(35)
    assert mid.sends == {NAME: 50, mid.revision("2"): 50}
    assert mid.status["rollout"]["weight"] == 50
    mid.run(110)
    assert mid.sends == {NAME: 50, mid.revision("2"): 50}, "each pause is counted from its own beginning"
    mid.run(30)
    assert mid.shares == BY_STEPS
    assert mid.status["standby"]["version"] == "1"
    assert mid.pods_gone == {}
    check(mid, "1", "2")


def test_the_first_version_has_nothing_to_be_compared_with() -> None:
    world = CanaryWorld("1")
    world.start()
    check(world, "1")


def test_a_share_is_held_until_it_is_promoted(world: CanaryWorld) -> None:
    world.apply(version=2, **canary(HELD, {"weight": 50, "pauseSeconds": 600}))
    world.run(7200, tick=10)
    assert world.condition()["reason"] == "AwaitingPromotion"
    assert "kubectl pintle promote iris" in world.condition()["message"]
    assert not world.condition("Reconciling")
    assert not world.condition("Stalled")
    assert world.shares == [("", 0), ("2", 10)]
    world.promote("2")
    world.run(1)
    assert world.serving == "2"
    world.run(30)
    assert world.shares == [("", 0), ("2", 10), ("", 0)]
    check(world, "1", "2")


def test_what_is_promoted_before_it_is_proven_is_proven_all_the_same(world: CanaryWorld) -> None:
    world.apply(version=2)
    world.operate()
    world.promote("2")
    assert world.serving == "1"
    world.run(30)
    assert world.shares == [("", 0)]
    check(world, "1", "2")


def test_a_promotion_of_another_revision_is_none(mid: CanaryWorld) -> None:
    mid.promote("1")
    mid.run(10)
    assert mid.shares == [("", 0), ("2", 10)]
    assert mid.serving == "1"


def test_going_back_to_what_serves(mid: CanaryWorld) -> None:
    mid.apply(version=1)
    mid.operate()
    assert mid.sends == {NAME: 100}
    assert mid.condition()["status"] == "False", "until the gateway has accepted that"
    assert mid.replicas() == {"1": 2, "2": 2}, "its last requests are answered"
    mid.run(30)
    assert mid.replicas() == {"1": 2}
    assert mid.shares == [("", 0), ("2", 10), ("", 0)]
    check(mid, "1")


def test_a_gateway_that_does_not_follow_has_a_minute(mid: CanaryWorld) -> None:
    mid.controllers.gateway.silent = True
    mid.apply(version=1)
    mid.run(55)
    assert mid.replicas() == {"1": 2, "2": 2}
    assert mid.entrances == [mid.revision("2")]
    mid.run(20)
    assert mid.replicas() == {"1": 2}
    assert mid.entrances == []


def test_rejected_by_command(mid: CanaryWorld) -> None:
    mid.annotate(**{ANNOTATION_REJECT: "version/2"})
    mid.operate()
    assert mid.sends == {NAME: 100}
    mid.run(30)
    assert mid.replicas() == {"1": 2}
    assert mid.shares == [("", 0), ("2", 10), ("", 0)]
    check(mid, "1", reason="RejectedByUser")


def test_rejected_for_its_own_fault(mid: CanaryWorld) -> None:
    """What it does under traffic only: all of its pods end with a code that the runtime gave a reason."""
    mid.fate("2", Fate(failure=Failure("serve", 15, "ProofFailed", "prediction[0] is NaN")))
    mid.lose_pods("2")
    mid.run(30)
    assert mid.condition()["reason"] == "ProofFailed"
    assert mid.replicas() == {"1": 2}
    assert mid.shares == [("", 0), ("2", 10), ("", 0)]
    check(mid, "1", reason="ProofFailed")


def test_other_bytes_in_mid_canary(mid: CanaryWorld) -> None:
    """Rejected while it answers: its share is taken back before the mark."""
    mid.next_fates["2"] = [Fate(content_digest="sha256:" + "f" * 64)]
    pods = mid.api.objects(PODS, labels="pintle.dev/version=2")
    mid.api.delete(PODS, NAMESPACE, pods[0]["metadata"]["name"])
    mid.run(30)
    assert mid.shares == [("", 0), ("2", 10), ("", 0)]
    check(mid, "1", reason="ArtifactChanged")


def test_its_endpoints_are_gone_and_come_again(mid: CanaryWorld) -> None:
    mid.fate("2", PROVING)
    mid.lose_pods("2")
    mid.run(10)
    assert mid.shares == [("", 0), ("2", 10), ("", 0)]
    assert mid.condition()["reason"] == "Proving"
    mid.fate("2", Fate())
    mid.run(30)
    assert mid.shares == [("", 0), ("2", 10), ("", 0), ("2", 10)], "from the first step on"
    mid.run(300)
    assert mid.shares == [("", 0), ("2", 10), *BY_STEPS]
    check(mid, "1", "2")


def test_to_the_standby_at_once(world: CanaryWorld) -> None:
    """P2: a rollback by version takes no steps, and is one write."""
    world.apply(version=2)
    world.run(240)
    assert world.served() == ["1", "2"]
    world.cluster.requests.clear()
    world.apply(version=1)
    world.operate()
    assert world.served() == ["1", "2", "1"]
    first = next(r for r in world.cluster.requests if r.verb != "get")
    assert (first.verb, first.resource, first.name) == ("patch", "services", NAME)
    world.run(30)
    assert world.shares == BY_STEPS
    check(world, "1", "2", "1")


def test_to_the_standby_from_within_a_canary(world: CanaryWorld) -> None:
    world.apply(version=2)
    world.run(240)
    world.apply(version=3)
    world.run(30)
    assert world.shares == [*BY_STEPS, ("3", 10)]
    world.cluster.requests.clear()
    world.apply(version=1)
    world.operate()
    assert world.served() == ["1", "2", "1"]
    first = next(r for r in world.cluster.requests if r.verb != "get")
    assert (first.verb, first.resource, first.name) == ("patch", "services", NAME)
    assert world.sends == {NAME: 100}
    world.run(30)
    assert world.replicas() == {"1": 2, "2": 2}
    check(world, "1", "2", "1")


def test_a_rejection_of_what_serves_takes_no_steps(world: CanaryWorld) -> None:
    """Its standby's time is over: the pods of version 1 start first, and then have everything."""
    world.apply(rollout={**canary()["rollout"], "standbySeconds": 0}, version=2)
    world.run(260)
    assert world.replicas() == {"2": 2}
    world.annotate(**{ANNOTATION_REJECT: "version/2"})
    world.run(60)
    assert world.shares == BY_STEPS
    assert world.serving == "1"
    assert world.wrong == []


def test_a_cold_revision_comes_by_steps(world: CanaryWorld) -> None:
    world.apply(rollout={**canary()["rollout"], "standbySeconds": 0}, version=2)
    world.run(260)
    world.apply(version=1)
    world.run(260)
    assert world.shares == [*BY_STEPS, ("1", 10), ("1", 50), ("1", 100), ("", 0)]
    check(world, "1", "2", "1")


def test_a_third_version_in_mid_canary(mid: CanaryWorld) -> None:
    mid.apply(version=3)
    mid.run(30)
    assert mid.shares == [("", 0), ("2", 10), ("", 0), ("3", 10)]
    assert mid.replicas() == {"1": 2, "3": 2}
    mid.run(300)
    check(mid, "1", "3")


def test_once_more_after_it_was_given_up(mid: CanaryWorld) -> None:
    mid.apply(version=1)
    mid.run(30)
    assert mid.replicas() == {"1": 2}
    mid.apply(version=2)
    mid.run(240)
    assert mid.shares == [("", 0), ("2", 10), *BY_STEPS]
    check(mid, "1", "2")


def test_a_route_that_cannot_be_written_keeps_its_pods(mid: CanaryWorld) -> None:
    """As when the operator's rights were taken away: what the gateway sends there is answered."""
    for ordinal in range(1, 100):
        refused = Forbidden("httproutes is forbidden", status=403)
        mid.cluster.faults.append(Fault("patch", "httproutes", ordinal=ordinal, error=refused))
    mid.apply(version=1)
    mid.run(120)
    assert mid.replicas() == {"1": 2, "2": 2}
    assert "the API server refuses HTTPRoute iris" in mid.condition()["message"]
    mid.annotate(**{ANNOTATION_REJECT: "version/1"})
    mid.cluster.faults.clear()
    mid.annotate(**{ANNOTATION_REJECT: None})
    mid.run(120)
    assert mid.replicas() == {"1": 2}
    check(mid, "1")


def test_late_scaling_does_not_hit_what_has_a_share(world: CanaryWorld) -> None:
    """One process gives version 2 up; another, for whom it is declared again, has given it a share then."""
    world.fate("2", PROVING)
    world.apply(version=2)
    world.run(20)
    other = world.overlap()

    def meanwhile() -> None:
        world.fate("2", Fate())
        world.apply(version=2)
        for _ in range(20):
            other.operate()
            world.controllers.step()
            world.clock.advance(0.25)

    fault = Fault("patch", "deployments/scale", world.revision("2"), meanwhile=meanwhile)
    world.cluster.faults.append(fault)
    world.apply(version=1)
    world.operator.operate()
    assert fault.seen
    assert [r.status for r in world.cluster.requests if r.resource == "deployments/scale"] == [409]
    assert world.sends == {NAME: 90, world.revision("2"): 10}
    assert world.replicas() == {"1": 2, "2": 2}
    world.run(240)
    assert world.shares == BY_STEPS
    assert world.wrong == []


def test_late_giving_up_does_not_hit_what_has_a_share(mid: CanaryWorld) -> None:
    """As above, with nothing written in between but the route: the share itself has to be a fence."""
    mid.apply(version=1)
    mid.run(5)
    assert mid.replicas() == {"1": 2, "2": 2}
    other = mid.overlap()

    def meanwhile() -> None:
        mid.apply(version=2)
        other.operate()
        mid.controllers.step()
        other.operate()
        assert mid.sends == {NAME: 90, mid.revision("2"): 10}

    fault = Fault("patch", "services", NAME, meanwhile=meanwhile)
    mid.cluster.faults.append(fault)
    mid.clock.advance(10)
    mid.operator.operate()
    assert fault.seen
    assert mid.replicas() == {"1": 2, "2": 2}
    mid.run(300)
    assert mid.shares == [("", 0), ("2", 10), *BY_STEPS]
    assert mid.wrong == []


def test_a_promotion_waits_for_enough_pods_for_a_moment(mid: CanaryWorld) -> None:
    mid.run(10)
    mid.fate("2", PROVING)
    pods = mid.api.objects(PODS, labels="pintle.dev/version=2")
    mid.api.delete(PODS, NAMESPACE, pods[0]["metadata"]["name"])
    mid.run(5)
    mid.promote("2")
    mid.run(5)
    assert mid.serving == "1", "one pod is not enough for what two have carried"
    mid.run(10)
    assert mid.serving == "2", "but its patience ends"


def test_another_shape_in_mid_canary(mid: CanaryWorld) -> None:
    """What is warm there has had 10 %, and is no way around the other steps."""
    mid.apply(resources={"requests": {"cpu": "200m"}})
    mid.run(30)
    assert mid.shares == [("", 0), ("2", 10), ("", 0), ("2", 10)]
    assert mid.serving == "1"
    mid.run(300)
    check(mid, "1", "2")


def test_a_switch_is_declared_in_mid_canary(mid: CanaryWorld) -> None:
    mid.apply(rollout={"strategy": "Switch"})
    mid.run(1)
    assert mid.serving == "2"
    mid.run(30)
    assert mid.shares == [("", 0), ("2", 10), ("", 0)]
    check(mid, "1", "2")


def test_room_for_one_is_declared_in_mid_canary(mid: CanaryWorld) -> None:
    """Both are there already: nothing is to be stopped before the other one has the traffic."""
    mid.apply(rollout={"strategy": "Switch", "surge": "None"})
    mid.run(1)
    assert mid.serving == "2"
    mid.run(30)
    assert mid.shares == [("", 0), ("2", 10), ("", 0)]
    check(mid, "1", "2")


def test_a_third_version_that_replaces_first_in_mid_canary(mid: CanaryWorld) -> None:
    """The share is taken back before what serves is stopped; only then do pods of the third one start."""
    mid.apply(version=3, rollout={"strategy": "Switch", "surge": "None"})
    mid.run(1)
    assert (mid.condition()["reason"], mid.sends) == ("Replacing", {NAME: 100})
    mid.run(60)
    assert (mid.served(), mid.replicas()) == (["1", "3"], {"3": 2})
    assert mid.shares == [("", 0), ("2", 10), ("", 0)]
    assert (mid.condition()["reason"], mid.entrances) == ("Serving", [])


def test_the_steps_are_edited_in_mid_canary(mid: CanaryWorld) -> None:
    mid.apply(**canary({"weight": 5, "pauseSeconds": 60}, {"weight": 20, "pauseSeconds": 60}))
    mid.run(30)
    assert mid.shares == [("", 0), ("2", 10), ("2", 5)], "an edit gives no more than there was"
    mid.run(150)
    assert mid.shares == [("", 0), ("2", 10), ("2", 5), ("2", 20), ("", 0)]
    check(mid, "1", "2")


def test_suspended_in_mid_canary(mid: CanaryWorld) -> None:
    mid.apply(suspend=True)
    mid.run(600)
    assert mid.condition()["reason"] == "Suspended"
    assert mid.sends == {NAME: 90, mid.revision("2"): 10}
    assert [t["percent"] for t in mid.status["traffic"]] == [90, 10]
    mid.apply(suspend=False)
    mid.run(180)
    assert mid.shares == BY_STEPS
    check(mid, "1", "2")


def test_suspended_and_its_endpoints_are_gone(mid: CanaryWorld) -> None:
    mid.apply(suspend=True)
    mid.run(10)
    mid.lose_pods("2")
    mid.run(10)
    assert mid.shares == [("", 0), ("2", 10), ("", 0)]
    assert mid.wrong == []


def test_no_replicas_in_mid_canary(mid: CanaryWorld) -> None:
    mid.apply(replicas=0)
    mid.run(60)
    assert mid.serving == "2", "cleared, and declared"
    assert mid.wrong == []
    check(mid, "1", "2")


def test_more_replicas_in_mid_canary(mid: CanaryWorld) -> None:
    mid.apply(replicas=4)
    mid.run(20)
    assert mid.sends == {NAME: 90, mid.revision("2"): 10}
    assert mid.replicas() == {"1": 4, "2": 4}
    mid.run(200)
    assert mid.shares == BY_STEPS
    check(mid, "1", "2")


def test_deleted_in_mid_canary(mid: CanaryWorld) -> None:
    mid.cluster.requests.clear()
    mid.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, NAME)
    mid.run(30)
    assert [r for r in mid.cluster.requests if r.verb not in ("get", "list")] == []
    assert mid.route is None
    assert mid.api.objects(SERVICES) == []


def test_the_status_is_wiped_and_the_operator_starts_anew(mid: CanaryWorld) -> None:
    """Which step it is, and since when, is in the route."""
    mid.wipe_status()
    mid.start_operator()
    mid.run(25)
    assert mid.sends == {NAME: 90, mid.revision("2"): 10}
    assert mid.status["rollout"]["weight"] == 10
    mid.run(15)
    assert mid.sends == {NAME: 50, mid.revision("2"): 50}, "the pause went on meanwhile"
    mid.run(180)
    assert mid.shares == BY_STEPS
    check(mid, "1", "2")


def edit_route(world: CanaryWorld, **spec: object) -> None:
    world.api.patch(HTTP_ROUTES, NAMESPACE, NAME, {"spec": spec})


def more_by_hand(world: CanaryWorld) -> None:
    backends = [
        {"name": NAME, "port": 80, "weight": 50},
        {"name": world.revision("2"), "port": 80, "weight": 50},
    ]
    edit_route(world, rules=[{"backendRefs": backends}])


def lose_the_mark(world: CanaryWorld) -> None:
    marks = {"annotations": {ANNOTATION_CANARY: None}}
    world.api.patch(HTTP_ROUTES, NAMESPACE, NAME, {"metadata": marks})


def delete_entrance(world: CanaryWorld) -> None:
    world.noted.clear()
    world.api.delete(SERVICES, NAMESPACE, world.revision("2"))
    world.noted.clear()  # that it went is what this is about


def change_entrance(world: CanaryWorld) -> None:
    world.api.patch(SERVICES, NAMESPACE, world.revision("2"), {"spec": {"selector": {"app": "other"}}})


BY_HAND: dict[str, Callable[[CanaryWorld], object]] = {
    "another share": more_by_hand,
    "hostnames": lambda w: edit_route(w, hostnames=["other.example.com"]),
    "gateway": lambda w: edit_route(w, parentRefs=[{"name": "other"}]),
    "no mark": lambda w: (
        w.api.patch(HTTP_ROUTES, NAMESPACE, NAME, {"metadata": {"annotations": {"pintle.dev/canary": None}}})
        and None
    ),
    "the route deleted": lambda w: w.api.delete(HTTP_ROUTES, NAMESPACE, NAME),
    "its Service deleted": delete_entrance,
    "its Service changed": change_entrance,
}


@pytest.mark.parametrize("change", BY_HAND, ids=str)
def test_changed_by_hand(mid: CanaryWorld, change: str) -> None:
    """It is put back, and the canary goes on, from its first step where it was lost."""
    BY_HAND[change](mid)
    mid.run(5)
    assert mid.sends == {NAME: 90, mid.revision("2"): 10}
    assert mid.route
    assert mid.route["spec"]["hostnames"] == GATEWAY["hostnames"]
    assert [ref["name"] for ref in mid.route["spec"]["parentRefs"]] == ["public"]
    mid.run(240)
    assert mid.shares[-5:] == BY_STEPS or mid.shares[-4:] == BY_STEPS[1:]
    check(mid, "1", "2")


def test_changed_by_hand_at_rest(world: CanaryWorld) -> None:
    edit_route(world, rules=[{"backendRefs": [{"name": "other", "port": 80, "weight": 100}]}])
    world.noted.clear()  # that `other` has a share is what this is about
    world.run(5)
    check(world, "1")


def test_changed_by_hand_again_and_again(world: CanaryWorld) -> None:
    for number in range(6):
        edit_route(world, hostnames=[f"other{number}.example.com"])
        world.run(5)
    assert [reason for reason in [e.reason for e in world.recorder.events] if reason == "RepairConflict"] == [
        "RepairConflict"
    ]
    assert world.route
    assert world.route["spec"]["hostnames"] == ["other5.example.com"]
    assert world.condition()["reason"] == "Serving"


def test_the_gateway_never_answers(world: CanaryWorld) -> None:
    world.controllers.gateway.silent = True
    world.apply(version=2)
    world.run(3600, tick=10)
    assert world.shares == [("", 0), ("2", 10)], "a pause is counted from when it was accepted"
    assert world.condition()["reason"] == "Canary"
    assert "waits for the Gateway to accept HTTPRoute iris" in world.condition()["message"]
    assert world.condition("Available")["status"] == "True"
    world.controllers.gateway.silent = False
    world.run(50)
    assert world.shares == [("", 0), ("2", 10)]
    world.run(200)
    assert world.shares == BY_STEPS
    check(world, "1", "2")


def test_the_gateway_refuses(world: CanaryWorld) -> None:
    world.controllers.gateway.refuses = "no listener allows this namespace"
    world.apply(version=2)
    world.run(600)
    assert world.condition()["reason"] == "GatewayUnavailable"
    assert "Gateway public: no listener allows this namespace" in world.condition()["message"]
    assert world.condition()["message"].endswith("version 1 keeps serving")
    assert world.serving == "1"
    world.promote("2")
    world.run(30)
    assert world.serving == "2", "a promotion waits for no gateway"
    assert world.condition()["reason"] == "GatewayUnavailable", (
        "what comes through the gateway does not arrive"
    )
    world.controllers.gateway.refuses = ""
    world.run(30)
    check(world, "1", "2")


def test_no_gateway_api_in_the_cluster() -> None:
    world = CanaryWorld("1", "2", "3", served=False)
    world.start()
    assert world.serving == "1", "the first version waits for no gateway"
    assert world.condition()["reason"] == "GatewayNotFound"
    assert "install the Gateway API" in world.condition()["message"]
    assert world.condition("Stalled")["status"] == "True"
    assert world.condition("Available")["status"] == "True"
    world.apply(version=2)
    world.run(600)
    assert world.serving == "1"
    assert world.condition()["reason"] == "GatewayNotFound"
    assert world.cluster.writes()["create", "httproutes"] < 15, "tried again once in a minute"
    statuses = world.cluster.writes()["patch", "modeldeployments/status"]
    world.run(600)
    assert world.cluster.writes()["patch", "modeldeployments/status"] == statuses, "and nothing new is said"
    world.apply(rollout={"strategy": "Switch"}, gateway=None)
    world.run(30)
    assert world.condition()["reason"] == "Serving", "Switch needs none of it"
    assert world.served() == ["1", "2"]


def test_the_gateway_api_is_installed_later() -> None:
    world = CanaryWorld("1", "2", served=False)
    world.start()
    world.apply(version=2)
    world.run(120)
    world.api.unserved.clear()
    world.run(300)
    assert world.shares == BY_STEPS
    check(world, "1", "2")


def test_a_gateway_that_takes_its_moment_is_not_told_of() -> None:
    """The route is made long after the first switch, and is accepted within a moment."""
    world = CanaryWorld("1", served=False)
    world.start()
    world.api.unserved.clear()
    world.recorder.events.clear()
    world.run(120)
    assert [event.reason for event in world.recorder.events] == ["Serving"]


def test_a_gateway_and_no_canary() -> None:
    """The route is there for its own sake, and follows each switch by itself."""
    world = CanaryWorld("1", "2")
    world.apply(version=1, replicas=2, gateway=GATEWAY)
    world.run(20)
    world.apply(version=2)
    world.run(30)
    assert world.shares == [("", 0)]
    check(world, "1", "2")


def test_no_gateway_any_more(world: CanaryWorld) -> None:
    world.apply(gateway=None, rollout={"strategy": "Switch"})
    world.run(20)
    assert world.route is None
    assert world.condition()["reason"] == "Serving"
    world.apply(version=2)
    world.run(20)
    assert world.served() == ["1", "2"]
    check_rest(world)


def test_another_gateway_is_declared(mid: CanaryWorld) -> None:
    mid.apply(gateway={"parentRefs": [{"name": "inner", "sectionName": "web"}], "hostnames": None})
    mid.run(5)
    assert mid.route
    assert [ref["name"] for ref in mid.route["spec"]["parentRefs"]] == ["inner"]
    assert "hostnames" not in mid.route["spec"]
    assert mid.sends == {NAME: 90, mid.revision("2"): 10}
    mid.run(240)
    assert mid.shares == BY_STEPS
    check(mid, "1", "2")


def test_somebody_elses_route_of_that_name() -> None:
    world = CanaryWorld("1")
    rules = [{"backendRefs": [{"name": NAME, "port": 80, "weight": 100}]}]
    body = {"metadata": {"name": NAME}, "spec": {"parentRefs": [], "rules": rules}}
    world.api.create(HTTP_ROUTES, NAMESPACE, body)
    world.start()
    assert world.serving == "1"
    assert world.condition()["reason"] == "NameTaken"
    assert "kubectl -n ml delete httproute iris" in world.condition()["message"]
