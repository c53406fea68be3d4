"""Who is in a fight over a field, as `managedFields` of a real cluster tell it."""

import pytest

from pintle.domain import Field
from pintle.fights import NOBODY, conflict

FIELD = Field("Deployment", "iris-v1-1a2b3c4d", "spec.replicas")


def entry(manager: str, fields: object, time: str = "2026-11-25T10:00:00Z") -> dict[str, object]:
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields}


REPLICAS: dict[str, object] = {"f:spec": {"f:replicas": {}}}
TEMPLATE: dict[str, object] = {"f:spec": {"f:template": {"f:spec": {"f:containers": {}}}}}


@pytest.mark.parametrize(
    ("entries", "who"),
    [
        ([entry("pintle", TEMPLATE), entry("kubectl-scale", REPLICAS)], "field manager kubectl-scale"),
        ([entry("pintle", REPLICAS), entry("mesh", TEMPLATE)], NOBODY),
        (
            [entry("late", REPLICAS, "2026-11-25T10:00:02Z"), entry("early", REPLICAS)],
            "field manager late",
        ),
        ([{"manager": "odd"}], NOBODY),
        ([], NOBODY),
    ],
    ids=["another", "only ours", "the last of two", "without fields", "none"],
)
def test_who_it_is(entries: list[dict[str, object]], who: str) -> None:
    notice = conflict(FIELD, {"metadata": {"managedFields": entries}})
    assert (notice.type, notice.reason) == ("Warning", "RepairConflict")
    assert "spec.replicas of Deployment iris-v1-1a2b3c4d was put back 3 times" in notice.message
    assert f"changed again by {who};" in notice.message


def test_an_object_that_cannot_be_read_names_nobody() -> None:
    assert NOBODY in conflict(FIELD, None).message
