"""Names, labels, annotations, hashes and time stamps: every string that two places must agree on.

No child's name is ever truncated: a ModelDeployment's name has at most 40 characters (the CRD
says so), `-v` and a version add at most 12, `-` and the hash 9: 61 of the 63 that a Service's
name and a label's value may have.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

GROUP = "pintle.dev"
VERSION = "v1alpha1"
MANAGER = "pintle"

# Labels. Children carry these and never the parent's: a label that Argo CD or Flux puts on the
# ModelDeployment would otherwise change a pod template and restart models.
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_NAME = "app.kubernetes.io/name"
LABEL_DEPLOYMENT = f"{GROUP}/deployment"
LABEL_REVISION = f"{GROUP}/revision"
LABEL_VERSION = f"{GROUP}/version"
LABEL_REGISTRY = f"{GROUP}/registry"
LABEL_CLUSTER_REGISTRY = f"{GROUP}/cluster-registry"
LABEL_USABLE_BY_MODELS = f"{GROUP}/usable-by-models"

# Marks on the record of a revision (a ControllerRevision).
ANNOTATION_CLEARED = f"{GROUP}/cleared"
ANNOTATION_REJECTED = f"{GROUP}/rejected"
ANNOTATION_ALIAS = f"{GROUP}/alias"
# Marks on the Service: the flip and what follows from it.
ANNOTATION_SINCE = f"{GROUP}/since"
ANNOTATION_STANDBY = f"{GROUP}/standby"
ANNOTATION_RELEASED = f"{GROUP}/released"
# What spec.replicas was while what serves was scaled by spec.autoscaling.
ANNOTATION_AUTOSCALED = f"{GROUP}/autoscaled"
# On a Service that was there before: by whom its owner lets it be taken over, and how that is undone.
ANNOTATION_ADOPT_BY = f"{GROUP}/adopt-by"
ANNOTATION_ADOPTED = f"{GROUP}/adopted"
ANNOTATION_BAKED = f"{GROUP}/baked"
# Mark on the HTTPRoute, beside `since`: whose canary it is, and with which weight.
ANNOTATION_CANARY = f"{GROUP}/canary"
# On both: from which revision traffic was taken for what it did with it, until its record says so.
ANNOTATION_FAILED = f"{GROUP}/failed"
# Marks on Deployments and pods.
ANNOTATION_IDENTITY = f"{GROUP}/identity"
ANNOTATION_RECLAIMED = f"{GROUP}/reclaimed"
ANNOTATION_ROLE = f"{GROUP}/role"
# On Events: a transition as the log of transitions has it, in JSON.
ANNOTATION_TRANSITION = f"{GROUP}/transition"
# What people and other tools write on a ModelDeployment.
ANNOTATION_REJECT = f"{GROUP}/reject-revision"
ANNOTATION_PROMOTE = f"{GROUP}/promote-revision"
ANNOTATION_CHANGE_CAUSE = "kubernetes.io/change-cause"

CREDENTIALS_TYPE = f"{GROUP}/registry-credentials"
MANAGED_SELECTOR = f"{LABEL_MANAGED_BY}={MANAGER}"

HASH_LENGTH = 8


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """One JSON text for equal values, whatever the order of their keys."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """`sha256:...` of a JSON value's canonical text."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def template_digest(template: Any) -> str:  # noqa: ANN401 - any JSON value
    """`sha256:...` of a pod template as the API server returned it.

    A null is a field that is not there: Kubernetes 1.32 writes `creationTimestamp: null`, 1.34 leaves it
    out, and while a cluster is upgraded one API server may answer after the other.
    """
    return digest(_without_nulls(template))


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(v) for v in value]
    return value


def text_digest(text: str) -> str:
    """`sha256:...` of a text as it is, which a pod compares with what it finds."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def revision_name(deployment: str, version: str, inputs: Mapping[str, Any], taken: Iterable[str]) -> str:
    """`iris-v3-1a2b3c4d`: the name of a new revision with these declared inputs.

    `taken` are names of kept records with *other* inputs: where the short hash meets one of
    them, the next salt is tried, as in the Deployment controller's collisionCount.
    """
    names = set(taken)
    for salt in range(len(names) + 1):
        text = canonical(inputs if salt == 0 else {"inputs": inputs, "salt": salt})
        name = f"{deployment}-v{version}-{hashlib.sha256(text).hexdigest()[:HASH_LENGTH]}"
        if name not in names:
            return name
    raise AssertionError("one more salt than there are names leaves one free")


def short_hash(revision: str) -> str:
    """The hash at the end of a revision's name."""
    return revision.rsplit("-", 1)[-1]


def registry_config_name(registry: str) -> str:
    """Name of the ConfigMap that tells pods how to reach a registry: see `pintle.connection_views`."""
    kind, _, name = registry.rpartition("/")
    return f"pintle-cluster-registry-{name}" if kind else f"pintle-registry-{name}"


def registry_tags_name(registry: str) -> str:
    """Name of the ConfigMap that says which tags were written to a registry."""
    kind, _, name = registry.rpartition("/")
    return f"pintle-cluster-tags-{name}" if kind else f"pintle-tags-{name}"


def registry_shown(registry: str) -> str:
    """A registry's name for people."""
    return registry.rpartition("/")[2]


def child_labels(deployment: str) -> dict[str, str]:
    """Labels of every object that belongs to a ModelDeployment."""
    return {LABEL_MANAGED_BY: MANAGER, LABEL_NAME: deployment, LABEL_DEPLOYMENT: deployment}


def revision_labels(deployment: str, revision: str, version: str) -> dict[str, str]:
    """Labels of every object that belongs to one revision."""
    return child_labels(deployment) | {LABEL_REVISION: revision, LABEL_VERSION: version}


def revision_selector(deployment: str, revision: str) -> dict[str, str]:
    """Selects the pods of one revision, and no other pod even where hashes should meet."""
    return {LABEL_DEPLOYMENT: deployment, LABEL_REVISION: revision}


def timestamp(moment: datetime) -> str:
    """RFC 3339 in whole seconds and UTC, as `metav1.Time` is written."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(moment: datetime) -> str:
    """RFC 3339 in microseconds and UTC, as `metav1.MicroTime` is written."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_FIRST_YEAR, _LAST_YEAR = 1970, 2999


def parse_time(text: object) -> datetime | None:
    """A time stamp read back, or None for what is none: marks can be edited by hand.

    Nor is one that no clock has shown, as adding to it would leave the calendar.
    """
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
