"""`promote`: what to write into the annotation."""

from kubectl_pintle.deployment import Member, ModelDeployment
from kubectl_pintle.names import ANNOTATION_PROMOTE, Json
from kubectl_pintle.rollback import Refused, unchanged


def choose(deployment: ModelDeployment) -> Member:
    """The candidate of a canary.

    Raises:
        Refused: there is none, or it would take all of the traffic, or none, whatever is written; or it may
            be of before the last edit.
    """
    candidate = deployment.candidate
    if not deployment.by_steps:
        raise Refused(
            f"{deployment.full} has no canary: with spec.rollout.strategy: Switch a version takes all of the "
            "traffic as soon as it has proven itself"
        )
    if deployment.suspended:
        raise Refused(
            "spec.suspend holds back every change of what serves, this one too: set it to false first"
        )
    if not deployment.seen:
        raise Refused(f"the operator has not seen the last edit of {deployment.full} yet: try again")
    if candidate is None:
        serves = f"version {deployment.serving.version} serves" if deployment.serving else "nothing serves"
        raise Refused(f"nothing is on its way to the traffic: {serves}")
    return candidate


def patch(deployment: ModelDeployment, candidate: Member) -> list[Json]:
    """A JSON patch that writes the annotation; refused if anybody changed the spec since it was read."""
    tests = unchanged(deployment)
    metadata = deployment.body["metadata"]
    if metadata.get("annotations"):
        where = f"/metadata/annotations/{ANNOTATION_PROMOTE.replace('/', '~1')}"
        return [*tests, {"op": "add", "path": where, "value": candidate.hash}]
    # To write the first annotation is to write all of them: nobody else's may be there by now.
    version = metadata["resourceVersion"]
    return [
        *tests,
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "add", "path": "/metadata/annotations", "value": {ANNOTATION_PROMOTE: candidate.hash}},
    ]
