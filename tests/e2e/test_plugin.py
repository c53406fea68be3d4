"""Every command of `kubectl pintle`, as the plugin of a real kubectl, on a real cluster."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
import pytest

from kubectl_pintle import deployment, promotion, rollback
from kubectl_pintle.deployment import ModelDeployment
from kubectl_pintle.names import FIELD_MANAGER
from pintle.domain.resources import DEPLOYMENTS, MODEL_DEPLOYMENTS
from pintle.naming import ANNOTATION_PROMOTE, ANNOTATION_REJECT, short_hash
from tests.e2e.conftest import Figure
from tests.support import install
from tests.support.deployed import Deployed
from tests.support.faults.oracles import untold
from tests.support.gitops import flux
from tests.support.kube import path
from tests.support.rest import Json
from tests.support.rig import BOOSTED, LINEAR, NAN, Rig
from tests.support.terminal import SCRIPTS, environment
from tests.support.waiting import until

# The first test has two rollouts; Flux's code is compiled when it is first asked for.
pytestmark = pytest.mark.timeout(1200)

# To a warm standby; loose, as it must hold on the busiest machine.
LIMIT_SECONDS = 10.0
FLUX = "kustomize-controller"

Patch: TypeAlias = list[Mapping[str, Any]]


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit status."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        """What `-o json` printed."""
        read: dict[str, Any] = orjson.loads(self.out)
        return read


@dataclass(frozen=True)
class Terminal:
    """Somebody who types `kubectl pintle ...`."""

    environment: dict[str, str]
    namespace: str

    def __call__(self, command: str, *arguments: str, within: float = 300) -> Answer:
        done = subprocess.run(
            ["kubectl", "pintle", command, *arguments, "-n", self.namespace],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
        print(
            f"$ kubectl pintle {command} {' '.join(arguments)}\n{done.stdout}{done.stderr}= {done.returncode}"
        )
        return Answer(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def pintle(rig: Rig, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    return Terminal(environment(rig.kube.cluster, tmp_path_factory.mktemp("terminal"), SCRIPTS), namespace)


@pytest.fixture(scope="module")
def deployed(rig: Rig, namespace: str) -> Deployed:
    """Version 2 serves, and version 1 stands by."""
    return Deployed(rig.kube, namespace).serve(LINEAR, BOOSTED)


@pytest.fixture
def iris(deployed: Deployed) -> Iterator[Deployed]:
    """The same, whatever the test before left; Flux, if it has applied it, is forgotten."""
    managers = [f for f in deployed.body()["metadata"]["managedFields"] if f["manager"] != FLUX]
    deployed.annotate(annotations={ANNOTATION_REJECT: None}, labels=None, managedFields=managers)
    deployed.edit(version=int(BOOSTED), suspend=False, rolloutToken=None)
    deployed.ready(BOOSTED)
    yield deployed
    deployed.annotate(annotations={ANNOTATION_REJECT: None})


def test_status(pintle: Terminal, iris: Deployed) -> None:
    told = pintle("status", "iris")
    assert told.code == 0
    assert f"{iris} is Ready: iris version {BOOSTED} serves with 1 of 1 pods" in told.out
    for pod in iris.pods():
        assert pod["metadata"]["name"] in told.out
    assert "Promoted" in told.out
    everything = pintle("status")
    assert everything.code == 0
    assert everything.out.splitlines()[1].split()[:5] == ["iris", "iris", BOOSTED, BOOSTED, "yes"]
    data = pintle("status", "iris", "-o", "json").data
    assert (data["ready"], data["serving"]["version"], data["standby"]["version"]) == (True, BOOSTED, LINEAR)
    assert {(p["version"], p["role"]) for p in data["pods"]} >= {(BOOSTED, "serving"), (LINEAR, "standby")}
    assert pintle("status", "-A", "-o", "json").data["items"]


def test_status_of_what_is_not_there(pintle: Terminal) -> None:
    told = pintle("status", "absent")
    assert told.code == 2
    assert "NotFound" in told.err


def test_a_version_that_fails(pintle: Terminal, iris: Deployed) -> None:
    """`wait` ends early, with the pod's own words; `rollback` gives up the attempt."""
    iris.edit(version=int(NAN))
    waited = pintle("wait", "iris")
    assert waited.code == 1
    assert "ProofFailed: iris version 4: prediction[0] is NaN" in waited.out
    told = pintle("status", "iris")
    assert told.code == 1
    assert "is not Ready (ProofFailed)" in told.out
    back = pintle("rollback", "iris")
    assert back.code == 0
    assert f"spec.version {NAN} -> {BOOSTED} (it serves)" in back.out
    assert iris.ready(BOOSTED)["spec"]["version"] == int(BOOSTED)


