"""Labels and annotations as Argo CD and Flux write them: nothing that serves may notice."""

import pytest

from pintle.domain.resources import PODS
from tests.e2e.conftest import Figure
from tests.support.deployed import OWNED, Deployed
from tests.support.rig import BOOSTED, LINEAR, Rig

ARGO_CD = {
    "labels": {"app.kubernetes.io/instance": "models"},
    "annotations": {"argocd.argoproj.io/tracking-id": "models:pintle.dev/ModelDeployment:ml/iris"},
}
FLUX = {
    "labels": {
        "kustomize.toolkit.fluxcd.io/name": "models",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    },
    "annotations": {"reconcile.fluxcd.io/requestedAt": "2026-11-22T10:00:00Z"},
}
# Labels that Pintle writes on children, with other values on the parent.
OURS = {"labels": {"app.kubernetes.io/name": "another", "app.kubernetes.io/managed-by": "Helm"}}
GONE = {
    "labels": {"app.kubernetes.io/instance": None},
    "annotations": {"argocd.argoproj.io/tracking-id": None},
}


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Deployed:
    """Version 2 serves, and version 1 stands by: there is a child of every kind."""
    return Deployed(rig.kube, namespace).serve(LINEAR, BOOSTED)


def test_labels_and_annotations_change_no_child(rig: Rig, iris: Deployed, figure: Figure) -> None:
    rig.audit.settled(0, iris.namespace)
    before = iris.children_but_status()
    assert {kind for kind, _ in before} == {kind.plural for kind in (*OWNED, PODS)}
    mark = rig.audit.mark()
    for edit in (ARGO_CD, FLUX, OURS, GONE):
        iris.annotate(**edit)
    # The operator has seen all of them when it has seen the edit that comes after them.
    iris.edit(revisionHistoryLimit=6)
    iris.ready(BOOSTED, within=30)
    assert iris.children_but_status() == before
    tally = rig.audit.settled(mark, iris.namespace)
    assert {r.resource for r in tally.requests if r.is_write} <= {"modeldeployments/status"}, tally
    body = iris.body()
    assert body["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm", "metadata are the user's"
    figure(f"{len(before)} children unchanged; {tally}")
