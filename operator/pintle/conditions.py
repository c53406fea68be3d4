"""Condition types, their reasons, and the rules that every condition keeps.

One table, as in Flux's source-controller: what a condition means to kstatus (Reconciling or
Stalled) is a property of the reason, not of the place that reports it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pintle.naming import timestamp


class Type(StrEnum):
    """Condition types, in the order in which they stand in `status.conditions`."""

    READY = "Ready"
    AVAILABLE = "Available"
    RESOLVED = "Resolved"
    PROVEN = "Proven"
    SCALING_ACTIVE = "ScalingActive"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class Reason(StrEnum):
    """Reasons of `Ready`; `STATUS` in `kubectl get` shows them. Design section 3 is the source."""

    SERVING = "Serving"
    # Reconciling: goes on by itself.
    RESOLVING = "Resolving"
    STARTING = "Starting"
    PROVING = "Proving"
    CANARY = "Canary"
    REPLACING = "Replacing"
    DEGRADED = "Degraded"
    REGISTRY_UNAVAILABLE = "RegistryUnavailable"
    INSUFFICIENT_CAPACITY = "InsufficientCapacity"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    GATEWAY_UNAVAILABLE = "GatewayUnavailable"
    # Stalled: somebody has to change something; re-checked all the same.
    VERSION_NOT_FOUND = "VersionNotFound"
    ALIAS_NOT_FOUND = "AliasNotFound"
    NOT_APPROVED = "NotApproved"
    REGISTRY_NOT_FOUND = "RegistryNotFound"
    REGISTRY_FORBIDDEN = "RegistryForbidden"
    HOST_HEADER_REFUSED = "HostHeaderRefused"
    CREDENTIALS_FORBIDDEN = "CredentialsForbidden"
    SERVICE_ACCOUNT_FORBIDDEN = "ServiceAccountForbidden"
    RUNTIME_NOT_FOUND = "RuntimeNotFound"
    GATEWAY_NOT_FOUND = "GatewayNotFound"
    NAME_TAKEN = "NameTaken"
    INVALID_SPEC = "InvalidSpec"
    # Stalled: causes of a rejection.
    PROOF_FAILED = "ProofFailed"
    LOAD_FAILED = "LoadFailed"
    FETCH_FAILED = "FetchFailed"
    ARTIFACT_CHANGED = "ArtifactChanged"
    UNSAFE_REQUIREMENT = "UnsafeRequirement"
    UNSAFE_ARTIFACT = "UnsafeArtifact"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    ANALYSIS_FAILED = "AnalysisFailed"
    REJECTED_BY_USER = "RejectedByUser"
    # Neither: somebody chose this.
    SUSPENDED = "Suspended"
    AWAITING_PROMOTION = "AwaitingPromotion"
    SCALED_TO_ZERO = "ScaledToZero"
    # Reasons of the other conditions only.
    NOTHING_SERVING = "NothingServing"
    RESOLVED = "Resolved"
    PASSED = "Passed"
    NO_EXAMPLE = "NoExample"
    SKIPPED = "Skipped"
    SCALING = "Scaling"
    NO_METRICS = "NoMetrics"
    NO_CPU_REQUEST = "NoCPURequest"
    # The reason of a RegistryConnection's Ready=True.
    CONNECTED = "Connected"


RECONCILING = frozenset(
    {
        Reason.RESOLVING,
        Reason.STARTING,
        Reason.PROVING,
        Reason.CANARY,
        Reason.REPLACING,
        Reason.DEGRADED,
        Reason.REGISTRY_UNAVAILABLE,
        Reason.INSUFFICIENT_CAPACITY,
        Reason.IMAGE_PULL_FAILED,
        Reason.GATEWAY_UNAVAILABLE,
    }
)
REJECTIONS = frozenset(
    {
        Reason.PROOF_FAILED,
        Reason.LOAD_FAILED,
        Reason.FETCH_FAILED,
        Reason.ARTIFACT_CHANGED,
        Reason.UNSAFE_REQUIREMENT,
        Reason.UNSAFE_ARTIFACT,
        Reason.DEADLINE_EXCEEDED,
        Reason.ANALYSIS_FAILED,
        Reason.REJECTED_BY_USER,
    }
)
STALLED = REJECTIONS | {
    Reason.VERSION_NOT_FOUND,
    Reason.ALIAS_NOT_FOUND,
    Reason.NOT_APPROVED,
    Reason.REGISTRY_NOT_FOUND,
    Reason.REGISTRY_FORBIDDEN,
    Reason.HOST_HEADER_REFUSED,
    Reason.CREDENTIALS_FORBIDDEN,
    Reason.SERVICE_ACCOUNT_FORBIDDEN,
    Reason.RUNTIME_NOT_FOUND,
    Reason.GATEWAY_NOT_FOUND,
    Reason.NAME_TAKEN,
    Reason.INVALID_SPEC,
}
# While one of these holds, something declared waits for the registry (design section 3, `Ready`).
REGISTRY_TROUBLE = frozenset(
    {
        Reason.REGISTRY_UNAVAILABLE,
        Reason.REGISTRY_NOT_FOUND,
        Reason.REGISTRY_FORBIDDEN,
        Reason.HOST_HEADER_REFUSED,
        Reason.CREDENTIALS_FORBIDDEN,
    }
)

# The API server refuses a longer condition message (metav1.Condition).
MESSAGE_LIMIT = 32_768
# A message is read in a terminal; a model's traceback is in its pod's log.
MESSAGE_SHOWN = 1_024


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition as decided, before it meets what the object says now."""

    type: Type
    status: bool | None
    reason: Reason
    message: str


def kstatus(reason: Reason, message: str) -> tuple[Condition, ...]:
    """`Reconciling` or `Stalled` for a reason of `Ready`: at most one of them, and only as True."""
    if reason in STALLED:
        return (Condition(Type.STALLED, True, reason, message),)
    if reason in RECONCILING:
        return (Condition(Type.RECONCILING, True, reason, message),)
    return ()


def render(
    conditions: Iterable[Condition],
    before: Iterable[Mapping[str, Any]],
    *,
    generation: int,
    now: datetime,
) -> list[dict[str, Any]]:
    """The `status.conditions` list: `lastTransitionTime` moves only with `status`.

    Every condition is refreshed for every generation, as `kubectl wait` compares each one's
    observedGeneration (kubernetes/kubectl#1414).
    """
    known = {c.get("type"): c for c in before}
    rendered = []
    for condition in sorted(conditions, key=lambda c: list(Type).index(c.type)):
        status = {True: "True", False: "False", None: "Unknown"}[condition.status]
        old = known.get(condition.type.value, {})
        moved = old.get("status") != status or not old.get("lastTransitionTime")
        rendered.append(
            {
                "type": condition.type.value,
                "status": status,
                "observedGeneration": generation,
                "lastTransitionTime": timestamp(now) if moved else old["lastTransitionTime"],
                "reason": condition.reason.value,
                "message": shorten(condition.message),
            }
        )
    return rendered


def shorten(message: str, limit: int = MESSAGE_SHOWN) -> str:
    """A message of at most `limit` characters on one line, without control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in message).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
