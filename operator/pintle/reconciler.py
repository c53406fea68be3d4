"""One pass over one ModelDeployment: gather -> decide -> apply -> one status write."""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from pintle import fights, recovery, references, unreadable
from pintle import gather as gathering
from pintle.api import ModelDeployment, parse_model_deployment
from pintle.apply import Applier, Finding, Mutated
from pintle.cache import Cache
from pintle.domain import Defaults, Key, Notice, Observed, Plan
from pintle.domain.resources import CONTROLLER_REVISIONS, MODEL_DEPLOYMENTS
from pintle.errors import ClusterError, Conflict, NotFound, PintleError
from pintle.memory import Memory, Unheard
from pintle.naming import ANNOTATION_PROMOTE, ANNOTATION_REJECT
from pintle.plan import decide
from pintle.ports import Clock, Cluster, Events, Json, Metrics
from pintle.telling import Teller
from pintle.transitions import PROMOTED

log = logging.getLogger(__name__)


class Reconciler:
    """Holds the ports and what is remembered; decides nothing itself.

    `said(key)` is told of each status that is written: the event of it is no news to the cache any more.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        cache: Cache,
        resolver: gathering.Resolver,
        connections: gathering.Connections,
        comparisons: gathering.Comparisons,
        events: Events,
        metrics: Metrics,
        clock: Clock,
        defaults: Defaults,
        said: Callable[[Key], None] = lambda _: None,
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._resolver = resolver
        self._connections = connections
        self._comparisons = comparisons
        self._teller = Teller(events, metrics)
        self._metrics = metrics
        self._clock = clock
        self._defaults = defaults
        self._said = said
        self._applier = Applier(cluster, cache)
        self._memories: dict[Key, Memory] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Work on one key once. Returns the seconds until it wants to be looked at again, or None.

        Raises:
            ClusterError, PintleError: nothing is lost; the queue calls again with backoff.
        """
        body = self._cache.get(MODEL_DEPLOYMENTS, key.namespace, key.name)
        if body is None:
            self._forget(key)
            return None
        after = await self._pass(key, body)
        held = self._cache.get(MODEL_DEPLOYMENTS, key.namespace, key.name)
        # An edit that an answer has told of meanwhile: its event is no news any more, and wakes nobody.
        return 0.0 if held and _edit(held) != _edit(body) else after

    async def _pass(self, key: Key, body: Json) -> float | None:
        try:
            deployment = parse_model_deployment(body)
        except ValidationError as error:
            log.warning("cannot read %s/%s: %s", *key, error, extra={"key": "/".join(key)})
            self._comparisons.forget(key)
            said = unreadable.status(body, error, self._clock.now())
            if said != body.get("status"):
                uid = body["metadata"].get("uid", "")
                await self._write_status(key, uid, body.get("status") or {}, said)
            return None
        memory = self._memories.setdefault(key, Memory())
        now = self._clock.now()
        commands = [deployment.annotations.get(name, "") for name in (ANNOTATION_REJECT, ANNOTATION_PROMOTE)]
        memory.see(deployment.uid, (deployment.generation, *commands), now)
        self._hand_on(deployment, memory.heard(deployment.status), memory)
        observed = self._gather(deployment, memory, now)
        if await self._find_traffic(observed):
            observed = self._gather(deployment, memory, now)
        observed = await references.look(self._cluster, observed)
        plan = decide(observed, now)
        if recovery.makes_again(observed, plan.actions, now) and await self._has_gone(deployment):
            return 0.0
        try:
            after = await self._carry_out(deployment, plan, memory)
        except Conflict:
            await self._look_again(key)
            raise
        times = [seconds for seconds in (after, references.again(observed)) if seconds is not None]
        return min(times, default=None)

    def _gather(self, deployment: ModelDeployment, memory: Memory, now: datetime) -> Observed:
        return gathering.gather(
            self._cache,
            self._resolver,
            self._connections,
            self._comparisons,
            deployment=deployment,
            memory=memory,
            defaults=self._defaults,
            now=now,
        )

    async def _find_traffic(self, observed: Observed) -> bool:
        """Read the record of the revision that has the traffic, if it is not known; whether there is one.

        Each kind has a watch of its own, and one may be behind another: a Service must not be taken for
        broken, and switched back, because the record of what another operator switched to has not been seen.
        """
        named = observed.traffic.revision if observed.traffic else ""
        if observed.terminating or not named or named in {r.name for r in observed.records}:
            return False
        try:
            record = await self._cluster.get(CONTROLLER_REVISIONS, observed.deployment.namespace, named)
        except NotFound:
            return False
        return self._cache.upsert(CONTROLLER_REVISIONS, record)

    async def _has_gone(self, deployment: ModelDeployment) -> bool:
        """Read the object itself: whether it is gone, or about to go, which the cache does not know yet."""
        key = Key(deployment.namespace, deployment.name)
        try:
            live = await self._cluster.get(MODEL_DEPLOYMENTS, *key)
        except NotFound:
            if held := self._cache.get(MODEL_DEPLOYMENTS, *key):
                self._cache.remove(MODEL_DEPLOYMENTS, held)
            return True
        self._cache.upsert(MODEL_DEPLOYMENTS, live)
        return bool(live["metadata"]["uid"] != deployment.uid or live["metadata"].get("deletionTimestamp"))

    async def _look_again(self, key: Key) -> None:
        """Read the object itself after a conflict: what was written by somebody else may follow from an edit.

        The answers that came with the conflict are newer than the cache. To decide on them and on a `spec`
        of before would undo what another operator has done for the one that is declared.
        """
        with suppress(ClusterError):
            self._cache.upsert(
                MODEL_DEPLOYMENTS, await self._cluster.get(MODEL_DEPLOYMENTS, key.namespace, key.name)
            )

    def _forget(self, key: Key) -> None:
        self._memories.pop(key, None)
        self._resolver.forget(key)
        self._comparisons.forget(key)
        self._metrics.deployment(key.namespace, key.name, status=None)

    async def _carry_out(self, deployment: ModelDeployment, plan: Plan, memory: Memory) -> float | None:
        now = self._clock.now()
        fields = {"key": f"{deployment.namespace}/{deployment.name}", "generation": deployment.generation}
        for action in plan.actions:
            log.info("%s", action.why, extra=fields | {"object": f"{action.resource.kind}/{action.name}"})
        await self._tell(deployment, await self._applier.run(deployment, plan.stages, memory, now))
        failure: ClusterError | PintleError | None = None
        for sequence in plan.upkeep:
            try:
                await self._tell(deployment, await self._applier.run(deployment, sequence, memory, now))
            except (ClusterError, PintleError) as error:
                # What cannot be repaired now must silence neither the status nor the other repairs.
                failure = failure or error
        if plan.status is not None:
            key = Key(deployment.namespace, deployment.name)
            memory.unheard = Unheard(plan.status, plan.notices)
            await self._write_status(key, deployment.uid, deployment.status, plan.status)
            memory.unheard = None
        self._hand_on(deployment, plan.notices, memory)
        if failure is not None:
            raise failure
        memory.unsaid_since = (memory.unsaid_since or now) if plan.unsaid else None
        if (soon := memory.after_writing(wrote=bool(plan.actions))) is not None:
            return soon
        times = [t for t in (plan.wake_at, memory.next_try()) if t is not None]
        return max(0.0, (min(times) - self._clock.now()).total_seconds()) if times else None

    def _hand_on(self, deployment: ModelDeployment, notices: Iterable[Notice], memory: Memory) -> None:
        for notice in notices:
            self._teller.tell(deployment, notice)
            if notice.about:
                memory.told.add(notice.about)
            if notice.reason == PROMOTED:
                memory.answered = memory.moved

    async def _tell(self, deployment: ModelDeployment, findings: Iterable[Finding]) -> None:
        """Tell of fights. For that, and for nothing else, an object is read with its field managers."""
        for finding in findings:
            if isinstance(finding, Mutated):
                self._teller.tell(deployment, fights.accepted(finding.revision))
                continue
            live: Json | None = None
            with suppress(ClusterError):  # who it is, is worth no delay
                live = await self._cluster.get(
                    finding.action.resource, deployment.namespace, finding.field.name
                )
            self._teller.tell(deployment, fights.conflict(finding.field, live))

    async def _write_status(
        self, key: Key, uid: str, before: Mapping[str, Any], status: Mapping[str, Any]
    ) -> None:
        """Replace `/status` whole: a merge patch would keep members that are no longer true.

        Not where the history is not the one that was read: another operator, which took over while this
        write was held up, has told of more, and nothing else remembers that (P7).
        """
        told = before.get("history")
        patch: list[Mapping[str, Any]] = [
            {"op": "test", "path": "/metadata/uid", "value": uid},
            *([{"op": "test", "path": "/status/history/0", "value": told[0]}] if told else []),
            {"op": "add", "path": "/status", "value": status},
        ]
        try:
            answer = await self._cluster.patch(
                MODEL_DEPLOYMENTS, *key, patch, patch_type="json", subresource="status"
            )
        except NotFound:
            return  # deleted meanwhile
        self._cache.upsert(MODEL_DEPLOYMENTS, answer)
        self._metrics.deployment(*key, status=status, model=str(answer["spec"].get("model", "")))
        self._said(key)


def _edit(body: Json) -> tuple[object, ...]:
    """What others write of an object, and decisions are made from."""
    metadata = body["metadata"]
    names = ("uid", "generation", "annotations", "labels", "deletionTimestamp")
    return tuple(metadata.get(name) for name in names)
