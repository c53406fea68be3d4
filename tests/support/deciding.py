"""A ModelDeployment's cluster as values: any state put together at will, and what plans make of it.

Objects are on a fake API server and read as the operator reads them; pods come and get ready between two
decisions. There are no requests, no queue and no watch, so a thousand states a minute can be gone through.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pintle import comparing, sampling
from pintle.api import parse_model_deployment
from pintle.cache import Cache
from pintle.declared import declared
from pintle.domain import (
    Action,
    Comparison,
    Create,
    Defaults,
    Delete,
    Key,
    Observed,
    Outcome,
    Patch,
    Plan,
    PodView,
    Verdict,
)
from pintle.domain.resources import (
    DEPLOYMENTS,
    MODEL_DEPLOYMENTS,
    MODEL_RUNTIMES,
    PODS,
    REGISTRY_CONNECTIONS,
)
from pintle.errors import Conflict
from pintle.gather import gather
from pintle.memory import Memory
from pintle.naming import digest, template_digest
from pintle.plan import decide
from pintle.ports import Json, Resource
from tests.support.answers import Answers, Views
from tests.support.builders import pod
from tests.support.fake_api_server import Body, FakeApiServer, WatchType
from tests.support.fake_autoscaler import FakeAutoscaler
from tests.support.fake_clock import FakeClock
from tests.support.fake_gateway import FakeGateway
from tests.support.world import NAME, NAMESPACE, RUNTIME

VERSIONS = ("1", "2", "3")


@dataclass
class Pod:
    """A pod: not ready until a tick has passed since it was made, and never where it does not `comes`."""

    revision: str
    created: datetime
    ready: bool = False
    role: str = ""


class Numbers:
    """What the requests of each revision say, from the first look on; of others they are not read."""

    def __init__(self, outcomes: Mapping[str, Outcome]) -> None:
        self._outcomes = outcomes

    def want(self, key: Key, comparison: Comparison) -> Verdict:
        del key
        revision = comparison.subject.candidate
        outcome = self._outcomes.get(revision, Outcome.INCONCLUSIVE)
        if outcome is Outcome.INCONCLUSIVE:
            return sampling.waiting(comparison)
        return Verdict(revision, outcome, "it does worse" if outcome is Outcome.FAILED else "")

    def forget(self, key: Key) -> None:
        """Nothing is kept."""


@dataclass
class Bench:
    """A cluster of one ModelDeployment. `bad` are revisions whose pods never get ready.

    `outcomes` are what requests say of a revision that is compared; `load` is what they need, in pods.
    `lagging` are Services of revisions whose endpoints have not followed yet: they do with the next tick.
    """

    spec: Mapping[str, Any]
    annotations: Mapping[str, str] = field(default_factory=dict)
    bad: frozenset[str] = frozenset()
    clock: FakeClock = field(default_factory=FakeClock, repr=False)
    pods: dict[str, Pod] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory, repr=False)
    lagging: set[str] = field(default_factory=set)
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    load: int = 0

    def __post_init__(self) -> None:
        self.api = FakeApiServer(self.clock)
        self.api.unserved.clear()
        self.cache = Cache()
        self.api.listeners.append(self._heard)
        self.gateway = FakeGateway(self.api)
        self.autoscaler = FakeAutoscaler(self.api)
        self.autoscaler.load = self.load
        self.answers = Answers(self.clock)
        self.answers.register(*VERSIONS)
        whole = {"registryRef": {"name": "mlflow"}, "model": "iris", **self.spec}
        metadata = {"name": NAME, "annotations": dict(self.annotations)}
        # First, so that it has the same uid in every bench.
        self.api.create(MODEL_DEPLOYMENTS, NAMESPACE, {"metadata": metadata, "spec": whole})
        self.api.create(MODEL_RUNTIMES, "", {"metadata": {"name": "default"}, "spec": RUNTIME})
        connection = {"metadata": {"name": "mlflow"}, "spec": {"uri": "http://mlflow:5000"}}
        self.api.create(REGISTRY_CONNECTIONS, NAMESPACE, connection)

    def _heard(self, change: WatchType, resource: Resource, obj: Body) -> None:
        (self.cache.remove if change == "DELETED" else self.cache.upsert)(resource, obj)

    @property
    def body(self) -> Body:
        return self.api.get(MODEL_DEPLOYMENTS, NAMESPACE, NAME)

    def observe(self) -> Observed:
        """What a decision sees."""
        deployment, now = parse_model_deployment(self.body), self.clock.now()
        commands = sorted(deployment.annotations.items())
        self.memory.see(deployment.uid, (deployment.generation, str(commands)), now)
        numbers = Numbers(self.outcomes)
        seen = gather(
            self.cache,
            self.answers,
            Views(self.cache),
            numbers,
            deployment=deployment,
            memory=self.memory,
            defaults=Defaults(),
            now=now,
        )
        ready = {name for name, one in self.pods.items() if one.ready}
        by_revision = {r: frozenset(n for n in ready if self.pods[n].revision == r) for r in seen.workloads}
        traffic = seen.traffic
        observed = replace(
            seen,
            pods=tuple(self._view(name, one) for name, one in sorted(self.pods.items())),
            workloads={n: replace(w, ready=len(by_revision[n])) for n, w in seen.workloads.items()},
            traffic=replace(traffic, ready_pods=by_revision.get(traffic.revision, frozenset()))
            if traffic
            else None,
            entrances={
                n: replace(
                    e, ready_pods=frozenset() if n in self.lagging else by_revision.get(n, frozenset())
                )
                for n, e in seen.entrances.items()
            },
        )
        # What is compared depends on the pods.
        comparison = comparing.wanted(observed, declared(observed))
        verdict = numbers.want(Key(NAMESPACE, NAME), comparison) if comparison else None
        return replace(observed, verdict=verdict)

    def _view(self, name: str, one: Pod) -> PodView:
        return pod(
            name,
            revision=one.revision,
            created=one.created,
            initialized=one.created,
            ready=one.ready,
            unready_since=None if one.ready else one.created,
            role=one.role,
            content_digest=digest(one.revision.rpartition("-")[0]),
        )

    def decide(self) -> tuple[Observed, Plan]:
        """Look, and decide."""
        observed = self.observe()
        return observed, decide(observed, self.clock.now())

    def apply(self, plan: Plan) -> list[Action]:
        """Do all that a plan says, in its order, and write its status; what has been done.

        As in a pass of the operator, a write of the upkeep may be refused because another one came first. Its
        sequence is begun again by the next pass then, and does not count as done.
        """
        done = [action for stage in plan.stages for action in stage]
        for action in done:
            self._do(action)
        for sequence in plan.upkeep:
            actions = [action for stage in sequence for action in stage]
            with suppress(Conflict):
                for action in actions:
                    self._do(action)
                done += actions
        self.memory.unsaid_since = (self.memory.unsaid_since or self.clock.now()) if plan.unsaid else None
        if plan.status is not None:
            patch: list[Json] = [{"op": "add", "path": "/status", "value": plan.status}]
            self.api.patch(MODEL_DEPLOYMENTS, NAMESPACE, NAME, patch, patch_type="json", subresource="status")
        return done

    def _do(self, action: Action) -> None:
        match action:
            case Create():
                made = self.api.create(action.resource, NAMESPACE, action.body)
                if action.resource == DEPLOYMENTS:
                    self.memory.baselines[action.name] = template_digest(made["spec"]["template"])
            case Patch() if action.resource == PODS:
                assert isinstance(action.body, Mapping)
                (role,) = action.body["metadata"]["annotations"].values()
                self.pods[action.name].role = role or ""
            case Patch():
                self.api.patch(
                    action.resource,
                    NAMESPACE,
                    action.name,
                    list(action.body) if isinstance(action.body, tuple) else action.body,
                    patch_type=action.patch_type,
                    subresource=action.subresource,
                )
            case Delete() if action.resource == PODS:
                del self.pods[action.name]
            case Delete():
                self.api.delete(action.resource, NAMESPACE, action.name)
            case _:
                stored = self.api.replace(action.resource, NAMESPACE, action.body, dry_run=action.dry_run)
                self.memory.baselines[action.name] = template_digest(stored["spec"]["template"])

    def tick(self) -> bool:
        """Let pods come, go and get ready, and the gateway answer; whether anything has moved."""
        before, moved = self.api.version, bool(self.lagging)
        self.lagging.clear()
        for one in self.pods.values():
            if not one.ready and one.revision not in self.bad:
                one.ready = moved = True
        for workload in self.api.objects(DEPLOYMENTS):
            moved |= self._scale(workload["metadata"]["name"], workload["spec"]["replicas"])
        self.gateway.step()
        self.autoscaler.step()
        return moved or self.api.version != before

    def _scale(self, revision: str, replicas: int) -> bool:
        mine = sorted(
            (n for n, p in self.pods.items() if p.revision == revision), key=lambda n: self.pods[n].ready
        )
        for name in mine[: max(0, len(mine) - replicas)]:
            del self.pods[name]
        for _ in range(replicas - len(mine)):
            number = next(i for i in range(99) if f"{revision}-{i}" not in self.pods)
            self.pods[f"{revision}-{number}"] = Pod(revision, self.clock.now())
        return len(mine) != replicas

    def run(self, limit: int = 300) -> int:
        """Decide, and let the world go on, until nothing happens any more; how many decisions that took.

        Raises:
            AssertionError: there is no end.
        """
        said: list[list[str]] = []
        plan = Plan()
        for count in range(1, limit):
            _, plan = self.decide()
            self.apply(plan)
            moved = self.tick()
            said = [*said[-5:], [action.why for action in plan.actions]]
            if plan.actions or moved or plan.status is not None:
                self.clock.advance(0.25)
            elif plan.wake_at:
                self.clock.advance((plan.wake_at - self.clock.now()).total_seconds())
            else:
                return count
        ready = (self.body["status"].get("conditions") or [{}])[0]
        raise AssertionError(f"no end after {limit} passes: {said}, {plan.wake_at}, {ready}")


def written(actions: Iterable[Action], resource: Resource) -> Iterable[tuple[Action, Body]]:
    """What is written of a kind, in order."""
    for action in actions:
        if (
            action.resource == resource
            and isinstance(action, Create | Patch)
            and isinstance(action.body, Mapping)
        ):
            yield action, dict(action.body)
