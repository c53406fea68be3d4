"""The table at the end: Pintle beside the plain Deployment."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from demo.scores import Row, Score, total

_FIGURES = ("serves", "back", "sent", "lost", "wrong")


def table(rows: Sequence[Row]) -> Table:
    """One row for each step; the seconds of a rollback stand in a column of their own."""
    made = Table(
        title="Pintle | a plain Deployment with a rolling update",
        caption="serves, back: seconds from the edit until what was declared answers alone",
        title_style="bold",
        caption_justify="left",
        expand=False,
        pad_edge=False,
    )
    made.add_column("step", ratio=1, overflow="fold")
    for name in _FIGURES:
        made.add_column(name, justify="right", style="cyan", header_style="cyan")
    for name in _FIGURES:
        made.add_column(name, justify="right")
    for number, row in enumerate(rows, 1):
        made.add_row(
            f"{number} {row.title}", *_cells(row.pintle, row.rollback), *_cells(row.plain, row.rollback)
        )
    made.add_section()
    made.add_row("all", "", "", *_counts(total([row.pintle for row in rows])),
                 "", "", *_counts(total([row.plain for row in rows])))  # fmt: skip
    return made


def _cells(score: Score, rollback: bool) -> list[Text]:  # one of two columns
    time = Text(score.time().removesuffix(" s"))
    return [*((Text(""), time) if rollback else (time, Text(""))), *_counts(score)]


def _counts(score: Score) -> list[Text]:
    bad = [Text(str(count), style="bold red" if count else "") for count in (score.lost, score.wrong)]
    return [Text(str(score.sent)), *bad]
