"""`promote`: what to write into the annotation."""

from kubectl_pintle.deployment import Member, ModelDeployment
from kubectl_pintle.names import ANNOTATION_PROMOTE, Json
from kubectl_pintle.rollback import Refused


def choose(deployment: ModelDeployment) -> Member:
    """The candidate of a canary.

    Raises:
        Refused: there is none, or it would take all of the traffic, or none, whatever is written.
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
    if candidate is None:
        serves = f"version {deployment.serving.version} serves" if deployment.serving else "nothing serves"
        raise Refused(f"nothing is on its way to the traffic: {serves}")
    return candidate


def patch(deployment: ModelDeployment, candidate: Member) -> Json:
    """A merge patch that writes the annotation; refused for an object made anew since."""
    return {"metadata": {"uid": deployment.uid, "annotations": {ANNOTATION_PROMOTE: candidate.hash}}}
