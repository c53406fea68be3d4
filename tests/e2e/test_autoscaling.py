"""A real autoscaler on real CPU: out under load, a switch at the larger size, in again without load."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import orjson
import pytest

from demo.traffic import Declared
from pintle.domain.resources import AUTOSCALERS, DEPLOYMENTS, ENDPOINT_SLICES, MODEL_DEPLOYMENTS
from tests.e2e.conftest import Figure
from tests.support import metrics
from tests.support.deployed import Deployed, condition, epoch
from tests.support.kube import path
from tests.support.load import assert_faultless, load
from tests.support.readers import Reader, reader, serving
from tests.support.rig import BOOSTED, LINEAR, Rig
from tests.support.waiting import until
from tests.support.watching import Watch, watching

__all__ = ["reader"]

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
    for change in watch.so_far():
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
    """The version that the operator's autoscaler scales."""
    name = iris.kube.get(AUTOSCALERS, iris.namespace, iris.name)["spec"]["scaleTargetRef"]["name"]
    return str(iris.kube.get(DEPLOYMENTS, iris.namespace, name)["metadata"]["labels"]["pintle.dev/version"])


def is_active(iris: Deployed) -> bool:
    return bool(condition(iris.body(), "ScalingActive")["status"] == "True")


def has_seen(iris: Deployed, version: str, after: float) -> bool:
    """Whether the autoscaler can know of all pods of a version how much they used after a moment."""
    pods = {pod["metadata"]["name"] for pod in iris.pods(version)}
    known = {m["metadata"]["name"]: epoch(m["timestamp"]) for m in metrics.of_pods(iris.kube, iris.namespace)}
    return bool(pods) and all(known.get(name, 0) > after + 2 * metrics.RESOLUTION for name in pods)


@dataclass(frozen=True)
class Story:
    """Load comes, the version changes at the larger size, and the load goes again."""

    rig: Rig
    iris: Deployed

    def tell(self, *, scaled: Callable[[], object], moved: Callable[[], bool]) -> str:
        """Go through it, and see that no pod was missing in it.

        `scaled` is called when it has scaled out; `moved` is whether the new version is what is scaled.
        """
        iris = self.iris
        with watching(self.rig.api_client, ENDPOINT_SLICES, iris.namespace) as slices:
            with load(iris, rate=RATE) as traffic:
                began = time.time()
                self._serve(MOST)
                out = time.time()
                scaled()
                iris.edit(version=int(BOOSTED))
                iris.ready(BOOSTED)
                switched = time.time()
                assert replicas(iris) == {LINEAR: MOST, BOOSTED: MOST}
                until(moved, within=10, what="the autoscaler is moved")
                # By then it has decided by what the new pods use, who had nothing to do before the switch.
                seen = "the new pods' use is known"
                until(lambda: has_seen(iris, BOOSTED, switched), within=120, what=seen)
                down = time.time()
                requests = traffic.stop()
            counts = [n for at, n in behind(slices, iris.name) if at <= down]
            through = counts[counts.index(MOST) :]
            assert min(through) == MOST, behind(slices, iris.name)
            self._serve(LEAST)
            down_again = time.time()
        assert replicas(iris)[BOOSTED] == LEAST
        return (
            f"{LEAST} to {MOST} pods {out - began:.0f} s after the load began;"
            f" switched within {switched - out:.0f} s; never fewer than {min(through)} ready"
            f" behind the Service until the load ended; {LEAST} again {down_again - down:.0f} s later;"
            f" {assert_faultless(requests, Declared(0, {LINEAR, BOOSTED}))}"
        )

    def _serve(self, count: int) -> None:
        until(
            lambda: len(self.iris.serving_pods()) == count,
            within=240,
            what=f"{count} pods serve",
            now=lambda: [a.get("status") for a in self.rig.kube.list(AUTOSCALERS, self.iris.namespace)],
        )


def test_load_up_switch_load_down(rig: Rig, namespace: str, figure: Figure) -> None:
    iris, mark = Deployed(rig.kube, namespace), rig.audit.mark()
    iris.serve(LINEAR, autoscaling=SCALING, resources=RESOURCES)
    assert replicas(iris) == {LINEAR: LEAST}
    rested = time.time()

    def scaled() -> None:
        until(lambda: is_active(iris), within=10, what="it is said that it scales", now=iris.body)

    told = Story(rig, iris).tell(scaled=scaled, moved=lambda: target(iris) == BOOSTED)
    assert replicas(iris)[LINEAR] == MOST, "nothing scales what stands by"
    written = [r for r in rig.audit.settled(mark, namespace).requests if r.is_write and r.is_lean]
    assert [r.verb for r in written if r.resource == "horizontalpodautoscalers"] == ["create", "patch"]
    later = [r for r in written if r.resource.startswith("deployments") and r.began > rested]
    changed = [r for r in later if r.verb != "create"]
    assert changed == [], "how many pods there are was the autoscaler's business alone"
    figure(told)
    iris.delete()


def test_an_autoscaler_of_ones_own(rig: Rig, namespace: str, figure: Figure) -> None:
    """As KEDA makes one: it scales the ModelDeployment by /scale, and counts the pods that serve."""
    iris = Deployed(rig.kube, namespace, "own")
    iris.serve(LINEAR, resources=RESOURCES)
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}
    ref = {"apiVersion": MODEL_DEPLOYMENTS.api_version, "kind": MODEL_DEPLOYMENTS.kind, "name": iris.name}
    spec = {
        "scaleTargetRef": ref,
        "minReplicas": LEAST,
        "maxReplicas": MOST,
        "metrics": [{"type": "Resource", "resource": cpu}],
    }
    rig.kube.create(AUTOSCALERS, namespace, {"metadata": {"name": "keda-hpa-own"}, "spec": spec})

    def scaled() -> None:
        assert iris.body()["spec"]["replicas"] == MOST

    figure(Story(rig, iris).tell(scaled=scaled, moved=lambda: f"-v{BOOSTED}-" in selector(iris)))
    rig.kube.delete(AUTOSCALERS, namespace, "keda-hpa-own")
    iris.delete()


def selector(iris: Deployed) -> str:
    """The pods that an autoscaler counts, by /scale."""
    scale = f"{path(MODEL_DEPLOYMENTS, iris.namespace, iris.name)}/scale"
    return str(orjson.loads(iris.kube.kubectl("get", "--raw", scale))["status"]["selector"])


def test_documented(reader: Reader, figure: Figure) -> None:
    """The how-to page, command by command, as a reader follows it."""
    count = reader.follow("autoscaling.md", one_version=lambda: serving(reader, LINEAR))
    figure(f"{count} commands")
