"""Another operator, and another release of it: no child changes, and no pod restarts."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pintle.domain.resources import MODEL_RUNTIMES
from tests.e2e.conftest import Figure
from tests.support import install
from tests.support.deployed import OWNED, Deployed
from tests.support.kube import Kube
from tests.support.rig import BOOSTED, LINEAR, NAMES, Rig
from tests.support.rollbacks import IMAGES

# A release that gives its pods another time to end, and so renders every template otherwise.

NEXT_GRACE_SECONDS = 61
NEXT_RELEASE = f"""
import pintle.desired.pod
pintle.desired.pod.GRACE_SECONDS = {NEXT_GRACE_SECONDS}
"""


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Deployed:
    """Version 2 serves and version 1 stands by: there is a child of every kind."""
    return Deployed(rig.kube, namespace).serve(LINEAR, BOOSTED)


@pytest.mark.slow
def test_another_operator(rig: Rig, iris: Deployed, figure: Figure) -> None:
    version = _at_rest(rig, iris)
    before = iris.children_but_status()
    mark = rig.audit.mark()
    install.await_another_operator(rig.kube, install.kill_operator(rig.kube))
    _await_a_look(iris, version)
    assert iris.children_but_status() == before
    tally = rig.audit.settled(mark, iris.namespace)
    assert {r.resource for r in tally.requests if r.is_write} <= {"modeldeployments/status"}, tally
    figure(f"{len(before)} children unchanged; {tally}")


def test_another_release_and_another_runtime(rig: Rig, iris: Deployed, figure: Figure) -> None:
    """What is new reaches what is made from then on: it is seen in the pods of a version that comes later."""
    version = _at_rest(rig, iris)
    before = iris.children_but_status()
    assert {kind for kind, _ in before} >= {kind.plural for kind in OWNED}
    with _default_runtime_with(rig.kube, IMAGES[1]):
        with install.operator_changed(rig.kube, {"sitecustomize.py": NEXT_RELEASE}):
            _await_a_look(iris, version)
            assert iris.children_but_status() == before, "upgraded"
            warm = LINEAR if version == BOOSTED else BOOSTED
            pods = iris.uids()
            iris.edit(version=int(warm))
            iris.ready(warm, within=30)
            assert iris.uids() == pods, "a rollback after an upgrade starts and ends no pod"
            mark = rig.audit.mark()
            iris.edit(version=int(NAMES))
            iris.ready(NAMES)
            (new,) = iris.pods(NAMES)
            assert new["spec"]["terminationGracePeriodSeconds"] == NEXT_GRACE_SECONDS
            assert new["spec"]["containers"][0]["image"] == IMAGES[1]
            rig.audit.settled(mark, iris.namespace, quiet=12)
            after = iris.children_but_status()
        _await_a_look(iris, NAMES)
        assert iris.children_but_status() == after, "downgraded"
    _await_a_look(iris, NAMES)
    assert iris.children_but_status() == after
    figure(f"{len(before)} children unchanged by an upgrade, {len(after)} by a downgrade")


def _at_rest(rig: Rig, iris: Deployed) -> str:
    version, mark = str(iris.body()["spec"]["version"]), rig.audit.mark()
    _await_a_look(iris, version)
    rig.audit.settled(mark, iris.namespace, quiet=12)
    return version


def _await_a_look(iris: Deployed, version: str) -> None:
    """Have the operator look at all of it: it answers an edit that changes nothing."""
    limit = iris.body()["spec"]["revisionHistoryLimit"]
    iris.edit(revisionHistoryLimit=limit + 1)
    iris.ready(version, within=30)


@contextmanager
def _default_runtime_with(kube: Kube, image: str) -> Iterator[None]:
    before = kube.get(MODEL_RUNTIMES, "", "default")["spec"]["image"]
    assert before != image
    kube.merge(MODEL_RUNTIMES, "", "default", {"spec": {"image": image}})
    try:
        yield
    finally:
        kube.merge(MODEL_RUNTIMES, "", "default", {"spec": {"image": before}})
