"""From the release before to this one and back, while a model serves: nothing of it changes or is lost."""

from pathlib import Path

import pytest

from demo.traffic import Declared
from tests.e2e.conftest import Figure
from tests.support import install
from tests.support.deployed import Deployed
from tests.support.former import Former, former, installed
from tests.support.load import assert_faultless, load
from tests.support.rest import Json
from tests.support.rig import BOOSTED, LINEAR, NAMES, Rig
from tests.support.waiting import until

# The operator of before is built first.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

RATE = 50.0


class Upgraded:
    """A model that is looked at beside each change of the release."""

    def __init__(self, rig: Rig, iris: Deployed) -> None:
        self.rig = rig
        self.iris = iris
        self.began = rig.audit.mark()
        self.unchanged = 0

    def children(self) -> dict[tuple[str, str], Json]:
        """All that the operator made of it, once it has done with it and pods that are to end have ended."""
        self.rig.audit.settled(self.began, self.iris.namespace, quiet=12)
        until(
            lambda: not [p for p in self.iris.pods() if "deletionTimestamp" in p["metadata"]],
            within=90,
            what=f"no pod of {self.iris} is on its way out",
        )
        return self.iris.children_but_status()

    def looked_at(self, version: str) -> None:
        """Have the operator look at all of it: it answers an edit that changes nothing."""
        limit = self.iris.body()["spec"]["revisionHistoryLimit"]
        self.iris.edit(revisionHistoryLimit=limit + 1)
        self.iris.ready(version, within=60)

    def same(self, before: dict[tuple[str, str], Json], version: str, when: str) -> None:
        """See that the operator of now has looked at it, and that nothing is another than before."""
        self.looked_at(version)
        assert self.children() == before, when
        self.unchanged += len(before)

    def back_to(self, version: str) -> None:
        """A rollback to what stands by starts no pod and ends none."""
        pods = self.iris.uids()
        self.iris.edit(version=int(version))
        self.iris.ready(version, within=30)
        assert self.iris.uids() == pods
        self.looked_at(version)


@pytest.fixture
def before(rig: Rig, tmp_path: Path) -> Former:
    return former(rig.kube, tmp_path)


def test_up_and_back(
    rig: Rig, namespace: str, before: Former, request: pytest.FixtureRequest, figure: Figure
) -> None:
    request.addfinalizer(lambda: _now(rig))
    before.apply(rig.kube)
    iris = Deployed(rig.kube, namespace)
    seen = Upgraded(rig, iris)
    iris.serve(LINEAR, BOOSTED, replicas=2)
    first = iris.serving_pods_of(LINEAR)
    assert len(first) == 2

    with load(iris, rate=RATE) as traffic:
        children = seen.children()
        install.install_kinds(rig.kube)
        seen.same(children, BOOSTED, "the kinds of now, and the operator of before")
        _now(rig)
        seen.same(children, BOOSTED, "upgraded")
        seen.back_to(LINEAR)
        # A version that comes with the operator of now, so that the one before finds what it has not written.
        iris.edit(version=int(NAMES))
        iris.ready(NAMES)
        children = seen.children()
        before.apply(rig.kube)
        seen.same(children, NAMES, "taken back")
        seen.back_to(LINEAR)
        children = seen.children()
        _now(rig)
        seen.same(children, LINEAR, "upgraded again")
        report = assert_faultless(traffic.stop(), Declared(0, {LINEAR, BOOSTED, NAMES}))
    assert iris.serving_pods_of(LINEAR) == first, "the pods of version 1 served before, in between, and after"
    figure(f"{seen.unchanged} comparisons of children over 4 changes, 0 differ; 0 pods restarted; {report}")


def _now(rig: Rig) -> None:
    """The release of this working tree, over whatever there is."""
    install.install(rig.kube)
    installed(rig.kube)
