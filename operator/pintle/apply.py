"""A plan's actions -> requests, and their answers -> the cache, so that the next pass sees its own writes."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from pintle import adoption, views
from pintle.api import ModelDeployment
from pintle.cache import Cache
from pintle.conditions import Reason
from pintle.domain import Action, Create, Delete, Fault, Field, Patch, Replace, Stage
from pintle.domain.resources import DEPLOYMENTS, OPTIONAL_CHILDREN, SERVICES
from pintle.errors import AlreadyExists, Conflict, Forbidden, Invalid, NotFound, Waiting
from pintle.memory import Memory
from pintle.naming import template_digest
from pintle.ports import Cluster, Json

# A child of a vanished owner is garbage collected within seconds: look again soon.
GONE_SOON = 3.0
GONE_LATER = 30.0
# A kind that the cluster does not serve is tried again after so long.
GONE_KIND = 60.0


@dataclass(frozen=True, slots=True)
class Contested:
    """A field that was not put back once more, because others go on changing it."""

    field: Field
    action: Patch | Replace


@dataclass(frozen=True, slots=True)
class Mutated:
    """A template that the API server stores otherwise than as it was before."""

    revision: str


Finding: TypeAlias = Contested | Mutated
"""What applying has found out that somebody should be told."""


class Applier:
    """Runs stages in order. What cannot be done becomes a fault of the object, or an error of the pass."""

    def __init__(self, cluster: Cluster, cache: Cache) -> None:
        self._cluster = cluster
        self._cache = cache

    async def run(
        self, deployment: ModelDeployment, stages: Sequence[Stage], memory: Memory, now: datetime
    ) -> list[Finding]:
        """Apply all stages.

        Raises:
            ClusterError: a write failed; the pass is repeated from a fresh observation.
            Waiting: a name is held by an object that is on its way out.
        """
        found: list[Finding] = []
        await self._look_first(deployment, stages, memory, now)
        for stage in stages:
            done = await asyncio.gather(
                *(self._one(deployment, action, memory, now) for action in stage), return_exceptions=True
            )
            failures = [d for d in done if isinstance(d, BaseException)]
            if failures:
                raise failures[0]
            found += [finding for each in done if not isinstance(each, BaseException) for finding in each]
        return found

    async def _one(
        self, deployment: ModelDeployment, action: Action, memory: Memory, now: datetime
    ) -> list[Finding]:
        namespace = deployment.namespace
        if isinstance(action, Patch | Replace) and (fights := _fights(action, memory, now)):
            return fights
        try:
            match action:
                case Create():
                    await self._create(namespace, action, memory, now)
                case Patch():
                    self._keep(action, await self._patch(namespace, action))
                    _count(action, memory, now)
                case Replace():
                    found = await self._replace(namespace, action, memory)
                    _count(action, memory, now)
                    return found
                case Delete():
                    await self._cluster.delete(
                        action.resource,
                        namespace,
                        action.name,
                        uid=action.uid,
                        resource_version=action.resource_version,
                    )
        except AlreadyExists:
            await self._taken(deployment, action, memory, now)
        except (Forbidden, Invalid) as error:
            self._refused(action, error, memory, now)
        return []

    async def _create(self, namespace: str, action: Create, memory: Memory, now: datetime) -> None:
        try:
            answer = await self._cluster.create(action.resource, namespace, action.body)
        except NotFound:
            if action.resource in OPTIONAL_CHILDREN:
                memory.note(_unserved(action, now))
            raise
        self._keep(action, answer)
        if action.resource == DEPLOYMENTS:
            memory.baselines[action.name] = template_digest(answer["spec"]["template"])

    async def _replace(self, namespace: str, action: Replace, memory: Memory) -> list[Finding]:
        """Put a template back, or only ask what it would be.

        The answer is what the template is compared with from then on. If it is another one than before,
        something rewrites it on its way in: to put it back again would change nothing, ever.
        """
        answer = await self._cluster.replace(action.resource, namespace, action.body, dry_run=action.dry_run)
        memory.baselines[action.name] = stored = template_digest(answer["spec"]["template"])
        if action.dry_run:
            return []
        self._keep(action, answer)
        return [Mutated(action.name)] if stored != action.template_hash else []

    async def _patch(self, namespace: str, action: Patch) -> Json:
        body = list(action.body) if isinstance(action.body, tuple) else action.body
        return await self._cluster.patch(
            action.resource,
            namespace,
            action.name,
            body,
            patch_type=action.patch_type,
            subresource=action.subresource,
        )

    def _keep(self, action: Action, answer: Json) -> None:
        """Put an answer into the cache, so that the next pass does not do the same again."""
        if answer.get("kind") == "Scale":
            # The answer is a view of the object: its replicas and its new resourceVersion.
            found = self._cache.get(action.resource, answer["metadata"]["namespace"], action.name)
            if found is None:
                return
            found["metadata"]["resourceVersion"] = answer["metadata"]["resourceVersion"]
            found["spec"]["replicas"] = answer["spec"].get("replicas", 0)
            answer = found
        self._cache.upsert(action.resource, answer)

    async def _taken(
        self, deployment: ModelDeployment, action: Action, memory: Memory, now: datetime
    ) -> None:
        """Find out who holds a name: we ourselves, something on its way out, or somebody else."""
        try:
            held = await self._cluster.get(action.resource, deployment.namespace, action.name)
        except NotFound:
            raise Conflict(f"{action.resource.kind} {action.name} came and went") from None
        await self._held(deployment, action, held, memory, now)

    async def _look_first(
        self, deployment: ModelDeployment, stages: Sequence[Stage], memory: Memory, now: datetime
    ) -> None:
        """Write nothing for the sake of a name that was taken when it was tried last, while it still is."""
        for action in (action for stage in stages[1:] for action in stage if isinstance(action, Create)):
            if (action.resource.kind, action.name) not in memory.taken:
                continue
            with suppress(NotFound):
                held = await self._cluster.get(action.resource, deployment.namespace, action.name)
                await self._held(deployment, action, held, memory, now)

    async def _held(
        self, deployment: ModelDeployment, action: Action, held: Json, memory: Memory, now: datetime
    ) -> None:
        kind, owner = action.resource.kind, views.owner_uid(held)
        if owner == deployment.uid and not views.deleting(held):
            await self._own(deployment, action, held)
            raise Conflict(f"{kind} {action.name} is there already")
        if views.deleting(held) or (owner and adoption.former(held, deployment)):
            text = f"{kind} {action.name} of an earlier object of this name is still being deleted"
            memory.note(Fault(Reason.STARTING, text, now, kind, action.name, lasts=GONE_SOON))
            raise Waiting(Reason.STARTING, text, after=0)
        ours = action.resource == SERVICES and action.name == deployment.name
        text = adoption.refusal(deployment, held) if ours else adoption.taken(kind, action.name, deployment)
        if not text:
            memory.adoptable = held
            raise Conflict(f"{kind} {action.name} is there, and is to be adopted")
        # One that carries our labels, an orphan, is watched: its name is taken as soon as it is free.
        seen = self._cache.get(action.resource, deployment.namespace, action.name)
        holder = seen["metadata"]["uid"] if seen else ""
        memory.note(Fault(Reason.NAME_TAKEN, text, now, kind, action.name, holder=holder))
        raise Conflict(text)

    async def _own(self, deployment: ModelDeployment, action: Action, held: Json) -> None:
        """A child of ours was not seen: the cache is behind, or somebody took a label off it.

        Without its labels it passes no watch of ours, so they are put back before anything else.
        """
        wanted = action.body["metadata"].get("labels") or {} if isinstance(action, Create) else {}
        labels = held["metadata"].get("labels") or {}
        missing = {k: v for k, v in wanted.items() if labels.get(k) != v}
        if missing:
            metadata = {"uid": held["metadata"]["uid"], "labels": missing}
            metadata["resourceVersion"] = held["metadata"]["resourceVersion"]
            body = {"metadata": metadata}
            held = await self._cluster.patch(action.resource, deployment.namespace, action.name, body)
        self._cache.upsert(action.resource, held)

    def _refused(self, action: Action, error: Forbidden | Invalid, memory: Memory, now: datetime) -> None:
        """Note what the API server refuses whatever the time; the next pass reports it and goes on.

        A namespace that is on its way out refuses everything, and there is nothing to report it on.
        """
        if "is being terminated" in error.message:
            raise Waiting(Reason.STARTING, error.message, after=GONE_LATER) from error
        quota = "exceeded quota" in error.message
        invalid = isinstance(error, Invalid)
        reason = (
            Reason.INSUFFICIENT_CAPACITY if quota else Reason.INVALID_SPEC if invalid else Reason.DEGRADED
        )
        kind = action.resource.kind
        text = f"the API server refuses {kind} {action.name}: {error.message}"
        memory.note(Fault(reason, text, now, kind, action.name))
        raise error


def _unserved(action: Create, now: datetime) -> Fault:
    """A kind that not every cluster serves was not found; or a namespace is gone, and the object with it."""
    kind = action.resource
    text = (
        f"this cluster does not serve {kind.kind} ({kind.api_version}), which spec.gateway needs: install the"
        " Gateway API and a gateway, or take spec.gateway away, with spec.rollout.strategy: Switch"
    )
    return Fault(Reason.GATEWAY_NOT_FOUND, text, now, kind.kind, action.name, lasts=GONE_KIND)


def _fights(action: Patch | Replace, memory: Memory, now: datetime) -> list[Finding]:
    """Of what an action puts back, what has been put back too often; then nothing of it is done now."""
    return [Contested(field, action) for field in _fields(action) if not memory.may_repair(field, now)]


def _count(action: Patch | Replace, memory: Memory, now: datetime) -> None:
    for field in _fields(action):
        memory.repaired(field, now)


def _fields(action: Patch | Replace) -> list[Field]:
    return [Field(action.resource.kind, action.name, path) for path in action.repairs]