def test_wait(pintle: Terminal, iris: Deployed) -> None:
    assert pintle("wait", "iris").code == 0
    iris.edit(version=int(LINEAR), suspend=True)
    held = pintle("wait", "iris")
    assert held.code == 1
    assert "Suspended: " in held.out
    iris.edit(version=999, suspend=False)
    assert pintle("wait", "iris").code == 1
    with iris.untouched():  # by a revision that no other test has, whose pods may be warm
        iris.edit(version=int(BOOSTED), rolloutToken="waited for")
        late = pintle("wait", "iris", "--timeout", "1s")
        assert late.code == 1
        assert "(not within 1s)" in late.out
    waited = pintle("wait", "iris", "-o", "json")
    assert (waited.code, waited.data["ready"]) == (0, True)


def test_history_and_diff(pintle: Terminal, iris: Deployed) -> None:
    body = iris.body()
    told = pintle("history", "iris")
    assert told.code == 0
    serves = [BOOSTED, short_hash(body["status"]["serving"]["revision"])]
    assert " now " in next(line for line in told.out.splitlines() if line.split()[:2] == serves)
    entries = pintle("history", "iris", "-o", "json").data["history"]
    served = [e for e in entries if e["from"]]
    assert served[0]["runId"] == body["status"]["resolved"]["runId"]
    assert [e["to"] for e in served] == [None, *(e["from"] for e in served[:-1])]
    # Times are whole seconds: of what served for less, nothing can be told by the time.
    for entry in (e for e in served if e["from"] != e["to"]):
        at = pintle("history", "iris", "--at", entry["from"], "-o", "json")
        assert (at.code, at.data["revision"], at.data["cause"]) == (0, entry["revision"], entry["cause"])
    before = pintle("history", "iris", "--at", "2020-01-01T00:00Z")
    assert (before.code, "its history begins at" in before.err) == (1, True)
    compared = pintle("diff", "iris", LINEAR, BOOSTED)
    assert compared.code == 1
    assert f"version {LINEAR}" in compared.out
    revision = body["status"]["serving"]["revision"]
    assert pintle("diff", "iris", revision).code == 0, "what serves is compared with itself"
    assert pintle("diff", revision, f"{revision[:-8]}00000000").code == 2


def test_history_of_changes_that_follow_each_other_at_once(pintle: Terminal, iris: Deployed) -> None:
    """Between pods that run, several in a second: each is told of, though times are whole seconds."""
    versions = [LINEAR, BOOSTED] * 3
    for version in versions:
        iris.edit(version=int(version))
        iris.ready(version)
    assert list(untold(iris.body()["status"])) == []
    entries = pintle("history", "iris", "-o", "json").data["history"]
    assert [e["version"] for e in entries if e["from"]][: len(versions)] == versions[::-1]
    assert [e["outcome"] for e in entries].count("Serving") == 1


def test_rollback(pintle: Terminal, iris: Deployed, figure: Figure) -> None:
    pods = iris.uids(LINEAR)
    tried = pintle("rollback", "iris", "--dry-run")
    assert tried.code == 0
    assert "dry run" in tried.out
    assert iris.body()["spec"]["version"] == int(BOOSTED)
    began = time.monotonic()
    back = pintle("rollback", "iris", "-o", "json")
    whole = time.monotonic() - began
    assert back.code == 0
    assert (back.data["ready"], back.data["serving"]["version"]) == (True, LINEAR)
    assert set(iris.serving_pods()) <= pods, "they ran before"
    moved = back.data["movedSeconds"]
    figure(f"the traffic moved {moved * 1e3:.0f} ms after the edit was seen; the command took {whole:.1f} s")
    assert moved <= LIMIT_SECONDS
    body = iris.body()
    assert _manager_of_version(body) == FIELD_MANAGER
    again = pintle("rollback", "iris", "--to", BOOSTED)
    assert again.code == 0
    assert "took " in again.out
    assert pintle("rollback", "iris", "--to", BOOSTED).code == 0, "it is declared already"


