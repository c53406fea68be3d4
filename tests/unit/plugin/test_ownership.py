"""Who owns `spec`: a table over objects as tools made them, and over what GitOps agents write on them."""

from typing import Any

import pytest

from kubectl_pintle import ownership
from kubectl_pintle.names import FIELD_MANAGER
from tests.support.plugin_states import MANAGERS, TOOLS, load

# Tool -> the field manager that is told; None where an edit stays.
BY_MANAGER = {
    "argo-cd": "argocd-controller",
    "argo-cd-edited": "argocd-controller",
    "argo-cd-client-side": "argocd-controller",
    "flux": "kustomize-controller",
    "server-side": "kubectl",
    "client-side": None,
    "edited": None,
    "plugin": None,
    "scaled": None,
}


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return load(MANAGERS)


def test_every_tool_is_judged(made: dict[str, Any]) -> None:
    assert set(BY_MANAGER) == set(TOOLS) == set(made)


@pytest.mark.parametrize(("tool", "manager"), BY_MANAGER.items())
def test_by_managed_fields(made: dict[str, Any], tool: str, manager: str | None) -> None:
    body = made[tool]
    # Flux's labels are told of below.
    labels = {k: v for k, v in body["metadata"].get("labels", {}).items() if "fluxcd.io" not in k}
    found = ownership.owner({**body, "metadata": {**body["metadata"], "labels": labels}})
    assert (found and found.who) == manager
    if found:
        assert f"field manager {manager} (" in found.evidence


def test_an_edit_takes_a_field_away_from_who_owns_the_rest(made: dict[str, Any]) -> None:
    """The case behind the rule: the one field has another manager now, and the next apply takes it back."""
    of_argo = next(
        f for f in made["argo-cd-edited"]["metadata"]["managedFields"] if f["manager"] == "argocd-controller"
    )
    assert "f:version" not in of_argo["fieldsV1"]["f:spec"]
    assert "f:model" in of_argo["fieldsV1"]["f:spec"]


def _body(**metadata: Any) -> dict[str, Any]:  # noqa: ANN401 - members of metadata
    return {"metadata": {"name": "iris", "namespace": "ml", **metadata}}


ARGO_CD = {"argocd.argoproj.io/tracking-id": "models:pintle.dev/ModelDeployment:ml/iris"}
FLUX = {"kustomize.toolkit.fluxcd.io/name": "models", "kustomize.toolkit.fluxcd.io/namespace": "apps"}
LEFT_ALONE = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}
HELM_RELEASE = {"helm.toolkit.fluxcd.io/name": "models", "helm.toolkit.fluxcd.io/namespace": "apps"}
CONTROLLED = [{"kind": "ModelFamily", "name": "iris", "controller": True}]


@pytest.mark.parametrize(
    ("body", "who", "then"),
    [
        (_body(annotations=ARGO_CD), "Argo CD (application models)", "argocd app get --refresh models"),
        (
            _body(labels={"argocd.argoproj.io/instance": "models"}),
            "Argo CD (application models)",
            "argocd app get --refresh models",
        ),
        (
            _body(labels=FLUX),
            "Flux (kustomization apps/models)",
            "flux reconcile kustomization models -n apps --with-source",
        ),
        (
            _body(labels=HELM_RELEASE),
            "Flux (helmrelease apps/models)",
            "flux reconcile helmrelease models -n apps --with-source",
        ),
        (
            _body(annotations={"meta.helm.sh/release-name": "models"}),
            "Helm (release models)",
            "helm upgrade models with the changed chart or values",
        ),
        (_body(ownerReferences=CONTROLLED), "ModelFamily iris", ""),
    ],
)
def test_by_labels_annotations_and_owners(body: dict[str, Any], who: str, then: str) -> None:
    found = ownership.owner(body)
    assert found is not None
    assert (found.who, found.then) == (who, then)


def _manager(name: str, **more: str) -> dict[str, Any]:
    return {"manager": name, "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}, **more}


def test_what_is_scaled_is_not_applied() -> None:
    """An autoscaler's number, even one of a tool that applies elsewhere; and the control."""
    assert ownership.owner(_body(managedFields=[_manager("Terraform", subresource="scale")])) is None
    assert ownership.owner(_body(managedFields=[_manager("Terraform")])) is not None


def test_flux_would_undo_what_a_manager_named_kubectl_wrote() -> None:
    assert not FIELD_MANAGER.startswith("kubectl")


@pytest.mark.parametrize(
    "body",
    [
        _body(),
        _body(labels={"app.kubernetes.io/instance": "models"}),
        _body(ownerReferences=[{"kind": "ModelFamily", "name": "iris"}]),
        _body(labels=FLUX, annotations=LEFT_ALONE),
    ],
)
def test_nobody(body: dict[str, Any]) -> None:
    assert ownership.owner(body) is None


def test_flux_that_is_told_to_leave_it_alone_has_its_fields_there_still(made: dict[str, Any]) -> None:
    metadata = made["flux"]["metadata"]
    assert ownership.owner(made["flux"]) is not None
    assert ownership.owner({"metadata": {**metadata, "annotations": LEFT_ALONE}}) is None
