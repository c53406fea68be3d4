"""Taking over a Service that was there before: the write that does it, and what of it stays its owner's.

Clients know such a Service by its address, its type and the number of its port: these stay. Where it leads to
is Pintle's from then on.
"""

from typing import Any

from pintle.api import ModelDeployment
from pintle.desired.metadata import owned, precondition
from pintle.domain import Child, Json, Patch
from pintle.domain.resources import SERVICES
from pintle.naming import ANNOTATION_ADOPT_BY, ANNOTATION_ADOPTED, LABEL_DEPLOYMENT, canonical

# The name of the port that the pods answer at.
POD_PORT = "http"


def adopt(
    deployment: ModelDeployment,
    found: Child,
    labels: dict[str, str],
    annotations: dict[str, str | None],
    selector: dict[str, str],
) -> Patch:
    """Take a Service over and switch it in one write, refused if anybody wrote it meanwhile.

    Owners that it has besides keep it too. Their references are written again, as a merge patch replaces a
    list whole.
    """
    metadata, spec = found.body["metadata"], found.body["spec"]
    mine = owned(deployment, found.name, labels)["ownerReferences"]
    body = {
        "metadata": precondition(found)
        | {
            "labels": labels,
            "annotations": annotations | {ANNOTATION_ADOPTED: undo(found.body)},
            "ownerReferences": [*(metadata.get("ownerReferences") or ()), *mine],
        },
        "spec": {
            "selector": dict.fromkeys(spec.get("selector") or {}) | selector,
            "ports": leading_to_pods(found.body),
        },
    }
    return Patch(SERVICES, found.name, body, why="adopt the Service, and switch its traffic")


def undo(service: Json) -> str:
    """The JSON patch that has a Service lead to where it led before it was adopted."""
    spec, kept = service["spec"], (service["metadata"].get("annotations") or {}).get(ANNOTATION_ADOPTED)
    selector = spec.get("selector") or {}
    if kept and LABEL_DEPLOYMENT in selector:
        return str(kept)  # an orphan of one that had adopted it: this leads to what was there at first
    before = {"selector": selector, "ports": spec.get("ports") or []}
    patch = [{"op": "replace", "path": f"/spec/{name}", "value": value} for name, value in before.items()]
    return canonical(patch).decode()


def is_adopted(service: Json) -> bool:
    """Whether a Service of ours was somebody's before, who may also have put it back as it was."""
    annotations = service.get("metadata", {}).get("annotations") or {}
    return ANNOTATION_ADOPTED in annotations or ANNOTATION_ADOPT_BY in annotations


def leading_to_pods(service: Json) -> list[dict[str, Any]]:
    """The ports of an adopted Service: its own numbers, names and node ports, to the port of the pods."""
    return [{**port, "targetPort": POD_PORT} for port in service["spec"].get("ports") or ()]
