"""Random histories: whatever is typed, in whatever order, the same promises hold.

Hypothesis writes the histories and shortens one that breaks a promise to the edits that matter.
"""

from collections.abc import Callable

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pintle.naming import ANNOTATION_REJECT
from tests.support.fake_pods import Failure, Fate
from tests.support.watchman import Watchman
from tests.support.world import World

BAD = "3"
Edit = Callable[[World], None]


def _named(name: str, edit: Edit) -> Edit:
    edit.__name__ = name
    return edit


def _version(version: str) -> Edit:
    return _named(f"version_{version}", lambda w: w.apply(version=version))


def _replicas(count: int) -> Edit:
    return _named(f"replicas_{count}", lambda w: w.apply(replicas=count))


def _cpu(quantity: str) -> Edit:
    resources = {"requests": {"cpu": quantity}}
    return _named(f"cpu_{quantity}", lambda w: w.apply(resources=resources))


def _reject(version: str | None) -> Edit:
    value = f"version/{version}" if version else None
    return _named(f"reject_{version}", lambda w: w.annotate(**{ANNOTATION_REJECT: value}))


EDITS = [
    *map(_version, "1234"),
    *map(_replicas, (0, 1, 2, 4)),
    *map(_cpu, ("100m", "200m")),
    *map(_reject, ("1", "2", None)),
    _named("token", lambda w: w.apply(rolloutToken=str(w.clock.now().timestamp()))),
    _named("suspend", lambda w: w.apply(suspend=True)),
    _named("resume", lambda w: w.apply(suspend=False)),
    _named("restart_operator", lambda w: w.start_operator()),
    _named("an_hour_passes", lambda w: w.run(3700, tick=10)),
    _named("wipe_status", lambda w: w.wipe_status()),
]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(EDITS), st.sampled_from([0.25, 1.0, 15.0])), max_size=9))
def test_promises_hold(history: list[tuple[Edit, float]]) -> None:
    world = World("1", "2", "3", "4")
    world.fate(BAD, Fate(failure=Failure("serve", 15, "ProofFailed", "prediction[0] is NaN")))
    watchman = Watchman(world)
    world.apply(version="1", replicas=2)
    world.run(2)
    for edit, seconds in history:
        edit(world)
        world.run(seconds)
    world.run(60)
    assert not watchman.wrong

    spec, ready = world.body["spec"], world.condition()
    rejected = (world.body["metadata"].get("annotations") or {}).get(ANNOTATION_REJECT) or ""
    if spec.get("suspend"):
        assert ready["reason"] in {"Suspended", "Serving", "RejectedByUser", "ProofFailed"}, ready
    elif spec["version"] == BAD:
        assert ready["reason"] in {"ProofFailed", "ScaledToZero"}, ready
    elif rejected == f"version/{spec['version']}":
        assert ready["reason"] == "RejectedByUser", ready
    elif spec["replicas"] == 0 and ready["status"] == "False":
        assert ready["reason"] == "ScaledToZero", ready
    else:
        assert ready["reason"] == "Serving", ready
        assert world.serving == str(spec["version"])
    if world.serving and ready["reason"] != "ScaledToZero":
        assert world.ready_pods(world.serving) >= min(1, spec["replicas"])
    _nothing_more_to_do(world)


def _nothing_more_to_do(world: World) -> None:
    """Deciding again writes nothing new, for this process and for one that knows nothing."""
    world.cluster.requests.clear()
    world.run(30)
    assert world.cluster.requests == []
    before = orjson.dumps(world.status)
    world.start_operator()
    world.run(30)
    assert orjson.dumps(world.status) == before
    assert world.cluster.requests == []
