"""A real autoscaler on real CPU: out under load, a switch at the larger size, in again without load."""

import time
from collections.abc import Iterator

import pytest

from demo.traffic import Declared
from pintle.domain.resources import AUTOSCALERS, DEPLOYMENTS, ENDPOINT_SLICES
from tests.e2e.conftest import Figure
from tests.support import metrics
from tests.support.deployed import Deployed, condition, epoch
from tests.support.load import assert_faultless, load
from tests.support.rig import BOOSTED, LINEAR, Rig
from tests.support.waiting import until
from tests.support.watching import Watch, watching

# metrics-server is built first, which takes eight minutes on a machine that has not done so before.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

LEAST, MOST = 1, 3
SCALING = {"minReplicas": LEAST, "maxReplicas": MOST, "targetCPUUtilizationPercentage": 60}
# A tenth of a core for each pod: a pod at rest takes a tenth of that.
RESOURCES = {"requests": {"cpu": "100m", "memory": "300Mi"}}
RATE = 60.0


@pytest.fixture(scope="module", autouse=True)
def cluster_metrics(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The cluster has metrics."""
    with metrics.raised(rig.kube, tmp_path_factory.mktemp("metrics")):
        yield


def behind(watch: Watch, name: str) -> list[tuple[float, int]]:
    """When there came to be how many ready pods behind the Service."""
    slices: dict[str, int] = {}
    found: list[tuple[float, int]] = []
    for change in watch.since(0):
        metadata = change.object["metadata"]
        if metadata["labels"].get("kubernetes.io/service-name") != name:
            continue
        endpoints = change.object.get("endpoints") or () if change.type != "DELETED" else ()
        slices[metadata["name"]] = sum(bool(e["conditions"].get("ready")) for e in endpoints)
        found.append((change.at, sum(slices.values())))
    return found


def replicas(iris: Deployed) -> dict[str, int]:
    """Wanted pods of each revision, by version."""
    found = iris.children(DEPLOYMENTS)
    return {d["metadata"]["labels"]["pintle.dev/version"]: d["spec"]["replicas"] for d in found}


def target(iris: Deployed) -> str:
    """The version that the autoscaler scales."""
    name = iris.kube.get(AUTOSCALERS, iris.namespace, iris.name)["spec"]["scaleTargetRef"]["name"]
    return str(iris.kube.get(DEPLOYMENTS, iris.namespace, name)["metadata"]["labels"]["pintle.dev/version"])


def is_active(iris: Deployed) -> bool:
    return bool(condition(iris.body(), "ScalingActive")["status"] == "True")


def has_seen(iris: Deployed, version: str, after: float) -> bool:
    """Whether the autoscaler can know of all pods of a version how much they used after a moment."""
    pods = {pod["metadata"]["name"] for pod in iris.pods(version)}
    known = {m["metadata"]["name"]: epoch(m["timestamp"]) for m in metrics.of_pods(iris.kube, iris.namespace)}
    return bool(pods) and all(known.get(name, 0) > after + 2 * metrics.RESOLUTION for name in pods)


def test_load_up_switch_load_down(rig: Rig, namespace: str, figure: Figure) -> None:
    iris, mark = Deployed(rig.kube, namespace), rig.audit.mark()
    iris.create(version=int(LINEAR), autoscaling=SCALING, resources=RESOURCES)
    iris.ready(LINEAR)
    assert replicas(iris) == {LINEAR: LEAST}
    rested = time.time()
    with watching(rig.api_client, ENDPOINT_SLICES, namespace) as slices:
        with load(iris, rate=RATE) as traffic:
            began = time.time()
            until(
                lambda: len(iris.serving_pods()) == MOST,
                within=240,
                what=f"{MOST} pods serve",
                now=lambda: iris.kube.get(AUTOSCALERS, namespace, iris.name).get("status"),
            )
            out = time.time()
            until(lambda: is_active(iris), within=10, what="it is said that it scales", now=iris.body)
            iris.edit(version=int(BOOSTED))
            iris.ready(BOOSTED)
            switched = time.time()
            assert replicas(iris) == {LINEAR: MOST, BOOSTED: MOST}
            until(lambda: target(iris) == BOOSTED, within=10, what="the autoscaler is moved")
            # By then it has decided by what the new pods use, who had nothing to do before the switch.
            until(lambda: has_seen(iris, BOOSTED, switched), within=120, what="the new pods' use is known")
            down = time.time()
            requests = traffic.stop()
        counts = [n for at, n in behind(slices, iris.name) if at <= down]
        through = counts[counts.index(MOST) :]
        assert min(through) == MOST, behind(slices, iris.name)
        until(
            lambda: replicas(iris)[BOOSTED] == LEAST and len(iris.serving_pods()) == LEAST,
            within=240,
            what=f"{LEAST} pods serve",
            now=lambda: replicas(iris),
        )
        down_again = time.time()
    assert replicas(iris)[LINEAR] == MOST, "nothing scales what stands by"
    written = [r for r in rig.audit.settled(mark, namespace).requests if r.is_write and r.is_lean]
    assert [r.verb for r in written if r.resource == "horizontalpodautoscalers"] == ["create", "patch"]
    later = [r for r in written if r.resource.startswith("deployments") and r.began > rested]
    changed = [r for r in later if r.verb != "create"]
    assert changed == [], "how many pods there are was the autoscaler's business alone"
    lost = assert_faultless(requests, Declared(0, {LINEAR, BOOSTED}))
    figure(
        f"{LEAST} to {MOST} pods {out - began:.0f} s after the load began; switched within"
        f" {switched - out:.0f} s; never fewer than {min(through)} ready behind the Service until the load"
        f" ended; {LEAST} again {down_again - down:.0f} s later; {lost}"
    )
    iris.delete()
