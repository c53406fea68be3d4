"""Whole histories of one ModelDeployment: what is typed, and what that must cost.

A row states the end, every pod that was made and taken away on the way, who had the traffic in which
order, and the writes. A row that needs more than it states fails as one that does less.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pintle.desired.network import STANDBY_ROLE
from pintle.domain.resources import BUDGETS, CONTROLLER_REVISIONS, MODEL_DEPLOYMENTS, PODS, SERVICES
from pintle.naming import (
    ANNOTATION_RELEASED,
    ANNOTATION_ROLE,
    LABEL_DEPLOYMENT,
    LABEL_REVISION,
    LABEL_VERSION,
    short_hash,
)
from tests.support.fake_cluster import Fault
from tests.support.fake_pods import Failure, Fate, Stage
from tests.support.watchman import Watchman
from tests.support.world import NAME, NAMESPACE, World, version_of

FETCHING = Fate(until=Stage.SCHEDULED)
PROVING = Fate(until=Stage.SERVING)
NAN = Fate(failure=Failure("serve", 15, "ProofFailed", "prediction[0] is NaN"))
VERSIONS = tuple(map(str, range(1, 10)))


@dataclass(frozen=True)
class Edit:
    """One edit, and how long the world goes on after it.

    `fates` by version; `pods` are those of a version's next pods, one by one. `also` is what somebody does
    besides, right after the edit of the spec. `fault` is what happens to a request from then on: one with a
    CancelledError kills the operator there, and another process starts half way through the seconds.
    """

    spec: Mapping[str, object] = field(default_factory=dict)
    seconds: float = 20
    fates: Mapping[str, Fate] = field(default_factory=dict)
    pods: Mapping[str, tuple[Fate, ...]] = field(default_factory=dict)
    also: Callable[[World], None] | None = None
    fault: Callable[[World], Fault] | None = None


@dataclass(frozen=True)
class History:
    """A row. `made` and `gone` count pods by version; `writes` and `reads` by verb and kind, over all edits.

    `reason` is that of `Ready`, "" where the ModelDeployment is gone; `words` stand in its message. `kept`
    are the versions of the records in the end, where the row is about them.
    """

    name: str
    edits: tuple[Edit, ...]
    served: list[str]
    reason: str
    replicas: Mapping[str, int]
    made: Mapping[str, int]
    writes: Mapping[str, int]
    gone: Mapping[str, int] = field(default_factory=dict)
    reads: Mapping[str, int] = field(default_factory=dict)
    standby: str = ""
    words: str = ""
    kept: list[str] | None = None


V1 = Edit({"version": 1, "replicas": 2})
V2 = Edit({"version": 2})
STATUS = "patch modeldeployments/status"
# What every new revision costs: its record (written, then marked), its ConfigMap (written, then told
# the digest), its Deployment.
NEW = Counter(
    {
        "create controllerrevisions": 1,
        "create configmaps": 1,
        "create deployments": 1,
        "patch controllerrevisions": 1,
        "patch configmaps": 1,
    }
)
# The first flip claims the Deployment, then makes the Service.
FIRST = NEW + Counter(
    {
        "patch deployments": 1,
        "create services": 1,
        "create poddisruptionbudgets": 1,
        STATUS: 3,
    }
)
# A flip: the Service, then the budget, the two old pods' marks.
FLIP = Counter({"patch services": 1, "patch poddisruptionbudgets": 1, "patch pods": 2})
# A way back to pods that run: two marks put, two taken, one status.
BACK = FLIP + Counter({"patch pods": 2, STATUS: 1})
# Pods given up: named on the Service, then taken away.
GIVE_UP = Counter({"patch services": 1, "patch deployments/scale": 1})
# A candidate that never gets so far is neither marked nor told a digest.
UNCLEARED = Counter({"create controllerrevisions": 1, "create configmaps": 1, "create deployments": 1})
# One that is rejected is marked, and gives up its pods.
REJECTED = UNCLEARED + GIVE_UP + Counter({"patch controllerrevisions": 1})

# What a process cannot tell from something made again: it asks whether the object itself is still there.
ASKED = {"get modeldeployments": 1}


def more(*parts: Mapping[str, int]) -> Counter[str]:
    """The sum of costs, some of which may be negative."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return +total


