"""Values -> text for people: tables, times, durations."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_GAP = "   "


def table(header: Sequence[str], rows: Iterable[Sequence[str]], indent: str = "") -> list[str]:
    """Lines of a table, its columns as wide as they need to be, as kubectl's are."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    cells = (_GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return [f"{indent}{line.rstrip()}" for line in cells]


def duration(seconds: float) -> str:
    """`0.021s`, `34s`, `5m10s`, `2h5m`, `4d3h`: two units at most."""
    if seconds < 1:
        return f"{max(seconds, 0):.3f}".rstrip("0").rstrip(".") + "s"
    if seconds < _MINUTE:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    whole = int(seconds)
    for unit, below, name, part in (
        (_DAY, _HOUR, "d", "h"),
        (_HOUR, _MINUTE, "h", "m"),
        (_MINUTE, 1, "m", "s"),
    ):
        if whole >= unit:
            rest = whole % unit // below
            return f"{whole // unit}{name}" + (f"{rest}{part}" if rest else "")
    raise AssertionError("a duration of a minute or more has a unit")


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, in whole seconds and one or two units; empty where it is not known."""
    return duration(max(int((now - moment).total_seconds()), 0)) if moment else ""


def clock(moment: datetime | None) -> str:
    """`2026-11-23 09:23:56`, in UTC; empty where it is not known."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if moment else ""


def stamp(moment: datetime | None) -> str | None:
    """RFC 3339 for scripts."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment else None


def plural(count: int, noun: str) -> str:
    """`1 pod`, `2 pods`."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def to_json(value: object) -> list[str]:
    """For `-o json`: its lines."""
    return json.dumps(value, indent=2, ensure_ascii=False).split("\n")


def visible(text: str) -> str:
    """A text on one line, with what a terminal would act on instead of showing it escaped as in JSON."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
