"""What is somebody else's and has a name of ours: may it be taken over, and who has to be told what.

The owner of a Service says that by an annotation (docs/adr/0022-a-service-is-adopted-at-the-first-flip.md).
Without it, or where the switch would not be one, nothing of it is written.
"""

from pintle import views
from pintle.api import ModelDeployment
from pintle.domain import Child, Json, Notice, Traffic
from pintle.naming import ANNOTATION_ADOPT_BY

_HTTP = (None, "http", "HTTP")


def refusal(deployment: ModelDeployment, service: Json) -> str:
    """Why a Service is not taken over, and what to do; "" where it is."""
    name, namespace = deployment.name, deployment.namespace
    who = f"Service {name} in namespace {namespace}"
    named = views.annotation(service, ANNOTATION_ADOPT_BY)
    if not named:
        kubectl = f"kubectl -n {namespace}"
        return (
            f"{who} belongs to somebody else; if nothing needs it: {kubectl} delete service {name}; to have"
            f" it lead to this model without a gap: {kubectl} annotate service {name}"
            f" {ANNOTATION_ADOPT_BY}={name}"
        )
    if named != name:
        return f"{who} is annotated to be adopted by ModelDeployment {named}, and that of its name is {name}"
    if problem := _problem(service):
        return f"{who} cannot be adopted: {problem}"
    return ""


def taken(kind: str, name: str, deployment: ModelDeployment) -> str:
    """What is told of any other child whose name somebody else's object has."""
    command = f"kubectl -n {deployment.namespace} delete {kind.lower()} {name}"
    return (
        f"{kind} {name} in namespace {deployment.namespace} belongs to somebody else; "
        f"if nothing needs it: {command}"
    )


def former(held: Json, deployment: ModelDeployment) -> bool:
    """Whether an object belongs to a ModelDeployment of the same name that is no more."""
    return any(
        r.get("kind") == "ModelDeployment" and r.get("name") == deployment.name
        for r in held["metadata"].get("ownerReferences") or ()
    )


def _problem(service: Json) -> str:
    """What would keep a switch of its selector from being a switch of its traffic."""
    spec = service.get("spec") or {}
    if owner := _controller(service):
        return f"{owner} controls it and would put it back; run both side by side and move the route"
    if spec.get("type") == "ExternalName":
        return "its type is ExternalName, so it leads to a name and selects no pods; use ClusterIP"
    if spec.get("clusterIP") == "None":
        return "it is headless, so its clients know pods by their addresses; use one with a cluster IP"
    if not spec.get("selector"):
        return "it has no selector, so its endpoints are somebody's own; have it select pods"
    if spec.get("publishNotReadyAddresses"):
        return "publishNotReadyAddresses has it lead to pods that are not ready; take that away"
    ports = spec.get("ports") or []
    if len(ports) != 1:
        return f"it has {len(ports)} ports and the pods of a model answer at one; leave it the one for HTTP"
    if ports[0].get("protocol", "TCP") != "TCP" or ports[0].get("appProtocol") not in _HTTP:
        return "its port is not one for HTTP, which is all that the pods of a model speak"
    return ""


def _controller(service: Json) -> str:
    for reference in service["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return f"{reference.get('kind')} {reference.get('name')}"
    return ""


def told(found: Child, revision: str) -> Notice:
    """The Event for a Service that is taken over: what runs on, and who may undo it."""
    manager = views.manager(found.body, "spec.selector")
    by = f" (field manager {manager})" if manager else ""
    text = (
        f"Service {found.name} is adopted and leads to {revision}; the pods that it led to,"
        f" {_shown(found.body)}, run on untouched: delete what runs them when nothing else needs it."
        f" Whoever applies the Service{by} must leave out spec.selector and spec.ports from now on, or has"
        " it led back to them"
    )
    return Notice("Normal", "ServiceAdopted", text)


def led_away(traffic: Traffic, name: str, revision: str) -> Notice:
    """The Event for a Service that somebody has led elsewhere."""
    ports = (traffic.body.get("spec") or {}).get("ports") or ()
    targets = ", ".join(str(port.get("targetPort")) for port in ports)
    text = (
        f"Service {name} was led away by somebody, to {_shown(traffic.body)} at {targets}; it leads to"
        f" {revision} again. What applies the Service must leave out spec.selector and spec.ports"
    )
    return Notice("Warning", "ServiceLedAway", text)


def _shown(service: Json) -> str:
    selector = (service.get("spec") or {}).get("selector") or {}
    return ",".join(f"{k}={v}" for k, v in sorted(selector.items())) or "an empty one"