def test_rollback_typed_again_while_it_is_under_way(rig: Rig, pintle: Terminal, iris: Deployed) -> None:
    """Before the operator, which is away, can tell of the first."""
    rig.kube.scale(DEPLOYMENTS, install.SYSTEM, install.OPERATOR, 0)
    try:
        until(lambda: not install.operator_pods(rig.kube), within=60, what="the operator is gone")
        first = pintle("rollback", "iris", "--timeout", "1s")
        again = pintle("rollback", "iris", "--timeout", "1s")
    finally:
        rig.kube.scale(DEPLOYMENTS, install.SYSTEM, install.OPERATOR, 1)
        install.wait(rig.kube)
    assert (first.code, again.code) == (1, 1), "neither was told that it is done"
    assert f"spec.version {BOOSTED} -> {LINEAR} (it stands by)" in first.out
    assert f"declares version {LINEAR} already (it is on its way; " in again.out
    assert iris.ready(LINEAR)["spec"]["version"] == int(LINEAR)


def test_rollback_across_a_change_of_shape(pintle: Terminal, iris: Deployed, figure: Figure) -> None:
    """The traffic goes to the pods that run at once; Ready it is when those of the declared shape serve."""
    iris.edit(rolloutToken="again")
    iris.ready(BOOSTED)
    back = pintle("rollback", "iris", "-o", "json")
    assert (back.code, back.data["serving"]["version"]) == (0, LINEAR)
    moved, whole = back.data["movedSeconds"], back.data["wholeSeconds"]
    figure(f"the traffic moved after {moved:.3f} s, and all was as declared after {whole:.0f} s")
    assert moved <= LIMIT_SECONDS
    assert moved < whole
    iris.edit(rolloutToken=None)  # so that the shape that other tests roll back to stands by
    iris.ready(LINEAR)


def _manager_of_version(body: Json) -> str:
    (manager,) = [
        str(f["manager"])
        for f in body["metadata"]["managedFields"]
        if "f:version" in f["fieldsV1"].get("f:spec", {})
    ]
    return manager


def test_reject(pintle: Terminal, iris: Deployed, figure: Figure) -> None:
    rejected = pintle("reject", "iris", "-o", "json")
    assert rejected.code == 0
    assert rejected.data["serving"]["version"] == LINEAR
    assert (rejected.data["ready"], rejected.data["reason"]) == (False, "RejectedByUser")
    figure(f"the traffic moved {rejected.data['movedSeconds'] * 1e3:.0f} ms after the edit was seen")
    body = iris.body()
    assert body["metadata"]["annotations"][ANNOTATION_REJECT] == f"version/{BOOSTED}"
    assert body["spec"]["version"] == int(BOOSTED)
    held = pintle("rollback", "iris", "--to", BOOSTED)
    assert held.code == 1
    assert "lift that first: kubectl pintle reject iris" in held.err
    cleared = pintle("reject", "iris", "--clear")
    assert cleared.code == 0
    assert f"version {BOOSTED}, which is declared, takes the traffic again" in cleared.out
    again = pintle("reject", "iris", "-o", "json")
    assert (again.code, again.data["serving"]["version"]) == (0, LINEAR), "at once"
    assert pintle("reject", "iris", "--clear").code == 0
    iris.ready(BOOSTED)
    assert pintle("reject", "iris", "--clear").code == 0, "nothing is rejected"


def test_somebody_elses_spec(rig: Rig, pintle: Terminal, namespace: str, iris: Deployed) -> None:
    """Flux applies the object: spec is left alone, and what is written instead survives its next apply."""
    manifest = {
        "apiVersion": "pintle.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "iris", "namespace": namespace, "labels": {"team": "flowers"}},
        "spec": {"registryRef": {"name": "mlflow"}, "model": "iris", "version": int(BOOSTED)},
    }
    kubeconfig = rig.kube.cluster.kubeconfig
    assert flux.apply([manifest], kubeconfig) == {f"ModelDeployment/{namespace}/iris": "configured"}
    generation = iris.body()["metadata"]["generation"]
    handed = pintle("rollback", "iris")
    assert handed.code == 1
    assert f"{FLUX} owns the spec of" in handed.out
    assert f"  -   version: {BOOSTED}\n  +   version: {LINEAR}\n" in handed.out
    assert f"kubectl pintle reject iris version/{BOOSTED} -n {namespace}" in handed.out
    assert iris.body()["metadata"]["generation"] == generation
    rejected = pintle("rollback", "iris", "--reject")
    assert rejected.code == 0
    assert f"version {LINEAR} serves" in rejected.out
    assert flux.apply([manifest], kubeconfig) == {f"ModelDeployment/{namespace}/iris": "unchanged"}
    assert iris.body()["metadata"]["annotations"][ANNOTATION_REJECT] == f"version/{BOOSTED}"
    # The control: what kubectl writes under its own name is gone with Flux's next apply.
    assert pintle("reject", "iris", "--clear").code == 0
    rig.kube.kubectl("-n", namespace, "annotate", "mdep", "iris", f"{ANNOTATION_REJECT}=version/{BOOSTED}")
    flux.apply([manifest], kubeconfig)
    assert ANNOTATION_REJECT not in iris.body()["metadata"].get("annotations", {})
    iris.ready(BOOSTED)
    forced = pintle("rollback", "iris", "--force")
    assert forced.code == 0
    assert iris.ready(LINEAR)["spec"]["version"] == int(LINEAR)


