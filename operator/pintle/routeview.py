"""An HTTPRoute as the API server gives it -> `Route`: who gets which share, and what gateways say of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from pintle.domain import Route
from pintle.naming import ANNOTATION_CANARY, ANNOTATION_SINCE, parse_time
from pintle.views import annotation, deleting, failed, json_annotation

Json = Mapping[str, Any]


def route(body: Json) -> Route:
    """The HTTPRoute of ours."""
    metadata = body["metadata"]
    revision, weight = _canary(body)
    answers = [_answer(body, ref) for ref in (body.get("spec") or {}).get("parentRefs") or ()]
    return Route(
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        revision=revision,
        weight=weight,
        since=parse_time(annotation(body, ANNOTATION_SINCE)),
        sends=dict(_backends(body)),
        accepted=bool(answers) and all(accepted for accepted, _ in answers),
        refused=next((words for _, words in answers if words), ""),
        body=body,
        deleting=deleting(body),
        failed=failed(body),
    )


def _canary(body: Json) -> tuple[str, int]:
    """What we wrote last; a mark that was edited beyond reading is none, and its share is taken back."""
    found = json_annotation(body, ANNOTATION_CANARY) or {}
    revision, weight = found.get("revision"), found.get("weight")
    if isinstance(revision, str) and revision and type(weight) is int and 0 < weight <= 100:  # noqa: PLR2004 - percent
        return revision, weight
    return "", 0


def _backends(body: Json) -> Iterator[tuple[str, int]]:
    for rule in (body.get("spec") or {}).get("rules") or ():
        for backend in rule.get("backendRefs") or ():
            yield str(backend.get("name", "")), int(backend.get("weight", 1))


def _answer(body: Json, ref: Json) -> tuple[bool, str]:
    """Whether a Gateway has accepted what stands there, and if not, why, where it says so.

    A condition of an older generation tells of what stood there before. Of several controllers that answer
    for one Gateway, one that accepts is enough.
    """
    generation = body["metadata"].get("generation", 0)
    refused = ""
    for parent in (body.get("status") or {}).get("parents") or ():
        if _place(body, parent.get("parentRef") or {}) != _place(body, ref):
            continue
        conditions: dict[str, Json] = {
            str(c.get("type")): c
            for c in parent.get("conditions") or ()
            if int(c.get("observedGeneration", 0)) >= generation
        }
        told = [conditions[kind] for kind in ("Accepted", "ResolvedRefs") if kind in conditions]
        if bad := [c for c in told if c.get("status") == "False"]:
            refused = f"Gateway {ref.get('name')}: {bad[0].get('message') or bad[0].get('reason')}"
        elif "Accepted" in conditions and conditions["Accepted"].get("status") == "True":
            return True, ""
    return False, refused


def _place(body: Json, ref: Json) -> tuple[str, str, str]:
    namespace = ref.get("namespace") or body["metadata"].get("namespace", "")
    return str(namespace), str(ref.get("name", "")), str(ref.get("sectionName") or "")
