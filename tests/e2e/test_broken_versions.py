"""Versions that cannot serve: each ends in its own reason, and what served serves on."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from demo.traffic import Declared, Traffic
from pintle.domain.resources import MODEL_DEPLOYMENTS, PODS, SECRETS, SERVICES
from tests.e2e.conftest import Figure
from tests.support.deployed import Deployed, condition, ended
from tests.support.load import assert_faultless, load
from tests.support.mlflow_pod import ADMIN, ADMIN_PASSWORD, MlflowPod
from tests.support.rig import LINEAR, NAMES, VARIANTS, Rig, version_of
from tests.support.waiting import until
from tests.support.watching import Watch, watching

# From the pod's or the registry's answer to the reason on the object.
LIMIT_SECONDS = 15.0
# Editing back waits for nothing; two busy cores need a moment.
AT_ONCE_SECONDS = 5.0


@dataclass(frozen=True)
class Broken:
    """A variant of the demo's models, the reason that it ends in, and words that name the cause."""

    variant: str
    reason: str
    words: tuple[str, ...]


BROKEN = (
    Broken("nan", "ProofFailed", ("NaN",)),
    Broken("wrong-shape", "ProofFailed", ("(3, 2)", "signature")),
    Broken("raises", "ProofFailed", ("petal width (cm)",)),
    Broken("crash-on-load", "LoadFailed", ("/data/species.csv is not part of the model",)),
    Broken("missing-artifacts", "FetchFailed", ("artifact",)),
    Broken("unsafe-url", "UnsafeRequirement", ("packages.invalid",)),
    Broken("unsafe-index", "UnsafeRequirement", ("--index-url",)),
    Broken("unsafe-sdist", "UnsafeRequirement", ("helper-1.0.tar.gz",)),
)


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Deployed:
    """A deployment that serves version 1."""
    return Deployed(rig.kube, namespace).serve(LINEAR)


@pytest.fixture(scope="module")
def traffic(iris: Deployed) -> Iterator[Traffic]:
    """Predictions through all of these tests: version 1 answers every one."""
    with load(iris, rate=10) as sent:
        yield sent


@dataclass(frozen=True)
class Watches:
    objects: Watch
    pods: Watch


@pytest.fixture
def watches(rig: Rig, namespace: str) -> Iterator[Watches]:
    with (
        watching(rig.api_client, MODEL_DEPLOYMENTS, namespace) as objects,
        watching(rig.api_client, PODS, namespace) as pods,
    ):
        yield Watches(objects, pods)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.variant)
def test_broken_version(
    broken: Broken, iris: Deployed, traffic: Traffic, watches: Watches, figure: Figure
) -> None:
    version = version_of(broken.variant)
    before = iris.uids(LINEAR)
    with iris.untouched():
        generation = iris.edit(version=int(version))["metadata"]["generation"]
        body = iris.refused(broken.reason)
        _check_refusal(body, broken.reason, *broken.words)
        reported = watches.objects.first(
            lambda body: _reports(body, generation, broken.reason), within=5, what="the change of the status"
        )
        failed = watches.pods.first(
            lambda pod: pod["metadata"]["labels"].get("pintle.dev/version") == version and ended(pod),
            within=5,
            what="the end of the pod",
        )
        # The kubelet's time is in whole seconds, rounded down.
        said = ended(failed.object) or 0.0
        assert reported.at - said <= LIMIT_SECONDS
        _edit_back(iris, before)
    _assert_version_1_answered(traffic)
    figure(f"{broken.reason} {reported.at - failed.at:.2f} s after the API server had the pod's end")


def test_version_absent(iris: Deployed, traffic: Traffic, figure: Figure) -> None:
    _assert_answer_of_registry(
        iris,
        {"version": 99},
        "VersionNotFound",
        ("iris", "99", f"newest is {len(VARIANTS)}"),
        figure,
    )
    _assert_version_1_answered(traffic)


def test_registry_connection_absent(iris: Deployed, traffic: Traffic, figure: Figure) -> None:
    words = ("no RegistryConnection elsewhere", "spec.registryRef.name")
    _assert_answer_of_registry(
        iris, {"registryRef": {"name": "elsewhere"}, "version": 2}, "RegistryNotFound", words, figure
    )
    _assert_version_1_answered(traffic)


def test_wrong_credentials(rig: Rig, iris: Deployed, traffic: Traffic, figure: Figure) -> None:
    guarded = MlflowPod(rig.kube, "e2e-mlflow-auth", users=True)
    guarded.create()
    try:
        guarded.wait()
        _give_credentials(rig, iris.namespace, "wrong")
        rig.connect(iris.namespace, "guarded", guarded.uri, secret="mlflow-credentials")
        edit = {"registryRef": {"name": "guarded"}, "version": 2}
        _assert_answer_of_registry(iris, edit, "RegistryForbidden", ("guarded", "401"), figure)
        # The control: with the right password the same registry answers, that it has no such model.
        iris.edit(**edit)
        iris.refused("RegistryForbidden", within=30)
        _give_credentials(rig, iris.namespace, ADMIN_PASSWORD)
        iris.refused("VersionNotFound", within=90)
        _edit_back(iris, iris.uids(LINEAR))
    finally:
        guarded.delete()
    _assert_version_1_answered(traffic)


