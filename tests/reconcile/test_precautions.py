"""What is done for the case that something else goes wrong: each of these is needed once in a long while."""

from pintle.domain.resources import BUDGETS, ENDPOINT_SLICES, MODEL_DEPLOYMENTS, PODS, SERVICES
from pintle.naming import LABEL_REVISION, LABEL_VERSION
from pintle.ports import Resource
from tests.support.fake_api_server import Body, WatchType
from tests.support.fake_cluster import Fault
from tests.support.histories import PROVING
from tests.support.world import NAME, NAMESPACE, World


def serving(*versions: int) -> World:
    """The versions have served one after another; the last one does."""
    world = World()
    for version in versions:
        world.apply(version=version, replicas=2)
        world.run(20)
    assert (world.serving, world.condition()["status"]) == (str(versions[-1]), "True")
    return world


def test_own_writes_are_known_before_the_watch_tells_of_them() -> None:
    world = World()
    world.apply(version=1, replicas=2)
    world.operator.watch.hold()
    world.operate()
    world.clock.advance(5)
    world.operate()
    assert world.cluster.writes()["create", "controllerrevisions"] == 1
    assert {r.status for r in world.cluster.requests} == {200}


def test_one_pod_of_two_that_is_ready_clears_nothing() -> None:
    world = serving(1)
    world.next_fates["2"] = [world.controllers.kubelet.fate, PROVING]
    world.apply(version=2)
    world.run(60)
    assert world.ready_pods("2") == 1
    assert (world.condition()["reason"], world.serving) == ("Proving", "1")


def test_pods_that_served_a_moment_ago_stay_for_ten_seconds() -> None:
    """Nodes learn of a switch at their own pace."""
    world = serving(1, 2)
    before = world.status["serving"]["revision"]
    world.apply(resources={"requests": {"cpu": "200m"}})
    while world.traffic[-1] == before:
        world.run(0.25)
    labels = f"{LABEL_REVISION}={before}"
    world.run(9)
    assert len(world.api.objects(PODS, labels=labels)) == 2
    world.run(3)
    assert world.api.objects(PODS, labels=labels) == []


def test_the_budget_tells_who_served_when_nothing_else_does() -> None:
    """The newer revision has as many pods, and would be taken without it."""
    world = serving(1, 2, 1)
    assert world.api.find(BUDGETS, NAMESPACE, NAME)
    world.operator.stop()
    world.wipe_status()
    world.api.delete(SERVICES, NAMESPACE, NAME)
    world.start_operator()
    world.run(20)
    assert world.served() == ["1", "2", "1"]
    assert world.serving == "1"


def test_the_status_tells_who_served_when_the_budget_is_gone_too() -> None:
    world = serving(1, 2, 1)
    world.operator.stop()
    world.api.delete(BUDGETS, NAMESPACE, NAME)
    world.api.delete(SERVICES, NAMESPACE, NAME)
    world.start_operator()
    world.run(20)
    assert (world.serving, world.condition()["status"]) == ("1", "True")


def test_not_ready_while_endpoints_of_another_version_remain() -> None:
    """A Service of many pods has several slices, and they are written one by one."""
    world = serving(1, 2)
    pod = world.api.objects(PODS, labels=f"{LABEL_VERSION}=2")[0]["metadata"]["name"]
    slices = world.api.objects(ENDPOINT_SLICES)
    metadata = {k: slices[0]["metadata"][k] for k in ("labels", "ownerReferences")} | {"name": "late"}
    target = {"kind": "Pod", "namespace": NAMESPACE, "name": pod}
    endpoints = [{"addresses": ["10.1.0.9"], "conditions": {"ready": True}, "targetRef": target}]
    body = {"metadata": metadata, "endpoints": endpoints, "addressType": "IPv4"}
    world.api.create(ENDPOINT_SLICES, NAMESPACE, body)
    world.apply(version=1)
    world.run(20)
    ready = world.condition()
    assert (ready["status"], ready["reason"], world.serving) == ("False", "Starting", "1")
    assert "endpoints of other revisions remain" in ready["message"]
    world.api.delete(ENDPOINT_SLICES, NAMESPACE, "late")
    world.run(20)
    assert world.condition()["status"] == "True"


def test_ready_while_a_quarter_of_the_pods_is_missing_and_no_more() -> None:
    world = World()
    world.apply(version=1, replicas=4)
    world.run(20)
    found = []
    for number in range(3):
        pods = [p["metadata"]["name"] for p in world.api.objects(PODS)]
        for name in pods[:number]:
            world.controllers.kubelet.own[name] = PROVING
            world.controllers.kubelet.unready(NAMESPACE, name)
        world.run(20)
        found.append((world.status["replicasReady"], world.condition()["reason"]))
    assert found == [("4/4", "Serving"), ("3/4", "Serving"), ("2/4", "Degraded")]


def test_a_late_status_is_not_put_on_an_object_made_again() -> None:
    """It says that what is declared serves, of the generation that the new object has too."""
    world = World()
    told: list[str] = []

    def look(_: WatchType, resource: Resource, obj: Body) -> None:
        if resource == MODEL_DEPLOYMENTS and obj["metadata"]["uid"] != first:
            told.extend(c["reason"] for c in obj["status"].get("conditions", ()) if c["type"] == "Ready")

    def make_again() -> None:
        world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, NAME)
        world.apply(version=1, replicas=2)

    world.apply(version=1, replicas=2)
    first = world.body["metadata"]["uid"]
    world.api.listeners.append(look)
    serving = Fault("patch", "modeldeployments/status", ordinal=3, meanwhile=make_again)
    world.cluster.faults.append(serving)
    world.run(60)
    assert serving.seen >= serving.ordinal
    assert (told[0], told[-1]) == ("Starting", "Serving")


def test_pods_of_an_object_that_is_gone_clear_nothing() -> None:
    """Garbage collection may get to them after the object is made again: they carry the same labels."""
    world = serving(1)
    world.apply(version=2, suspend=True)
    expected = serving(2).revision("2")
    for pod in world.api.objects(PODS):
        labels = pod["metadata"]["labels"] | {LABEL_REVISION: expected}
        body = {"metadata": {"name": f"{pod['metadata']['name']}-former", "labels": labels}, "spec": {}}
        world.api.create(PODS, NAMESPACE, body)
        world.api.set_status(PODS, NAMESPACE, body["metadata"]["name"], pod["status"])
    world.apply(suspend=False)
    world.operate()
    assert world.revision("2") == expected
    assert world.ready_pods("2") == 2
    assert world.serving == "1"
