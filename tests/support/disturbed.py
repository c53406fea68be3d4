"""Histories that are played again and again, with something else happening at each write of the last edit."""

from pintle.domain.resources import SERVICES
from pintle.naming import ANNOTATION_REJECT
from tests.support.histories import FETCHING, NAN, V1, V2, Edit
from tests.support.world import NAME, NAMESPACE, World


def reject(world: World) -> None:
    """Take version 2 out of traffic, by annotation."""
    world.annotate(**{ANNOTATION_REJECT: "version/2"})


def lose_the_service(world: World) -> None:
    """Delete the Service by hand."""
    world.api.delete(SERVICES, NAMESPACE, NAME)


SHORT = {"rollout": {"standbySeconds": 30}}
HISTORIES = {
    "create": (V1,),
    "version change": (V1, V2),
    "roll back": (V1, V2, Edit({"version": 1})),
    "roll back to what has no pods": (
        Edit({"version": 1, "replicas": 2, **SHORT}),
        Edit({"version": 2}, seconds=60),
        Edit({"version": 1}),
    ),
    "a standby that is replaced": (V1, V2, Edit({"version": 3})),
    "a standby whose time is over": (Edit({"version": 1, "replicas": 2, **SHORT}), V2, Edit(seconds=60)),
    "a proof that fails": (V1, Edit({"version": 2}, fates={"2": NAN})),
    "an edit in mid-rollout": (V1, Edit({"version": 2}, fates={"2": FETCHING}), Edit({"version": 3})),
    "more replicas": (V1, V2, Edit({"replicas": 3})),
    "another shape": (V1, V2, Edit({"resources": {"requests": {"cpu": "200m"}}})),
    "0 replicas": (V1, V2, Edit({"replicas": 0})),
    "pruned": (
        Edit({"version": 1, "replicas": 2, "revisionHistoryLimit": 0, **SHORT}),
        V2,
        Edit(seconds=60),
    ),
    "rejected by annotation": (V1, V2, Edit(also=reject)),
    "back from 0 replicas": (V1, V2, Edit({"replicas": 0}), Edit({"replicas": 2})),
    "resumed": (V1, Edit({"version": 2, "suspend": True}), Edit({"suspend": False})),
    "its Service deleted by hand": (V1, V2, Edit(also=lose_the_service)),
}
