"""A live Service that somebody made by hand is taken over, and given back, with requests all the time."""

import re
import shlex
import time

import pytest

from demo.traffic import Declared, Traffic, undeclared
from pintle.domain.resources import DEPLOYMENTS, MODEL_DEPLOYMENTS, PODS, SERVICES
from pintle.naming import ANNOTATION_ADOPT_BY, ANNOTATION_ADOPTED, LABEL_REVISION
from tests.e2e.conftest import Figure
from tests.support import hand_made
from tests.support.deployed import Deployed, condition
from tests.support.hand_made import DEPLOYMENT, PORT, VERSION
from tests.support.kube import EVENTS, path
from tests.support.load import assert_faultless, load
from tests.support.rest import Json
from tests.support.rig import BOOSTED, LINEAR, Rig
from tests.support.waiting import until

RATE = 100.0


@pytest.fixture
def iris(rig: Rig, namespace: str) -> Deployed:
    """Nothing of Pintle's, and a Service of its name in front of pods by hand."""
    hand_made.create(rig.kube, namespace)
    return Deployed(rig.kube, namespace)


def test_a_live_service_is_adopted_under_load(rig: Rig, iris: Deployed, figure: Figure) -> None:
    before, workload = _service(iris), _workload(iris)
    with load(iris, rate=RATE, port=PORT) as traffic:
        declared = Declared(time.time(), {VERSION})
        iris.create(version=int(LINEAR), replicas=2)
        told = condition(iris.refused("NameTaken"), "Ready")["message"]
        assert f"{ANNOTATION_ADOPT_BY}=iris" in told, told
        assert _service(iris) == before, "it was written without its owner's word"

        _moves(declared, LINEAR, VERSION)
        asked = time.time()
        rig.kube.kubectl("-n", iris.namespace, *_command(told))
        iris.ready(LINEAR, within=60)
        took = time.time() - asked
        _answered(traffic, LINEAR)
        declared.allow(time.time(), {LINEAR})

        for version, serving in ((BOOSTED, LINEAR), (LINEAR, BOOSTED)):
            _moves(declared, version, serving)
            iris.edit(version=int(version))
            iris.ready(version)
            _answered(traffic, version)
            declared.allow(time.time(), {version})

        _moves(declared, LINEAR, VERSION)
        led_away = time.time()
        hand_made.apply(rig.kube, iris.namespace)
        until(
            lambda: _led_back(iris),
            within=30,
            what="what applied the Service was undone",
            now=lambda: _service(iris),
        )
        iris.ready(LINEAR, within=30)
        _answered(traffic, LINEAR)
        declared.allow(time.time(), {LINEAR})
        led_back = time.time()

        after = _service(iris)
        rig.kube.rest.ok(
            "DELETE",
            path(MODEL_DEPLOYMENTS, iris.namespace, iris.name),
            query={"propagationPolicy": "Orphan"},
        )
        until(
            lambda: rig.kube.find(MODEL_DEPLOYMENTS, iris.namespace, iris.name) is None,
            within=60,
            what="it is gone",
        )
        _moves(declared, LINEAR, VERSION)
        undo = after["metadata"]["annotations"][ANNOTATION_ADOPTED]
        rig.kube.kubectl("-n", iris.namespace, "patch", "service", "iris", "--type=json", "-p", undo)
        _answered(traffic, VERSION)
        requests = traffic.stop()
    # `kubectl apply` adds its keys to the selector, which names no pods then: see move-in.md.
    meanwhile = [r for r in requests if led_away <= r.began <= led_back]
    said = assert_faultless([r for r in requests if not led_away <= r.began <= led_back], declared)
    lost = [r for r in meanwhile if r.outcome == "lost"]
    assert {r.outcome for r in meanwhile} <= {"ok", "lost"}
    assert undeclared(meanwhile, declared) == []
    kept = {k: v for k, v in before["spec"].items() if k not in ("selector", "ports")}
    assert {k: after["spec"][k] for k in kept} == kept
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert _service(iris)["spec"] == before["spec"]
    assert _workload(iris) == workload, "the Deployment by hand was touched"
    assert {r.version for r in requests if r.outcome == "ok"} == {VERSION, LINEAR, BOOSTED}
    until(
        lambda: {"ServiceAdopted", "ServiceLedAway"} <= _told(rig, iris),
        within=30,
        what="Events tell of it",
        now=lambda: _told(rig, iris),
    )
    figure(
        f"{said}; {len(lost)} lost of {len(meanwhile)} while `kubectl apply` led it away; "
        f"Ready {took:.1f} s after the annotation"
    )


def _service(iris: Deployed) -> Json:
    return iris.kube.get(SERVICES, iris.namespace, iris.name)


def _workload(iris: Deployed) -> dict[str, object]:
    """What there is of the Deployment by hand: what was written of it, and its pods."""
    body = iris.kube.get(DEPLOYMENTS, iris.namespace, DEPLOYMENT)
    pods = iris.kube.list(PODS, iris.namespace, "app=iris")
    return {
        "uid": body["metadata"]["uid"],
        "generation": body["metadata"]["generation"],
        "pods": sorted(pod["metadata"]["uid"] for pod in pods),
    }


def _moves(declared: Declared, *versions: str) -> None:
    """From now on each of these may answer."""
    declared.allow(time.time(), set(versions))


def _command(told: str) -> list[str]:
    """The command of a message that has the Service adopted."""
    found = re.search(r"kubectl -n \S+ (annotate service \S+ [^\s;]+)", told)
    assert found, told
    return shlex.split(found[1])


def _led_back(iris: Deployed) -> bool:
    """Whether the Service leads to a revision, at the port of its pods."""
    spec = _service(iris)["spec"]
    ours = LABEL_REVISION in spec["selector"] and "app" not in spec["selector"]
    return ours and spec["ports"][0]["targetPort"] == "http"


def _answered(traffic: Traffic, version: str) -> None:
    """Wait until a version alone answers, after what was done last.

    Ready tells of endpoints that the operator has seen; kube-proxy follows them a moment later.
    """
    since = time.time()
    traffic.wait(
        lambda log: (
            (late := [r for r in log.requests[-50:] if r.began > since]) != []
            and {r.version for r in late[-20:]} == {version}
            and len(late) >= 20
        ),
        60,
        f"answers of version {version} alone",
    )


def _told(rig: Rig, iris: Deployed) -> set[str]:
    """The reasons of the Events about it."""
    events = rig.kube.list(EVENTS, iris.namespace)
    return {e["reason"] for e in events if e["regarding"].get("name") == iris.name}
