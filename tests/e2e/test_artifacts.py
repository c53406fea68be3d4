"""Artifacts that change behind the registry's back, or are not what may be written to a disk.

Each ends in its own reason, nothing is held against a version that it is not guilty of, and what serves
serves on. The control of each is the same artifact without the change.
"""

import time
from collections.abc import Iterator

import pytest

from demo.traffic import Declared, Traffic
from pintle import naming
from pintle.domain.resources import PODS
from tests.e2e.conftest import Figure
from tests.support.altering_registry import altering_registry
from tests.support.deployed import Deployed, condition, ended, epoch, fetched
from tests.support.kube import QUOTAS
from tests.support.load import assert_faultless, load
from tests.support.mlflow_pod import MlflowPod
from tests.support.rig import BOOSTED, LINEAR, Rig
from tests.support.waiting import until
from tests.support.watching import Watch, watching

# From what the pod or the registry says to the reason on the object.
LIMIT_SECONDS = 15.0
# The kubelet tells times in whole seconds, rounded down, and waits before it starts a container again.
RESTART_SECONDS = 60.0
ATTACKS = {"upwards": "../escaped", "absolute": "/tmp/escaped", "inside-out": "data/../../escaped"}  # noqa: S108


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Deployed:
    """Version 1 serves with two pods."""
    return Deployed(rig.kube, namespace).serve(LINEAR, replicas=2)


@pytest.fixture
def traffic(iris: Deployed) -> Iterator[Traffic]:
    """Predictions for as long as a test takes: version 1 answers every one."""
    iris.ready(LINEAR)
    with load(iris, rate=10) as sent:
        yield sent
        assert_faultless(sent.stop(), Declared(0, {LINEAR}))


@pytest.mark.slow
def test_changed_between_the_first_two_pods(rig: Rig, figure: Figure) -> None:
    """A quota lets one pod start at a time, and the artifact changes in between."""
    with rig.namespace("first-pods") as namespace:
        iris = Deployed(rig.kube, namespace)
        quota = {"metadata": {"name": "one-pod"}, "spec": {"hard": {"pods": "1"}}}
        rig.kube.create(QUOTAS, namespace, quota)
        iris.create(version=int(LINEAR), replicas=2)
        until(lambda: fetched(iris.pods()), within=90, what="one pod has its artifact", now=iris.pods)
        with rig.mlflow.changed(LINEAR):
            rig.kube.delete(QUOTAS, namespace, "one-pod")
            # Its controller waits longer after each refusal, minutes by now. A change has it look at once.
            rig.kube.kubectl("-n", namespace, "annotate", "replicasets", "--all", "tests=room-for-two")
            times = until(
                lambda: len(found := fetched(iris.pods())) == 2 and found,
                within=120,
                what="two have",
                now=lambda: rig.kube.kubectl("-n", namespace, "get", "pods,replicasets,events"),
            )
            body = iris.refused("ArtifactChanged", within=LIMIT_SECONDS)
            took = time.time() - max(times)
        ready = condition(body, "Ready")
        assert "changed while it was fetched" in ready["message"], ready
        assert "nothing serves yet" in ready["message"], ready
        assert took <= LIMIT_SECONDS
        iris.edit(rolloutToken="the artifact is what it was")
        iris.ready(LINEAR)
    figure(f"ArtifactChanged {took:.1f} s after the second pod had it; the same bytes for all serve")


@pytest.mark.slow
def test_changed_after_it_was_pinned(rig: Rig, iris: Deployed, traffic: Traffic, figure: Figure) -> None:
    """A replacement refuses other bytes; the version is not rejected for it, and the other pod serves on."""
    revision = iris.body()["status"]["serving"]["revision"]
    doomed, other = iris.pods_of(revision)
    with rig.mlflow.changed(LINEAR):
        rig.kube.delete(PODS, iris.namespace, doomed["metadata"]["name"])
        pod = until(
            lambda: next(filter(ended, iris.pods_of(revision)), None), within=60, what="a pod has refused"
        )
        body = iris.refused("Degraded", within=LIMIT_SECONDS)
        ready = until(
            lambda: (c := condition(iris.body(), "Ready")) and "cleared with" in c["message"] and c,
            within=LIMIT_SECONDS,
            what="the condition has the pod's words",
            now=lambda: condition(iris.body(), "Ready"),
        )
        took = time.time() - (ended(pod) or 0.0)
        assert "ArtifactChanged" in ready["message"], ready
    iris.ready(LINEAR, within=RESTART_SECONDS)
    for seen in (body, iris.body()):
        assert revision not in {r["revision"] for r in seen["status"].get("rejected", ())}
    assert iris.body()["status"]["serving"]["revision"] == revision
    assert other["metadata"]["uid"] in iris.serving_pods(), "the other pod was touched"
    assert took <= LIMIT_SECONDS
    figure(
        f"Degraded, in the pod's own words, {took:.1f} s after it refused; {len(traffic.requests())} asked"
    )


