"""Notices -> Events, the operator's log, and the log of transitions, which is for audits."""

import logging
from typing import Any

from pintle.api import ModelDeployment
from pintle.domain import Notice, Transition
from pintle.domain.resources import MODEL_DEPLOYMENTS
from pintle.naming import ANNOTATION_TRANSITION, canonical, micro_timestamp
from pintle.ports import Event, Events, Metrics
from pintle.transitions import PROMOTED

log = logging.getLogger(__name__)
# One line for each transition, under a name of its own, so that it can be collected and kept by itself.
transitions = logging.getLogger("pintle.transitions")


class Teller:
    """Tells what has happened to a ModelDeployment to whoever wants to know. Never fails, never waits."""

    def __init__(self, events: Events, metrics: Metrics) -> None:
        self._events = events
        self._metrics = metrics

    def tell(self, deployment: ModelDeployment, notice: Notice) -> None:
        """Hand a notice on. The Event of a transition carries what the log says of it."""
        annotations = {}
        key = f"{deployment.namespace}/{deployment.name}"
        if notice.transition:
            fields = _fields(deployment, notice.transition)
            transitions.info("%s", notice.message, extra={"fields": {"key": key, **fields}})
            annotations[ANNOTATION_TRANSITION] = canonical(fields).decode()
        else:
            extra = {"key": key, "generation": deployment.generation}
            log.info("%s: %s", notice.reason, notice.message, extra=extra)
        self._events.post(
            Event(
                regarding=MODEL_DEPLOYMENTS,
                namespace=deployment.namespace,
                name=deployment.name,
                uid=deployment.uid,
                type=notice.type,
                reason=notice.reason,
                message=notice.message,
                annotations=annotations,
            )
        )
        if notice.reason == PROMOTED:
            self._metrics.transition("promoted")
        elif notice.refused:
            self._metrics.transition("rejected")


def _fields(deployment: ModelDeployment, transition: Transition) -> dict[str, Any]:
    """All members, always: what there is none of is null."""
    return {
        "time": micro_timestamp(transition.time),
        "namespace": deployment.namespace,
        "name": deployment.name,
        "generation": transition.generation,
        "reason": transition.reason,
        "from": transition.before or None,
        "to": transition.after or None,
        "version": transition.version or None,
        "revision": transition.revision or None,
        "runId": transition.run_id or None,
        "alias": transition.alias or None,
        "cause": transition.cause or None,
    }
