"""What the operator and pods may do, and what was done: the audit log of all these tests says it.

The tests of this module come last, and only where all of `tests/e2e` runs: a part of the tests uses a part of
the verbs.
"""

from http import HTTPStatus

import pytest
import yaml

from pintle.domain.resources import PODS
from tests.e2e.conftest import Figure
from tests.support import install
from tests.support.kube import path
from tests.support.pod_security import unrestricted
from tests.support.privileges import Privilege, granted, used
from tests.support.rig import Rig
from tests.support.schemas import REPOSITORY

ROLES = ("base/cluster-role", "base/models-role", "base/lease-role", "components/registry-credentials/role")
ROUTES, SCALERS = "httproutes.gateway.networking.k8s.io", "horizontalpodautoscalers.autoscaling"
# What tests that are slow use, and `make test` does not.
SLOW: dict[Privilege, str] = {
    (ROUTES, "create"): "test_canary: a gateway has to be there",
    (ROUTES, "patch"): "test_canary: shares move",
    (ROUTES, "watch"): "test_canary: the kind is not served before",
    ("services", "delete"): "test_canary: the entrance of a revision goes with its share",
    (SCALERS, "create"): "test_autoscaling: metrics have to be there",
    (SCALERS, "patch"): "test_autoscaling: it follows a switch",
}
# What a test of another level brings about, beside a real operator or beside fakes.
ELSEWHERE: dict[Privilege, str] = {
    (ROUTES, "get"): "a name that is taken: tests/reconcile/test_canary.py",
    (ROUTES, "delete"): "spec.gateway is taken away: tests/reconcile/test_canary.py",
    (SCALERS, "get"): "a name that is taken: tests/reconcile/test_autoscaling.py",
    (SCALERS, "delete"): "spec.autoscaling is taken away: tests/reconcile/test_autoscaling.py",
    # These are used by what happens to come about here, as when an operator is killed in the right moment.
    ("leases.coordination.k8s.io", "create"): "there is none from before: tests/faults/test_api_errors.py",
    ("deployments.apps", "get"): "an answer that was lost: tests/reconcile/test_crash_points.py",
    ("controllerrevisions.apps", "get"): "an answer that was lost: tests/reconcile/test_crash_points.py",
    ("deployments.apps", "delete"): "a revision is pruned: tests/reconcile/test_states.py",
    ("controllerrevisions.apps", "delete"): "a revision is pruned: tests/reconcile/test_states.py",
    ("configmaps", "delete"): "a revision is pruned: tests/reconcile/test_states.py",
    ("poddisruptionbudgets.policy", "get"): "a name that is taken: tests/reconcile/test_states.py",
    ("poddisruptionbudgets.policy", "delete"): "disruptionBudget None: tests/faults/test_kills.py",
    ("pods", "delete"): "a pod with other bytes: tests/reconcile/test_review.py",
    ("serviceaccounts", "get"): "an account without its label: tests/reconcile/test_states.py",
    ("clusterregistryconnections.pintle.dev/status", "patch"): (
        "one connection for many: tests/reconcile/test_cluster_connections.py"
    ),
}


@pytest.fixture(scope="module")
def may() -> frozenset[Privilege]:
    """All that manifests grant the operator."""
    texts = ((REPOSITORY / f"manifests/{name}.yaml").read_text() for name in ROLES)
    bodies = (body for text in texts for body in yaml.safe_load_all(text))
    return granted(body for body in bodies if body["kind"].endswith("Role"))


def test_every_verb_is_used(rig: Rig, may: frozenset[Privilege], figure: Figure) -> None:
    did = used(rig.audit.begun(rig.began))
    unused = may - did - SLOW.keys() - ELSEWHERE.keys()
    assert sorted(unused) == []
    assert sorted((SLOW.keys() | ELSEWHERE.keys()) - may) == [], "reasons for what is not granted"
    assert all((REPOSITORY / reason.rpartition(": ")[2]).is_file() for reason in ELSEWHERE.values())
    # The control: what is not asked for here is told from what is.
    assert ("services", "deletecollection") not in did
    assert ("services", "create") in may & did
    figure(f"{len(may)} verbs granted, {len(may & did)} used, {len(unused)} unused without a reason")


@pytest.mark.slow
def test_every_verb_of_slow_tests_is_used(rig: Rig, figure: Figure) -> None:
    did = used(rig.audit.begun(rig.began))
    assert sorted(SLOW.keys() - did) == []
    figure(f"all {len(SLOW)} verbs that only slow tests use")


def test_nothing_was_asked_for_that_is_not_granted(rig: Rig, may: frozenset[Privilege]) -> None:
    """What RBAC refuses is a verb too few, or a question too many. Secrets are the tenants' to open."""
    refused = used(r for r in rig.audit.begun(rig.began) if r.code == HTTPStatus.FORBIDDEN)
    assert sorted(p for p in refused - may if p[0] != "secrets") == []


@pytest.mark.parametrize("tests", ["not slow", pytest.param("slow", marks=pytest.mark.slow)])
def test_pod_security_in_every_namespace(rig: Rig, figure: Figure, tests: str) -> None:
    """No namespace of these tests was without `restricted` for a moment."""
    names, without = unrestricted(rig.audit, rig.began)
    assert sorted(without) == []
    assert {install.SYSTEM, rig.mlflow.namespace} < names
    # What the label is worth: the same pod is taken where nothing is enforced.
    assert "restricted" in _refusal(rig, install.SYSTEM)
    assert _refusal(rig, "default") == ""
    figure(f"Pod Security restricted in {len(names)} of {len(names)} namespaces of tests that are {tests}")


def _refusal(rig: Rig, namespace: str) -> str:
    """What is said against a pod that could run as root."""
    body = {"metadata": {"name": "root"}, "spec": {"containers": [{"name": "root", "image": "root"}]}}
    status, answer = rig.kube.rest.request("POST", path(PODS, namespace), body, query={"dryRun": "All"})
    return str(answer["message"]) if status == HTTPStatus.FORBIDDEN else ""
