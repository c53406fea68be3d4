"""Which identity the followed alias names: by the registry's answer, or by what is on record.

An alias once resolved stays resolved for as long as nobody can say otherwise: through an outage of the
registry, and through a restart of the operator meanwhile. What it named last is told by the marks that
its moves leave on the records.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pintle.api import CLUSTER_KIND
from pintle.conditions import Reason
from pintle.domain import Failed, Identity, Named, Observed, Pending, Record, RegisteredVersion, Resolved

# What a registry says about the alias itself. Any other failure says that it could not be asked.
_ANSWERS = {Reason.ALIAS_NOT_FOUND, Reason.VERSION_NOT_FOUND}
_JUST_AFTER = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why what is declared cannot be worked towards: a reason of `Ready` and its message."""

    reason: Reason
    message: str


def identity(observed: Observed, version: RegisteredVersion) -> Identity:
    """A version of the registry that the deployment names."""
    return Identity(
        registry=observed.deployment.spec.registry_ref.registry,
        model=version.model,
        version=version.version,
        source=version.source,
        created_time=version.created_time,
        run_id=version.run_id,
        artifact_uri=version.artifact_uri,
    )


def named(observed: Observed) -> Identity | None:
    """What the followed alias names, as far as that can be told; None too where none is followed."""
    if observed.deployment.spec.followed is None:
        return None
    answer = observed.resolution
    if isinstance(answer, Resolved):
        return identity(observed, answer.version)
    last = _last_named(observed)
    if last is None or (isinstance(answer, Failed) and answer.reason in _ANSWERS):
        return None
    if isinstance(answer, Pending) and not _serves(observed, last.identity):
        # The answer is on its way, and may well be another: nothing is started on old news.
        return None
    return last.identity


def unchecked(observed: Observed) -> Problem | None:
    """Why it cannot be checked what the followed alias names now, where somebody has to do something."""
    alias, answer = observed.deployment.spec.followed, observed.resolution
    if alias is None or named(observed) is None:
        return None
    if observed.connection is None:
        return Problem(Reason.REGISTRY_NOT_FOUND, no_connection(observed))
    if not isinstance(answer, Failed) or answer.reason in {Reason.REGISTRY_UNAVAILABLE, Reason.RESOLVING}:
        return None
    return Problem(Reason(answer.reason), answer.message)


def move(observed: Observed, record: Record, now: datetime) -> Named | None:
    """The mark that a record is due, as the registry says that the alias names it; None if it has it."""
    alias = observed.deployment.spec.followed
    if alias is None or not isinstance(observed.resolution, Resolved):
        return None
    last = _last_named(observed)
    if last is None or last.named is None:
        return Named(alias, now)
    # The next leader's clock may be behind that of the one before, and what was named last is told by time.
    return Named(alias, max(now, last.named.time + _JUST_AFTER)) if last.name != record.name else None


def no_connection(observed: Observed) -> str:
    """Say that the connection is not there."""
    ref, namespace = observed.deployment.spec.registry_ref, observed.deployment.namespace
    if ref.kind == CLUSTER_KIND:
        return (
            f"there is no ClusterRegistryConnection {ref.name}: "
            f"ask the administrator for it, or name another connection in spec.registryRef"
        )
    name = ref.name
    return (
        f"there is no RegistryConnection {name} in namespace {namespace}: "
        f"create it, or name another one in spec.registryRef.name"
    )


def _last_named(observed: Observed) -> Record | None:
    """The record that the alias came to name last."""
    spec = observed.deployment.spec
    wanted = (spec.registry_ref.registry, spec.model, spec.followed)
    marked = [
        (r.named.time, r.number, r)
        for r in observed.records
        if r.named and (r.identity.registry, r.identity.model, r.named.alias) == wanted and not r.deleting
    ]
    return max(marked, key=lambda m: m[:2])[2] if marked else None


def _serves(observed: Observed, wanted: Identity) -> bool:
    selected = observed.traffic.revision if observed.traffic else ""
    return any(r.name == selected and r.identity.key == wanted.key for r in observed.records)
