"""`history`: what served from when to when, told by `status.history` and by the records."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubectl_pintle.deployment import ModelDeployment
from kubectl_pintle.names import short_hash
from kubectl_pintle.overview import role
from kubectl_pintle.records import Record
from kubectl_pintle.text import clock, duration, stamp, table

_RUN = 8


@dataclass(frozen=True, slots=True)
class Row:
    """A rollout and the time that it served. `now` is what the revision is today; empty if it is not kept."""

    version: str
    revision: str
    run_id: str
    source: str
    alias: str
    began: datetime | None
    ended: datetime | None
    seconds: float | None
    outcome: str
    cause: str
    now: str


def rows(deployment: ModelDeployment, records: Iterable[Record]) -> tuple[Row, ...]:
    """Newest first: what is on its way, what the history tells of, and what it does not tell of any more."""
    kept = {r.name: r for r in records}
    told = [*_told(deployment, kept)]
    names = {row.revision for row in told}
    untold = [_untold(deployment, r) for r in kept.values() if r.name not in names]
    coming = [row for row in untold if row.now == "candidate"]
    return (*coming, *told, *(row for row in untold if row not in coming))


def _told(deployment: ModelDeployment, kept: dict[str, Record]) -> Iterator[Row]:
    replaced: datetime | None = None
    for entry in deployment.history:
        yield Row(
            version=entry.version,
            revision=entry.revision,
            run_id=entry.run_id,
            source=entry.source,
            alias=entry.alias,
            began=entry.promoted,
            ended=replaced if entry.promoted else None,
            seconds=entry.seconds,
            outcome=entry.outcome,
            cause=entry.cause,
            now=_now(deployment, entry.revision, kept.get(entry.revision)),
        )
        # What was promoted before this one served until this one was.
        replaced = entry.promoted or replaced


def served_at(history: Iterable[Row], moment: datetime) -> Row | None:
    """What had the traffic at a moment: the newest that took it until then. None where that is not told."""
    return next((row for row in history if row.began and row.began <= moment), None)


def _untold(deployment: ModelDeployment, record: Record) -> Row:
    """A record alone knows what it is and what became of its proof, and not when it served."""
    now = _now(deployment, record.name, record)
    going_on = deployment.step if now == "candidate" else ""
    outcome = record.rejected.get("reason") or going_on or ("Proven" if record.cleared else "NotProven")
    return Row(
        version=record.version,
        revision=record.name,
        run_id=record.run_id,
        source=(record.data.get("identity") or {}).get("source", ""),
        alias="",
        began=None,
        ended=None,
        seconds=None,
        outcome=outcome,
        cause="",
        now=now,
    )


def _now(deployment: ModelDeployment, revision: str, record: Record | None) -> str:
    current = role(deployment, revision)
    if current != "-":
        return current
    if any(r.revision == revision for r in deployment.rejected) or (record and record.rejected):
        return "rejected"
    return "kept" if record and record.cleared else ""


def lines(history: Iterable[Row], *, wide: bool) -> list[str]:
    """For people; `wide` adds whole run ids, sources and names of revisions."""
    header = ["VERSION", "REVISION", "FROM (UTC)", "TO (UTC)", "TOOK", "OUTCOME", "NOW", "RUN", "CAUSE"]
    shown = [_cells(row, wide=wide) for row in history]
    if wide:
        header.insert(-1, "SOURCE")
    return table(header, shown)


def answer(row: Row) -> list[str]:
    """One row in full, for people."""
    until = clock(row.ended) or ("now" if row.now == "serving" else "")
    told = {
        "version": row.version,
        "revision": row.revision,
        "from (UTC)": clock(row.began),
        "to (UTC)": until,
        "run": row.run_id,
        "source": row.source,
        "alias": row.alias,
        "cause": row.cause,
    }
    width = max(map(len, told))
    return [f"{name:{width}}   {value}" for name, value in told.items() if value]


def _cells(row: Row, *, wide: bool) -> list[str]:
    return [
        row.version,
        row.revision if wide else short_hash(row.revision),
        clock(row.began),
        clock(row.ended) or ("now" if row.began and row.now == "serving" else ""),
        "" if row.seconds is None else duration(row.seconds),
        row.outcome,
        row.now,
        row.run_id if wide else row.run_id[:_RUN],
        *([row.source] if wide else []),
        f"{row.cause} (alias {row.alias})" if row.alias else row.cause,
    ]


def data(history: Iterable[Row]) -> list[dict[str, Any]]:
    """For scripts."""
    return [
        {
            "version": row.version,
            "revision": row.revision,
            "runId": row.run_id or None,
            "source": row.source or None,
            "alias": row.alias or None,
            "from": stamp(row.began),
            "to": stamp(row.ended),
            "durationSeconds": row.seconds,
            "outcome": row.outcome,
            "cause": row.cause or None,
            "now": row.now or None,
        }
        for row in history
    ]
