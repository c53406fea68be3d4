"""Which revision is declared: a kept record, one to be made, or why neither.

Needs no registry for a version whose record is kept (P2), and prefers what was cleared once to
what the registry says later (P4).
"""

from dataclasses import dataclass, replace

from pintle import approval, following
from pintle.conditions import Reason
from pintle.domain import (
    Failed,
    Identity,
    NewRevision,
    Observed,
    Query,
    Record,
    Resolved,
    RuntimeChoice,
)
from pintle.following import Problem
from pintle.naming import ANNOTATION_PROMOTE, ANNOTATION_REJECT, revision_name, short_hash


@dataclass(frozen=True, slots=True)
class Declared:
    """A record, one to be made, or a problem; a record that a user rejected comes with its problem.

    `unchecked` is why it cannot be checked that an alias still names it.

    `pinned` is the identity, which is often known where the revision cannot be made: then a warm
    revision of that identity in another shape can serve all the same.
    """

    record: Record | None = None
    new: NewRevision | None = None
    problem: Problem | None = None
    pinned: Identity | None = None
    unchecked: Problem | None = None

    @property
    def identity(self) -> Identity | None:
        """What is pinned, where it is known."""
        found = self.record or self.new
        return found.identity if found else self.pinned


def kept(observed: Observed) -> tuple[Record, ...]:
    """Records of what is declared, newest first: same registry, model and version."""
    spec = observed.deployment.spec
    wanted = (spec.registry_ref.registry, spec.model, spec.version)
    return tuple(
        r
        for r in observed.records
        if (r.identity.registry, r.identity.model, r.identity.version) == wanted and not r.deleting
    )


def query(observed: Observed) -> Query | None:
    """What the registry has to be asked, or None where the records know."""
    spec, required = observed.deployment.spec, approval.requirement(observed)
    if spec.version is None:
        return Query(spec.registry_ref.registry, spec.model, alias=spec.alias, required=required)
    if any(r.cleared for r in kept(observed)):
        return None
    return Query(spec.registry_ref.registry, spec.model, version=spec.version, required=required)


def declared(observed: Observed) -> Declared:
    """Find or describe the declared revision."""
    return replace(_declared(observed), unchecked=following.unchecked(observed))


def _declared(observed: Observed) -> Declared:
    pinned = _pinned(observed)
    if isinstance(pinned, Problem):
        return Declared(problem=pinned)
    secret = _secret_name(observed)
    shape = dict(observed.deployment.spec.shape()) | ({"secretName": secret} if secret else {})
    for record in observed.records:
        if record.identity.key == pinned.key and record.shape == shape and not record.deleting:
            return Declared(record=record, problem=rejected_by_user(observed, record.name, record.version))
    return _new(observed, pinned, shape, secret)


def _pinned(observed: Observed) -> Identity | Problem:
    """The identity that is declared."""
    records = kept(observed)
    for record in records:
        if record.cleared:
            return record.identity
    if (named := following.named(observed)) is not None:
        return named
    if isinstance(observed.resolution, Resolved):
        return following.identity(observed, observed.resolution.version)
    if records:
        return records[0].identity
    if observed.connection is None:
        return Problem(Reason.REGISTRY_NOT_FOUND, following.no_connection(observed))
    if isinstance(observed.resolution, Failed):
        return Problem(Reason(observed.resolution.reason), observed.resolution.message)
    spec = observed.deployment.spec
    wanted = f"version {spec.version}" if spec.version else f"alias {spec.alias}"
    return Problem(Reason.RESOLVING, f"asking registry {spec.registry_ref.name} for {spec.model} {wanted}")


def _secret_name(observed: Observed) -> str:
    """The Secret that a revision's pods would fetch with.

    While the connection cannot be read, that of the newest record with it: a shape must not
    change because somebody deleted a RegistryConnection.
    """
    if observed.connection:
        return observed.connection.secret
    registry = observed.deployment.spec.registry_ref.registry
    return next((r.secret_name for r in observed.records if r.identity.registry == registry), "")