def test_changed_before_a_change_of_shape(rig: Rig, iris: Deployed, traffic: Traffic, figure: Figure) -> None:
    """A new shape of a version gets the bytes that the version was cleared with, or none."""
    before = iris.body()["status"]["serving"]["revision"]
    with iris.untouched(), watching(rig.api_client, PODS, iris.namespace) as pods:
        with rig.mlflow.changed(LINEAR):
            iris.edit(podMetadata={"labels": {"shape": "other"}})
            ready = condition(iris.refused("ArtifactChanged"), "Ready")
            took = time.time() - _first_end(pods, "shape", "other")
        assert f"revision {before} keeps serving" in ready["message"], ready
        assert took <= LIMIT_SECONDS
        iris.refused("ArtifactChanged", within=5)
    iris.edit(rolloutToken="the artifact is what it was")
    assert iris.ready(LINEAR)["status"]["serving"]["revision"] != before
    figure(f"ArtifactChanged {took:.1f} s after a pod had refused; {len(traffic.requests())} asked meanwhile")


def test_names_that_lead_out_of_the_artifact(rig: Rig, namespace: str, figure: Figure) -> None:
    """The control is the same server and the same artifact, and a listing without the entry."""
    with (
        altering_registry(rig, namespace, {"honest": "", **ATTACKS}),
        watching(rig.api_client, PODS, namespace) as pods,
    ):
        made = {name: Deployed(rig.kube, namespace, name) for name in ("honest", *ATTACKS)}
        for name, deployed in made.items():
            deployed.create(version=int(LINEAR), registryRef={"name": name})
        for name, entry in ATTACKS.items():
            stalled = condition(made[name].refused("UnsafeArtifact"), "Stalled")
            assert repr(entry) in stalled["message"], stalled
            took = epoch(stalled["lastTransitionTime"]) - _first_end(pods, naming.LABEL_DEPLOYMENT, name)
            assert took <= LIMIT_SECONDS
        made["honest"].ready(LINEAR)
        for deployed in made.values():
            deployed.delete()
    figure(f"UnsafeArtifact for each of {', '.join(ATTACKS.values())}; without it the version serves")


def _first_end(pods: Watch, label: str, value: str) -> float:
    """When a container of a pod with this label failed; the pod may be gone again, as it was refused."""
    seen = pods.first(
        lambda pod: pod["metadata"]["labels"].get(label) == value and ended(pod),
        within=5,
        what=f"the end of a pod whose {label} is {value}",
    )
    return ended(seen.object) or 0.0


@pytest.mark.slow
def test_host_header_refused(rig: Rig, iris: Deployed, traffic: Traffic, figure: Figure) -> None:
    """An MLflow that goes by other names says so; asked by one that it goes by, it answers."""
    strict = MlflowPod(rig.kube, "e2e-mlflow-hosts", hosts="mlflow.e2e-mlflow-hosts.svc:5000")
    strict.create()
    try:
        strict.wait()
        other_name = strict.uri.replace(".svc:", ".svc.cluster.local:")
        rig.connect(iris.namespace, "other-name", other_name)
        rig.connect(iris.namespace, "own-name", strict.uri)
        with iris.untouched():
            edited = time.time()
            iris.edit(registryRef={"name": "other-name"}, version=int(BOOSTED))
            ready = condition(iris.refused("HostHeaderRefused", within=LIMIT_SECONDS), "Ready")
            took = time.time() - edited
            assert f"--allowed-hosts {other_name.removeprefix('http://')}" in ready["message"], ready
            assert f"version {LINEAR} keeps serving" in ready["message"], ready
            iris.edit(registryRef={"name": "own-name"})
            iris.refused("VersionNotFound", within=LIMIT_SECONDS)
            iris.edit(registryRef={"name": "mlflow"}, version=int(LINEAR))
            iris.ready(LINEAR, within=10)
    finally:
        strict.delete()
    figure(f"HostHeaderRefused {took:.1f} s after the edit; {len(traffic.requests())} asked meanwhile")