def play(edits: tuple[Edit, ...]) -> World:
    """A world after all edits of a history, on the way of which no promise was broken."""
    world = World(*VERSIONS)
    watchman = Watchman(world)
    for edit in edits:
        perform(world, edit)
    assert not watchman.wrong
    return world


def perform(world: World, edit: Edit) -> None:
    """Do one edit, and let the world go on."""
    for version, fate in edit.fates.items():
        world.fate(version, fate)
    for version, fates in edit.pods.items():
        world.next_fates[version] = list(fates)
    fault = edit.fault(world) if edit.fault else None
    if fault:
        world.cluster.faults.append(fault)
    if edit.spec:
        world.apply(**edit.spec)
    if edit.also:
        edit.also(world)
    world.run(edit.seconds / 2)
    if fault:
        assert fault.seen >= fault.ordinal, "the fault has struck"
        if world.operator.killed:
            world.start_operator()
    world.run(edit.seconds / 2)


def check(world: World, history: History) -> None:
    """Compare a world with all that a row states."""
    if history.reason:
        ready = world.condition()
        assert ready["reason"] == history.reason, ready["message"]
        assert history.words in ready["message"]
        assert (world.status.get("standby") or {}).get("version", "") == history.standby
    else:
        assert world.api.find(MODEL_DEPLOYMENTS, NAMESPACE, NAME) is None
    assert world.served() == history.served
    assert world.replicas() == history.replicas
    assert by_version(world.pods_made) == history.made
    assert by_version(world.pods_gone) == history.gone
    if history.reason:
        check_marks(world)
    if history.reason == "Serving":
        assert not world.answers.wanted, "nothing is asked of the registry any more"
    if history.kept is not None:
        records = world.api.objects(CONTROLLER_REVISIONS)
        assert sorted(r["metadata"]["labels"][LABEL_VERSION] for r in records) == history.kept
    requests = [(r.verb, f"{r.verb} {r.resource}") for r in world.cluster.requests]
    assert Counter(what for verb, what in requests if verb != "get") == history.writes
    reads = Counter(what for verb, what in requests if verb == "get")
    assert reads == history.reads, f"children are read from the watch; read were {dict(reads)}"


def check_marks(world: World) -> None:
    """What follows a flip has followed: the budget protects who serves, and pods know their role.

    Who serves or stands by is not among those whose pods were given up.
    """
    service = world.api.find(SERVICES, NAMESPACE, NAME)
    if service is None or world.condition()["reason"] == "NameTaken":
        return
    selector = service["spec"]["selector"]
    assert world.api.get(BUDGETS, NAMESPACE, NAME)["spec"]["selector"]["matchLabels"] == selector
    roles: dict[str, str | None] = {selector[LABEL_REVISION]: None}
    if standby := world.status.get("standby"):
        roles[standby["revision"]] = STANDBY_ROLE
    given_up = service["metadata"]["annotations"].get(ANNOTATION_RELEASED, "").split(",")
    assert not {short_hash(name) for name in roles} & set(given_up)
    for pod in world.api.objects(PODS, labels=f"{LABEL_DEPLOYMENT}={NAME}"):
        revision = pod["metadata"]["labels"][LABEL_REVISION]
        role = (pod["metadata"].get("annotations") or {}).get(ANNOTATION_ROLE)
        assert role == roles.get(revision, role), pod["metadata"]["name"]


def check_rest(world: World) -> None:
    """Nothing is written or read any more, by this process or by one that knows nothing."""
    world.cluster.requests.clear()
    made = world.pods_made.copy()
    world.run(60, tick=5)
    world.start_operator()
    world.run(60, tick=5)
    assert world.cluster.requests == []
    assert world.pods_made == made


def by_version(pods: Counter[str]) -> dict[str, int]:
    """Counts of pods by version, from counts by revision."""
    counts: Counter[str] = Counter()
    for revision, count in pods.items():
        counts[version_of(revision)] += count
    return dict(counts)
