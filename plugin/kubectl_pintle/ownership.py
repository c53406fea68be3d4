"""Whether something else than people's own hands writes `spec`, and would undo an edit of ours.

Told by labels and annotations, which name it best, and by `managedFields`: server-side apply by anybody, and
the field managers of tools that apply by updates.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kubectl_pintle.names import Json

# Field managers that write by updates and will write again.
_APPLIERS = re.compile(
    r"argocd-\S*|kustomize-controller|helm-controller|helm|flux\S*|Terraform|pulumi\S*|fleet\S*"
)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns `spec`. `then` is the command that makes it look at Git now, where there is one."""

    who: str
    evidence: str
    then: str = ""


def owner(body: Json) -> Owner | None:
    """Who owns the spec of an object; None where an edit stays as it is made."""
    return next((found for look in _LOOKS if (found := look(body))), None)


def _labels(body: Json) -> Json:
    labels: Json = body["metadata"].get("labels") or {}
    return labels


def _annotations(body: Json) -> Json:
    annotations: Json = body["metadata"].get("annotations") or {}
    return annotations


def _argo_cd(body: Json) -> Owner | None:
    tracking = _annotations(body).get("argocd.argoproj.io/tracking-id", "")
    label = _labels(body).get("argocd.argoproj.io/instance", "")
    application = tracking.partition(":")[0] or label
    if not application:
        return None
    key = "argocd.argoproj.io/tracking-id" if tracking else "argocd.argoproj.io/instance"
    return Owner(f"Argo CD (application {application})", key, f"argocd app get --refresh {application}")


def _flux(body: Json) -> Owner | None:
    for kind, group in (
        ("kustomization", "kustomize.toolkit.fluxcd.io"),
        ("helmrelease", "helm.toolkit.fluxcd.io"),
    ):
        name, namespace = (
            _labels(body).get(f"{group}/name"),
            _labels(body).get(f"{group}/namespace", "flux-system"),
        )
        if name and _annotations(body).get(f"{group}/reconcile") != "disabled":
            command = f"flux reconcile {kind} {name} -n {namespace} --with-source"
            return Owner(f"Flux ({kind} {namespace}/{name})", f"{group}/name", command)
    return None


def _helm(body: Json) -> Owner | None:
    release = _annotations(body).get("meta.helm.sh/release-name")
    if not release:
        return None
    return Owner(
        f"Helm (release {release})",
        "meta.helm.sh/release-name",
        f"helm upgrade {release} with the changed chart or values",
    )


def _controller(body: Json) -> Owner | None:
    for reference in body["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            who = f"{reference.get('kind')} {reference.get('name')}"
            return Owner(who, "metadata.ownerReferences")
    return None


def _manager(body: Json) -> Owner | None:
    """Whoever applies `spec`. Flux told to leave it alone has its fields there all the same."""
    disabled = "disabled" in (
        _annotations(body).get("kustomize.toolkit.fluxcd.io/reconcile"),
        _annotations(body).get("helm.toolkit.fluxcd.io/reconcile"),
    )
    for name, operation in _managers_of_spec(body):
        if disabled and name in {"kustomize-controller", "helm-controller"}:
            continue
        if operation == "Apply" or _APPLIERS.fullmatch(name):
            return Owner(name, f"field manager {name} ({operation})")
    return None


def _managers_of_spec(body: Json) -> Iterator[tuple[str, str]]:
    for entry in body["metadata"].get("managedFields") or ():
        # What an autoscaler writes through /scale is one number, and not the spec.
        if not entry.get("subresource") and "f:spec" in (entry.get("fieldsV1") or {}):
            yield entry.get("manager", ""), entry.get("operation", "")


_LOOKS: tuple[Callable[[Json], Owner | None], ...] = (_argo_cd, _flux, _helm, _controller, _manager)
