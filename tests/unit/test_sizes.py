"""How many pods a revision is to have: declared x what there is -> a number."""

from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from pintle import sizes
from pintle.api import Resources
from pintle.autoscaling import conditions, has_cpu_request
from pintle.desired import autoscaler, record, workload
from pintle.domain import Autoscaler, Observed, Record, Traffic
from pintle.roles import roles
from pintle.trafficview import autoscaler as view
from pintle.trafficview import traffic as traffic_view
from tests.support import builders
from tests.support.builders import NOW, deployment

OLD, NEW = "iris-v2-1a2b3c4d", "iris-v3-1a2b3c4d"
SCALING = {"minReplicas": 2, "maxReplicas": 6}


def observed(
    has: int | None = None,
    candidate: int | None = None,
    *,
    mark: int | None = None,
    last: int = 0,
    **spec: Any,  # noqa: ANN401 - the fields of a spec
) -> Observed:
    """Version 2 serves with `has` pods (with None nothing serves), version 3 is on its way."""
    there = {name: n for name, n in ((OLD, has), (NEW, candidate)) if n is not None}
    serves = Traffic("u", "1", OLD, NOW, "", frozenset(), frozenset(), {}, autoscaled=mark)
    return Observed(
        deployment=deployment(**spec),
        records=(builders.record("2"), builders.record("3")),
        workloads={name: builders.workload(name, replicas=n) for name, n in there.items()},
        pods=(),
        traffic=serves if has is not None else None,
        budget=None,
        copies={},
        connection=None,
        runtimes=(),
        resolution=None,
        autoscaler=Autoscaler("u", "1", OLD, last, None, "", {"metadata": {"name": "iris"}})
        if last
        else None,
    )


class Row(NamedTuple):
    """`size` of what serves, `candidate` of what is on its way, `asked` for at the least, and the mark."""

    case: str
    seen: Observed
    size: int
    candidate: int
    asked: int
    mark: int | None


ON: dict[str, Any] = {"autoscaling": SCALING}
TABLE = [
    Row("declared", observed(2, 2, replicas=2), 2, 2, 2, None),
    Row("declared, and drifted", observed(7, 9, replicas=2), 2, 2, 2, None),
    Row("declared, none", observed(2, 2, replicas=0), 0, 0, 0, None),
    Row("at first", observed(replicas=4, **ON), 4, 4, 2, 4),
    Row("at first, too few", observed(replicas=1, **ON), 2, 2, 2, 1),
    Row("at first, none", observed(replicas=0, **ON), 2, 2, 2, 0),
    Row("at first, too many", observed(replicas=9, **ON), 6, 6, 2, 9),
    Row("found under load", observed(5, replicas=1, **ON), 5, 5, 2, 1),
    Row("more are needed", observed(5, 3, replicas=1, **ON), 5, 5, 2, 1),
    Row("fewer are needed", observed(3, 5, replicas=1, **ON), 3, 5, 2, 1),
    Row("fewer than the least", observed(1, 1, replicas=1, **ON), 2, 2, 2, 1),
    Row("more than the most, which is new", observed(9, 1, replicas=1, **ON), 9, 9, 2, 1),
    Row("a candidate scaled by hand", observed(3, 50, replicas=1, **ON), 3, 6, 2, 1),
    Row("stopped", observed(0, replicas=1, **ON), 2, 2, 2, 1),
    Row("stopped, at five", observed(0, replicas=1, last=5, **ON), 5, 5, 2, 1),
    Row("stopped, at nine", observed(0, replicas=1, last=9, **ON), 6, 6, 2, 1),
    Row("turned off", observed(5, 3, mark=1, replicas=1), 5, 5, 1, 1),
    Row("turned off at none", observed(5, mark=0, replicas=0), 5, 5, 0, 0),
    Row("turned off and edited", observed(5, 3, mark=1, replicas=2), 2, 2, 2, None),
    Row("turned off with fewer than declared", observed(2, mark=4, replicas=4), 4, 4, 4, None),
    Row("turned off long ago", observed(2, mark=2, replicas=2), 2, 2, 2, None),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.case)
def test_how_many(row: Row) -> None:
    seen = row.seen
    found = (sizes.size(seen), sizes.of_candidate(seen, NEW), sizes.asked(seen), sizes.mark(seen))
    assert found == (row.size, row.candidate, row.asked, row.mark)


def test_the_declared_number_needs_no_word() -> None:
    assert sizes.told(observed(2, replicas=2)) == ""
    assert not sizes.is_found(observed(2, replicas=2))


@pytest.mark.parametrize(
    ("text", "known"), [("2", 2), ("0", 0), ("", None), ("-1", None), ("two", None), ("²", None)]
)
def test_a_mark_that_was_edited_beyond_reading_is_none(text: str, known: int | None) -> None:
    body = {"metadata": {"annotations": {"pintle.dev/autoscaled": text}}, "spec": {}}
    assert traffic_view(body, [], []).autoscaled == known


def built(resources: dict[str, dict[str, str | int]]) -> Record:
    """A record as it is built with these resources."""
    declared = deployment(resources=resources)
    shape = declared.spec.shape()
    made = record.create(declared, builders.new_revision(shape=shape), max_artifact_bytes=1)
    return replace(builders.record(), template=made.body["data"]["template"])


@pytest.mark.parametrize(
    ("resources", "has"),
    [
        ({"requests": {"cpu": "100m"}}, True),
        ({"requests": {"cpu": 1}}, True),
        ({"limits": {"cpu": "0.5"}}, True),
        ({"requests": {"memory": "1Gi"}}, False),
        ({"limits": {"memory": "1Gi"}}, False),
        ({"requests": {"cpu": "0"}}, False),
        ({"requests": {"cpu": "0"}, "limits": {"cpu": "1"}}, False),
    ],
    ids=str,
)
def test_what_utilization_is_counted_by(resources: dict[str, dict[str, str | int]], *, has: bool) -> None:
    assert Resources.model_validate(resources)
    assert has_cpu_request(built(resources)) is has


def test_the_measured_container_is_the_one_that_serves() -> None:
    spec = autoscaler.spec(deployment(**ON).spec.autoscaling or pytest.fail("parsed"), NEW, 2)
    containers = workload.create(deployment(), built({"requests": {"cpu": "1"}}), 1).body["spec"]["template"]
    names = [c["name"] for c in containers["spec"]["containers"]]
    assert [m["containerResource"]["container"] for m in spec["metrics"]] == names


def test_without_autoscaling_there_is_no_such_condition() -> None:
    seen = observed(2, replicas=2)
    assert conditions(seen, roles(seen)) == ()


def test_what_was_said_of_another_revision_is_not_said_of_this_one() -> None:
    told = {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"}
    body = {
        "metadata": {"name": "iris"},
        "spec": {"scaleTargetRef": {"name": NEW}},
        "status": {"conditions": [told]},
    }
    seen = observed(2, replicas=2, **ON)
    seen = replace(seen, records=(replace(built({"requests": {"cpu": "1"}}), name=OLD),))
    (before,) = conditions(replace(seen, autoscaler=view(body)), roles(seen))
    body["spec"] = {"scaleTargetRef": {"name": OLD}}
    (after,) = conditions(replace(seen, autoscaler=view(body)), roles(seen))
    assert (before.status, after.status) == (None, True)
