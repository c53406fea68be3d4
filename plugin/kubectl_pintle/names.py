"""Names that the operator and this plugin agree on. They are API (docs/reference/annotations-and-labels.md).

Written down again rather than imported: the plugin is installed without the operator.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

Json: TypeAlias = Mapping[str, Any]

RESOURCE = "modeldeployments.pintle.dev"
KIND = "ModelDeployment"
# What people write, in the order in which one refers to another.
CLUSTER_WIDE = ("modelruntimes.pintle.dev", "clusterregistryconnections.pintle.dev")
NAMESPACED = ("registryconnections.pintle.dev", RESOURCE)

LABEL_DEPLOYMENT = "pintle.dev/deployment"
LABEL_REVISION = "pintle.dev/revision"
LABEL_VERSION = "pintle.dev/version"

ANNOTATION_REJECT = "pintle.dev/reject-revision"
ANNOTATION_PROMOTE = "pintle.dev/promote-revision"
ANNOTATION_CLEARED = "pintle.dev/cleared"
ANNOTATION_REJECTED = "pintle.dev/rejected"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

# Flux takes over the fields of every manager whose name begins with `kubectl`, and undoes them.
FIELD_MANAGER = "pintle-plugin"

REJECTED_BY_USER = "RejectedByUser"
# Reasons of Ready that mean that somebody chose it: nothing goes on, and nothing is wrong.
AWAITING_PROMOTION = "AwaitingPromotion"
HELD = frozenset({"Suspended", "ScaledToZero", AWAITING_PROMOTION})

_REVISION = re.compile(r"(?P<deployment>[a-z][a-z0-9-]*)-v(?P<version>[0-9]+)-(?P<hash>[0-9a-f]{8})")


def short_hash(revision: str) -> str:
    """The hash at the end of a revision's name, by which commands call it."""
    return revision.rsplit("-", 1)[-1]


def deployment_of(revision: str) -> str:
    """`iris` of `iris-v3-1a2b3c4d`; empty where that is no revision's name."""
    found = _REVISION.fullmatch(revision)
    return found["deployment"] if found else ""


def parse_time(text: object) -> datetime | None:
    """A time stamp of the API, or None for what is none."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