def _give_credentials(rig: Rig, namespace: str, password: str) -> None:
    rig.kube.kubectl("-n", namespace, "apply", "-k", "manifests/components/registry-credentials")
    body = {
        "metadata": {"name": "mlflow-credentials"},
        "type": "pintle.dev/registry-credentials",
        "stringData": {"username": ADMIN, "password": password},
    }
    if rig.kube.find(SECRETS, namespace, "mlflow-credentials"):
        rig.kube.merge(SECRETS, namespace, "mlflow-credentials", {"stringData": body["stringData"]})
    else:
        rig.kube.create(SECRETS, namespace, body)


@pytest.mark.parametrize("variant", ["nan", "crash-on-load", "missing-artifacts"])
def test_broken_first_deploy_never_gets_an_endpoint(
    variant: str, rig: Rig, namespace: str, figure: Figure
) -> None:
    broken = next(b for b in BROKEN if b.variant == variant)
    first = Deployed(rig.kube, namespace, f"first-{variant}")
    mark = rig.audit.mark()
    first.create(version=int(version_of(variant)))
    body = first.refused(broken.reason)
    ready = condition(body, "Ready")
    assert all(word in ready["message"] for word in broken.words), ready
    assert "nothing serves yet" in ready["message"]
    assert condition(body, "Available")["reason"] == "NothingServing"
    assert condition(body, "Stalled")["status"] == "True"
    assert "serving" not in body["status"]
    made = rig.audit.settled(mark, namespace).requests
    assert not [r for r in made if r.resource in {"services", "endpointslices"} and r.name == first.name]
    assert rig.kube.find(SERVICES, namespace, first.name) is None
    first.edit(version=int(LINEAR))
    first.ready(LINEAR)
    assert rig.kube.find(SERVICES, namespace, first.name)
    figure(f"{broken.reason}, no Service; made with version {LINEAR}")
    first.delete()


def test_rollout_token_tries_again(rig: Rig, namespace: str, figure: Figure) -> None:
    """A version refused for what is no longer so: only a new token tries it again, and then it serves."""
    again = Deployed(rig.kube, namespace, "again")
    again.serve(LINEAR)
    source = rig.mlflow.run(_SOURCE, NAMES).strip().removeprefix("models:/")
    rig.mlflow.shell(f"mv $(find /data/artifacts -name {source}) /data/hidden")
    try:
        again.edit(version=int(NAMES))
        refused = again.refused("FetchFailed")["status"]["rejected"]
    finally:
        rig.mlflow.shell(f"mv /data/hidden $(dirname $(find /data/artifacts -name 'm-*' | head -1))/{source}")
    tried = again.uids(NAMES)
    again.edit(version=int(LINEAR))
    again.ready(LINEAR, within=AT_ONCE_SECONDS)
    again.edit(version=int(NAMES))
    again.refused("FetchFailed", within=AT_ONCE_SECONDS)
    assert again.uids(NAMES) <= tried, "the mark stays: nothing is started to try again"
    again.edit(rolloutToken="the artifacts are back")
    body = again.ready(NAMES)
    assert [r["revision"] for r in body["status"]["rejected"]] == [r["revision"] for r in refused]
    assert body["status"]["serving"]["revision"] != refused[0]["revision"]
    figure("FetchFailed, and with a new token Serving")
    again.delete()


_SOURCE = """
import sys, mlflow
print(mlflow.MlflowClient("http://localhost:5000").get_model_version("iris", sys.argv[1]).source)
"""


def _assert_answer_of_registry(
    iris: Deployed, edit: dict[str, object], reason: str, words: tuple[str, ...], figure: Figure
) -> None:
    """An edit that no pod is started for: the registry's answer says why, or that there is no registry."""
    before = iris.uids()
    with iris.untouched():
        edited = time.time()
        iris.edit(**edit)
        _check_refusal(iris.refused(reason, within=LIMIT_SECONDS), reason, *words)
        took = time.time() - edited
        assert iris.uids() == before
        _edit_back(iris, iris.uids(LINEAR))
    figure(f"{reason} {took:.2f} s after the edit")


def _check_refusal(body: dict[str, object], reason: str, *words: str) -> None:
    ready = condition(body, "Ready")
    assert ready["reason"] == reason
    assert all(word in ready["message"] for word in words), ready["message"]
    assert f"version {LINEAR} keeps serving" in ready["message"], ready["message"]
    assert condition(body, "Stalled")["reason"] == reason
    assert condition(body, "Available")["status"] == "True"


def _reports(body: dict[str, object], generation: int, reason: str) -> bool:
    ready = condition(body, "Ready")
    return ready.get("observedGeneration") == generation and ready["reason"] == reason


def _edit_back(iris: Deployed, before: set[str]) -> None:
    """Back to version 1: at once, and with the pods that serve it."""
    iris.edit(version=int(LINEAR), registryRef={"name": "mlflow"})
    iris.ready(LINEAR, within=AT_ONCE_SECONDS)
    assert iris.uids(LINEAR) == before, "pods of the version that served were started or ended"
    until(lambda: iris.uids() == before, within=90, what="the broken version's pods are gone", now=iris.uids)


def _assert_version_1_answered(traffic: Traffic) -> None:
    requests = traffic.requests()
    assert_faultless(requests, Declared(requests[0].began, {LINEAR}))