def _new(observed: Observed, identity: Identity, shape: dict[str, object], secret: str) -> Declared:
    """Describe a revision that has no record yet, or say why it cannot be made."""
    if refused := approval.lacking(observed, identity):
        return Declared(problem=refused, pinned=identity)
    runtime = _runtime(observed, identity)
    if isinstance(runtime, Problem):
        return Declared(problem=runtime, pinned=identity)
    if observed.account_problem:
        problem = Problem(Reason.SERVICE_ACCOUNT_FORBIDDEN, observed.account_problem)
        return Declared(problem=problem, pinned=identity)
    if observed.cases.problem:
        problem = Problem(Reason(observed.cases.reason), observed.cases.problem)
        return Declared(problem=problem, pinned=identity)
    if observed.connection and secret and not any(r.secret_name == secret for r in observed.records):
        if observed.connection.secret_problem:
            problem = Problem(Reason.CREDENTIALS_FORBIDDEN, observed.connection.secret_problem)
            return Declared(problem=problem, pinned=identity)
        if not observed.connection.checked:
            problem = Problem(Reason.RESOLVING, f"looking at Secret {secret}")
            return Declared(problem=problem, pinned=identity)
    deployment = observed.deployment
    inputs = {"identity": identity.key, "shape": shape}
    taken = [r.name for r in observed.records]
    revision = NewRevision(
        name=revision_name(deployment.name, identity.version, inputs, taken),
        number=max((r.number for r in observed.records), default=0) + 1,
        identity=identity,
        shape=shape,
        runtime=runtime,
        secret_name=secret,
        expected_digest=_expected_digest(observed, identity),
        cases=observed.cases.text,
    )
    if rejected := rejected_by_user(observed, revision.name, identity.version):
        return Declared(problem=rejected, pinned=identity)
    return Declared(new=revision)


def _expected_digest(observed: Observed, identity: Identity) -> str:
    """The content digest that a kept record of this identity has: content is pinned once (P4)."""
    same = (r for r in observed.records if r.identity.key == identity.key)
    return next((r.content_digest for r in same if r.content_digest), "")


def _runtime(observed: Observed, identity: Identity) -> RuntimeChoice | Problem:
    """The runtime of a new revision: that of a kept record of the same identity, else as it is today.

    Going back to a version, in whatever shape, is to get what it was proven with. Another token says that
    it is to be started anew, on what there is now (docs/adr/0023-a-token-asks-for-todays-runtime.md).
    """
    name, token = observed.deployment.spec.runtime.name, observed.deployment.spec.rollout_token
    for record in observed.records:
        chosen_by = record.shape.get("runtime", {}).get("name"), record.shape.get("rolloutToken")
        same_choice = chosen_by == (name, token)
        if record.identity.key == identity.key and record.cleared and same_choice:
            return record.runtime
    chosen = [r for r in observed.runtimes if (r.name == name if name else r.spec.default)]
    if not chosen:
        return _no_runtime(observed, name)
    runtime = min(chosen, key=lambda r: r.name)  # two defaults: the same one every time
    spec = runtime.spec
    return RuntimeChoice(
        name=runtime.name,
        image=spec.image,
        resources=spec.default_resources.model_dump(mode="json", by_alias=True),
        index=spec.index.model_dump(mode="json", by_alias=True, exclude_none=True),
    )


def _no_runtime(observed: Observed, name: str | None) -> Problem:
    valid = ", ".join(sorted(r.name for r in observed.runtimes)) or "none"
    if name:
        text = f"there is no ModelRuntime {name} (there is: {valid}): name one of these in spec.runtime.name"
    else:
        text = f"no ModelRuntime is marked as default (there is: {valid}): name one in spec.runtime.name"
    return Problem(Reason.RUNTIME_NOT_FOUND, text)


def promoted_by_user(observed: Observed, revision: str) -> bool:
    """Whether the annotation `pintle.dev/promote-revision` names this revision. Level-based, as below."""
    value = observed.deployment.annotations.get(ANNOTATION_PROMOTE, "").strip()
    return value in {revision, short_hash(revision)}


def rejected_by_user(observed: Observed, revision: str, version: str) -> Problem | None:
    """Whether the annotation `pintle.dev/reject-revision` names this revision.

    Level-based: it says what it says for as long as it stands there and is inert for every other
    revision, so nothing has to be cleared after a Git revert.
    """
    value = observed.deployment.annotations.get(ANNOTATION_REJECT, "").strip()
    if value not in {revision, short_hash(revision), f"version/{version}"}:
        return None
    return Problem(
        Reason.REJECTED_BY_USER,
        f"{observed.deployment.spec.model} version {version} is rejected by the annotation "
        f"{ANNOTATION_REJECT}: {value}; declare another version, or remove the annotation",
    )
