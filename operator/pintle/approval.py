"""What a connection requires of a version before it is pinned, and whether it has that.

Asked of new pins only: what a kept record has pinned once keeps serving, and can be gone back to, whatever
becomes of its tags (P1, P2).
"""

from pintle.conditions import Reason
from pintle.domain import Identity, Observed, Requirement, Resolved
from pintle.following import Problem
from pintle.naming import registry_shown


def requirement(observed: Observed) -> Requirement | None:
    """What the deployment's connection requires, None if nothing."""
    required = observed.connection.spec.spec.require if observed.connection else None
    if required is None:
        return None
    return Requirement(tuple(sorted(required.tags.items())), tuple(sorted(required.aliases)))


def lacking(observed: Observed, identity: Identity) -> Problem | None:
    """Why a version may not be pinned, None if it may."""
    required, answer = requirement(observed), observed.resolution
    if required is None or any(r.identity.key == identity.key for r in observed.records):
        return None
    # A version that no record has pinned is known from the registry's answer, and from nothing else.
    missing = required.missing_in(answer.version) if isinstance(answer, Resolved) else ()
    if not missing:
        return None
    registry = registry_shown(identity.registry)
    return Problem(
        Reason.NOT_APPROVED,
        f"{identity.model} version {identity.version} is not approved: it has no {', no '.join(missing)}; "
        f"registry {registry} requires that (spec.require of the connection): set it in MLflow",
    )
