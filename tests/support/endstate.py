"""The end of a history, to compare with that of the same history to which something happened at a write."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from typing_extensions import override

from pintle.domain.resources import (
    BUDGETS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    PODS,
    SERVICES,
)
from pintle.naming import ANNOTATION_RELEASED, LABEL_REVISION, short_hash
from tests.support.fake_cluster import Fault, Verb
from tests.support.histories import VERSIONS, Edit, perform
from tests.support.watchman import selected
from tests.support.world import NAME, NAMESPACE, World


class Write(NamedTuple):
    """A write of a history's last edit: the `ordinal`th of its kind."""

    verb: Verb
    resource: str
    name: str
    ordinal: int

    @override
    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.name} #{self.ordinal}"

    def fault(
        self,
        error: BaseException | None,
        *,
        committed: bool = False,
        meanwhile: Callable[[], None] | None = None,
    ) -> Fault:
        """What happens to it."""
        return Fault(*self, error, committed, meanwhile)


def writes_of(edits: tuple[Edit, ...]) -> Iterator[Write]:
    """The writes of a history's last edit, where nothing happens to any."""
    world = World(*VERSIONS)
    for edit in edits[:-1]:
        perform(world, edit)
    start = len(world.cluster.requests)
    perform(world, edits[-1])
    seen: Counter[tuple[Verb, str, str]] = Counter()
    for request in world.cluster.requests[start:]:
        if request.verb != "get":
            kind = request.verb, request.resource, request.name
            seen[kind] += 1
            yield Write(*kind, seen[kind])


def state(world: World) -> dict[str, Any]:
    """What matters of the end: no times, no history, nothing of revisions without pods or traffic."""
    service = world.api.find(SERVICES, NAMESPACE, NAME)
    budget = world.api.find(BUDGETS, NAMESPACE, NAME)
    workloads = {d["metadata"]["name"]: d["spec"] for d in world.api.objects(DEPLOYMENTS)}
    status, serving = world.status, selected(service) if service else ""
    live = {serving, (status.get("standby") or {}).get("revision")}
    records = {r["metadata"]["name"]: r["metadata"] for r in world.api.objects(CONTROLLER_REVISIONS)}
    marks = (service["metadata"].get("annotations") or {}) if service else {}
    return {
        "serving": serving,
        "served": world.served(),
        "given up": sorted(
            set(marks.get(ANNOTATION_RELEASED, "").split(",")) & {short_hash(name) for name in live if name}
        ),
        "budget": budget and budget["spec"]["selector"]["matchLabels"].get(LABEL_REVISION),
        "replicas": {name: spec["replicas"] for name, spec in workloads.items() if spec["replicas"]},
        "pods": Counter(p["metadata"]["labels"][LABEL_REVISION] for p in world.api.objects(PODS)),
        "marks": {n: sorted(records[n].get("annotations") or ()) for n in live if n in records},
        "conditions": [
            (c["type"], c["status"], c["reason"], c["message"]) for c in status.get("conditions", ())
        ],
        "roles": {
            role: status[role]["version"] for role in ("serving", "candidate", "standby") if role in status
        },
        "wanted": status.get("wanted"),
        "counts": (status.get("replicas"), status.get("replicasReady")),
    }