def test_an_edit_in_between_wins(rig: Rig, iris: Deployed) -> None:
    """The API server refuses the patch of a rollback where somebody has edited the object since."""

    def back(read: ModelDeployment) -> Patch:
        change = rollback.edit(read, rollback.choose(read, (), None))
        assert change is not None
        return rollback.patch(read, change)

    _wins_over(back, rig, iris)


@pytest.mark.parametrize("others", [None, "flowers"])
def test_an_edit_in_between_wins_over_a_promotion(rig: Rig, iris: Deployed, others: str | None) -> None:
    """Whether it is the first annotation or not. What serves already is not moved by it."""

    def promote(read: ModelDeployment) -> Patch:
        assert read.serving is not None
        return promotion.patch(read, read.serving)

    iris.annotate(annotations={"team": others})
    _wins_over(promote, rig, iris)
    left = iris.body()["metadata"]["annotations"]
    assert (left.get("team"), ANNOTATION_PROMOTE in left) == (others, True)
    iris.annotate(annotations={"team": None, ANNOTATION_PROMOTE: None})


def _wins_over(patch: Callable[[ModelDeployment], Patch], rig: Rig, iris: Deployed) -> None:
    """The patch is refused that was made before an edit, and taken where it was made after it."""
    stale = patch(deployment.parse(iris.body()))
    iris.edit(revisionHistoryLimit=iris.body()["spec"]["revisionHistoryLimit"] + 1)
    fresh = patch(deployment.parse(iris.ready(BOOSTED)))
    headers = {"Content-Type": "application/json-patch+json"}
    where = path(MODEL_DEPLOYMENTS, iris.namespace, iris.name)
    status, answer = rig.kube.rest.request("PATCH", where, stale, headers=headers)  # type: ignore[arg-type] # a list
    assert status == 422, answer
    status, answer = rig.kube.rest.request("PATCH", where, fresh, headers=headers)  # type: ignore[arg-type]
    assert status == 200, answer


def test_without_pods_to_read(rig: Rig, pintle: Terminal, iris: Deployed) -> None:
    """Somebody who may read ModelDeployments alone is told what could not be read."""
    user = ("--as", "somebody")
    kubectl = rig.kube.kubectl
    kubectl(
        "-n",
        iris.namespace,
        "create",
        "role",
        "reader",
        "--verb=get",
        "--resource=modeldeployments.pintle.dev",
    )
    kubectl("-n", iris.namespace, "create", "rolebinding", "reader", "--role=reader", "--user=somebody")

    def allowed() -> Answer | None:
        told = pintle("status", "iris", *user)
        return told if told.code == 0 else None

    told = until(allowed, within=10, what="the role is in force")
    assert "(not shown: " in told.out
    assert "pods is forbidden" in told.out


def test_export(pintle: Terminal, iris: Deployed) -> None:
    """What it prints can be applied, and is what there is."""
    told = pintle("export")
    assert told.code == 0
    assert {item["kind"] for item in told.data["items"]} == {"RegistryConnection", "ModelDeployment"}
    (mine,) = [item for item in told.data["items"] if item["metadata"]["name"] == iris.name]
    body = iris.body()
    assert mine["spec"] == body["spec"]
    assert "status" not in mine
    applied = iris.kube.kubectl("diff", "--server-side", "--force-conflicts", "-f", "-", stdin=told.out)
    assert applied == "", "applied to where it came from it changes nothing"
    assert any(item["kind"] == "ModelRuntime" for item in pintle("export", "-A").data["items"])
