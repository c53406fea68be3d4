"""Which promotions `status.history` is told of, by what it says already and by the Service as it was read."""

from datetime import timedelta

import pytest

from pintle.domain import Observed, Traffic
from pintle.history import history
from pintle.naming import timestamp
from pintle.roles import Roles
from tests.support.builders import NOW, deployment, record

# The history as it is: versions and when they took the traffic, the newest first. Then the Service's, and
# the versions of the history that comes of it.
CASES = {
    "the first": ([], ("3", 0.2), ["3"]),
    "it is told of": ([("3", 0)], ("3", 0.2), ["3"]),
    "another one": ([("3", 0)], ("2", 10.3), ["2", "3"]),
    "again, later": ([("2", 10), ("3", 0)], ("3", 20.1), ["3", "2", "3"]),
    "another one in the same second": ([("3", 0)], ("2", 0.3), ["2", "3"]),
    "again in the same second": ([("2", 0), ("3", 0)], ("3", 0.9), ["3", "2", "3"]),
    "by a clock that is behind": ([("3", 10)], ("2", 5.0), ["2", "3"]),
    "the Service as it was before, read late": ([("2", 10), ("3", 0)], ("3", 0.2), ["2", "3"]),
}


@pytest.mark.parametrize(("told", "service", "versions"), CASES.values(), ids=CASES)
def test_promotions(told: list[tuple[str, float]], service: tuple[str, float], versions: list[str]) -> None:
    entries = [_entry(*one, "Replaced" if number else "Serving") for number, one in enumerate(told)]
    found = history(_observed(entries, *service), Roles(record(service[0]), None, None), NOW)
    assert [e["version"] for e in found] == versions
    assert [e["outcome"] for e in found] == ["Serving"] + ["Replaced"] * (len(versions) - 1)


def _entry(version: str, seconds: float, outcome: str) -> dict[str, str]:
    moment = timestamp(NOW + timedelta(seconds=seconds))
    return {"version": version, "revision": record(version).name, "promotedTime": moment, "outcome": outcome}


def _observed(entries: list[dict[str, str]], version: str, seconds: float) -> Observed:
    shown = deployment().model_copy(update={"status": {"history": entries}})
    since = NOW + timedelta(seconds=seconds)
    traffic = Traffic("uid-s", "1", record(version).name, since, "", frozenset(), frozenset(), {})
    return Observed(shown, (record("2"), record("3")), {}, (), traffic, None, {}, None, (), None)
