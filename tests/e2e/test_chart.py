"""The chart takes over from manifests, is upgraded, rolled back and uninstalled, while a model serves."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.traffic import Declared, Traffic
from pintle.domain.resources import MODEL_RUNTIMES
from testbed.helm import helm
from tests.e2e.conftest import Figure
from tests.support import install
from tests.support.deployed import Deployed, is_ready
from tests.support.load import assert_faultless, load
from tests.support.rig import BOOSTED, LINEAR, Rig
from tests.support.rollbacks import IMAGES
from tests.support.schemas import REPOSITORY
from tests.support.waiting import until

CHART = REPOSITORY / "charts/pintle"


class Release:
    """The chart's release `pintle`, in the operator's namespace."""

    def __init__(self, rig: Rig, program: Path) -> None:
        self._command = [str(program), f"--kubeconfig={rig.kube.cluster.kubeconfig}", f"-n{install.SYSTEM}"]

    def run(self, verb: str, *arguments: str) -> str:
        """Run helm about it; what it printed."""
        done = subprocess.run(
            [*self._command, verb, "pintle", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"helm {verb}: {done.stderr}"
        return done.stdout

    def apply(self, verb: str, *arguments: str, **values: object) -> None:
        """Install or upgrade it with these values, and wait until the operator is ready."""
        sets = [f"--set-json={name.replace('__', '.')}={json.dumps(value)}" for name, value in values.items()]
        self.run(verb, str(CHART), "--wait", "--timeout=3m", *sets, *arguments)


@pytest.fixture
def release(rig: Rig) -> Iterator[Release]:
    """Not there before; afterwards the operator is what the manifests install again."""
    found = Release(rig, helm())
    try:
        yield found
    finally:
        found.run("uninstall", "--ignore-not-found")
        install.install(rig.kube)
        install.wait(rig.kube)


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Deployed:
    """Version 1 serves, with two pods."""
    return Deployed(rig.kube, namespace).serve(LINEAR, replicas=2)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_chart(rig: Rig, release: Release, iris: Deployed, figure: Figure) -> None:
    before = iris.children_but_status()
    with load(iris, rate=20) as traffic:
        # Where manifests were applied before, their objects become the release's.
        release.apply("install", "--take-ownership", "--force-conflicts")
        _same(iris, before, "installed over the manifests")
        # What kubectl has applied it owns too, so that Helm has to be told once more.
        release.apply("upgrade", "--force-conflicts", replicas=2, settings__logLevel="DEBUG")
        _same(iris, before, "upgraded to two replicas")
        release.apply("upgrade", "--force-conflicts", "--reuse-values", runtimes__default__image=IMAGES[1])
        assert rig.kube.get(MODEL_RUNTIMES, "", "default")["spec"]["image"] == IMAGES[1]
        _same(iris, before, "upgraded with another runtime")
        release.run("rollback", "2", "--force-conflicts", "--wait", "--timeout=3m")
        assert rig.kube.get(MODEL_RUNTIMES, "", "default")["spec"]["image"] == IMAGES[0]
        _same(iris, before, "rolled back")
        release.run("uninstall", "--wait")
        until(lambda: not install.operator_pods(rig.kube), within=60, what="the operator is gone")
        assert iris.children_but_status() == before, "uninstalled"
        release.apply("install", "--force-conflicts")
        _same(iris, before, "installed again")
        report = assert_faultless(traffic.stop(), Declared(0, {LINEAR}))
    figure(f"{len(before)} children unchanged by 6 changes of the release; {report}")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_token_takes_one_deployment_to_another_runtime(
    rig: Rig, release: Release, iris: Deployed, figure: Figure
) -> None:
    with rig.namespace("chart-token") as namespace:
        other = Deployed(rig.kube, namespace)
        other.serve(BOOSTED)
        release.apply("install", "--take-ownership", "--force-conflicts", runtimes__default__image=IMAGES[1])
        untouched = iris.children_but_status()
        with load(other, rate=10) as traffic:
            other.edit(rolloutToken="another runtime")
            body = other.ready(BOOSTED)
            images = {
                pod["spec"]["containers"][0]["image"]
                for pod in other.pods_of(body["status"]["serving"]["revision"])
            }
            report = _stopped(traffic)
        assert images == {IMAGES[1]}
        assert iris.children_but_status() == untouched
    figure(f"one deployment has {IMAGES[1]}, the other {len(untouched)} children unchanged; {report}")


def _stopped(traffic: Traffic) -> str:
    return assert_faultless(traffic.stop(), Declared(0, {BOOSTED}))


def _same(iris: Deployed, before: object, when: str) -> None:
    """See that a new operator has looked at it, for it answers an edit, and has changed nothing."""
    iris.edit(revisionHistoryLimit=iris.body()["spec"]["revisionHistoryLimit"] + 1)
    assert is_ready(iris.ready(LINEAR, within=60))
    assert iris.children_but_status() == before, when
