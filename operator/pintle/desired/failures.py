"""The mark of a revision that failed with traffic: at the Service or the HTTPRoute that took it away.

In the same write, so that neither is ever there without the other. The record is written after that, and then
the mark goes.
"""

from pintle.desired.metadata import precondition
from pintle.domain import Failure, Patch, Resource, Route, Traffic
from pintle.naming import ANNOTATION_FAILED, canonical


def failure(failed: Failure | None) -> dict[str, str | None]:
    """The annotation, as a merge patch writes it."""
    if failed is None:
        return {}
    value = {"revision": failed.revision, "message": failed.message}
    return {ANNOTATION_FAILED: canonical(value).decode()}


def forget(resource: Resource, seen: Traffic | Route) -> Patch:
    """Take the mark away."""
    name = str(seen.body["metadata"]["name"])
    body = {"metadata": precondition(seen) | {"annotations": {ANNOTATION_FAILED: None}}}
    return Patch(resource, name, body, why=f"forget at {resource.kind} {name} what the record says by now")
