"""Values as the plugin writes them."""

from datetime import UTC, datetime, timedelta

import pytest

from kubectl_pintle import text

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (0.0214, "0.021s"),
        (0.5, "0.5s"),
        (1, "1s"),
        (33.785, "33.8s"),
        (60, "1m"),
        (310.4, "5m10s"),
        (3600, "1h"),
        (7512, "2h5m"),
        (86400 * 4 + 3600 * 3 + 59, "4d3h"),
        (-2, "0s"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert text.duration(seconds) == shown


def test_times() -> None:
    assert text.ago(NOW - timedelta(seconds=75.9), NOW) == "1m15s"
    assert text.ago(NOW + timedelta(seconds=3), NOW) == "0s", "clocks differ"
    assert text.ago(None, NOW) == ""
    east = NOW.astimezone(datetime.strptime("+0200", "%z").tzinfo)
    assert text.clock(east) == "2026-11-23 09:30:00"
    assert text.stamp(east) == "2026-11-23T09:30:00Z"
    assert (text.clock(None), text.stamp(None)) == ("", None)


def test_a_tables_columns_are_as_wide_as_they_need_to_be() -> None:
    lines = text.table(("NAME", "AGE"), [("iris", "4d"), ("fraud-detector", "")], indent="  ")
    assert lines == ["  NAME             AGE", "  iris             4d", "  fraud-detector"]
