"""What may happen to a ModelDeployment in any state, and tables of what becomes of it then.

A cell is the version that serves 30 s later (`-` for none) and the reason of `Ready`; `~` is that of before,
and `=` says that nothing at all has changed.
"""

from collections.abc import Callable, Mapping

from pintle.domain.resources import (
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    HTTP_ROUTES,
    MODEL_DEPLOYMENTS,
    PODS,
    SERVICES,
)
from pintle.naming import ANNOTATION_PROMOTE, ANNOTATION_REJECT, short_hash
from tests.support.world import NAME, NAMESPACE, World


def reject(world: World) -> None:
    """Reject the version that is declared."""
    world.annotate(**{ANNOTATION_REJECT: f"version/{world.body['spec']['version']}"})


def promote(world: World) -> None:
    """Promote the revision that is declared; where it has no record, one that there is not."""
    revision = world.revision(str(world.body["spec"]["version"]))
    world.annotate(**{ANNOTATION_PROMOTE: short_hash(revision) if revision else "00000000"})


EVENTS: Mapping[str, Callable[[World], None]] = {
    "new version": lambda world: world.apply(version=3),
    "back to 1": lambda world: world.apply(version=1),
    "suspend": lambda world: world.apply(suspend=True),
    "reject": reject,
    "new token": lambda world: world.apply(rolloutToken="again"),
    "promote": promote,
    "delete": lambda world: world.api.delete(MODEL_DEPLOYMENTS, NAMESPACE, NAME),
    "operator killed": World.start_operator,
    "status wiped": World.wipe_status,
}
# Of the others none may change who serves.
CHANGES_WHO_SERVES = ("new version", "back to 1", "reject", "new token", "promote")


def cells(table: str, alike: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """(state, event) -> cell; `alike` are events that come to the same in every state."""
    head, *rows = ([cell.strip() for cell in line.split("|")] for line in table.strip("\n").splitlines())
    told = {(row[0], event): cell for row in rows for event, cell in zip(head[1:], row[1:], strict=True)}
    return told | {(row[0], event): cell for row in rows for event, cell in alike.items()}


def outcome(world: World) -> str:
    """What a cell says, of a world as it is."""
    if world.api.find(MODEL_DEPLOYMENTS, NAMESPACE, NAME):
        return f"{world.serving or '-'} {world.condition()['reason']}"
    kinds = (SERVICES, DEPLOYMENTS, CONTROLLER_REVISIONS, CONFIG_MAPS, PODS)
    return ", ".join(o["metadata"]["name"] for kind in kinds for o in world.api.objects(kind)) or "gone"


def cluster(world: World) -> dict[str, object]:
    """All that the operator has made, but for what says when."""
    route = world.api.find(HTTP_ROUTES, NAMESPACE, NAME)
    return {
        "conditions": [
            {k: v for k, v in c.items() if k in ("type", "status", "reason", "message")}
            for c in world.status["conditions"]
        ],
        "replicas": world.replicas(),
        "selector": world.serving,
        "records": [r["metadata"]["name"] for r in world.api.objects(CONTROLLER_REVISIONS)],
        "services": [s["metadata"]["name"] for s in world.api.objects(SERVICES)],
        "route": route["spec"] if route else None,
        "made": world.pods_made.copy(),
        "gone": world.pods_gone.copy(),
    }


def happens(world: World, event: str, cell: str, outcome: Callable[[World], str] = outcome) -> None:
    """Have an event happen in a state, and hold what comes of it to the cell."""
    before, served, is_now = cluster(world), world.served(), outcome(world)
    EVENTS[event](world)
    world.run(30)
    if cell == "=":
        assert cluster(world) == before
    else:
        assert outcome(world) == (is_now if cell == "~" else cell)
    if event in CHANGES_WHO_SERVES:
        assert len(world.served()) <= len(served) + 1, "what serves changes once at most"
        assert world.served()[len(served) :] in ([], [cell[0]], [is_now[0]])
    elif event != "delete":
        assert world.served() == served
    silent(world)


def silent(world: World) -> None:
    """Afterwards, nothing is written but what waits for its time."""
    world.cluster.requests.clear()
    world.run(5)
    assert [r for r in world.cluster.requests if r.verb != "get" and r.resource != "events"] == []
