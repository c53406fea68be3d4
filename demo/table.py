"""The table at the end: Pintle beside the plain Deployment."""

from collections.abc import Sequence

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from demo.scores import Row, Score, total

_FIGURES = ("serves", "back", "sent", "lost", "wrong")


# Narrower than this the steps' titles would be columns of single words: they are listed below instead.
_WIDE = 100


class StepsTable:
    """One row for each step; the seconds of a rollback stand in a column of their own."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Renders it as wide as there is room, as rich asks for it."""
        if options.max_width >= _WIDE:
            yield _table(self._rows, [f"{number} {row.title}" for number, row in enumerate(self._rows, 1)])
            return
        yield _table(self._rows, [str(number) for number, _ in enumerate(self._rows, 1)])
        yield from (Text(f"{number} {row.title}") for number, row in enumerate(self._rows, 1))


def _table(rows: Sequence[Row], titles: Sequence[str]) -> Table:
    made = Table(
        title="Pintle beside a plain Deployment with a rolling update",
        caption="serves, back: seconds from the edit until what was declared answers alone",
        title_style="bold",
        caption_justify="left",
        box=box.SIMPLE_HEAD,  # with lines between the columns 80 of a terminal would be too few
        collapse_padding=True,
        pad_edge=False,
    )
    made.add_column("\nstep")
    for side, style in (("Pintle", "cyan"), ("plain", "")):
        for name in _FIGURES:
            above = side if name == _FIGURES[0] else ""
            made.add_column(
                f"{above}\n{name}", justify="right", no_wrap=True, style=style, header_style=f"bold {style}"
            )
    for title, row in zip(titles, rows, strict=True):
        made.add_row(title, *_cells(row.pintle, row.rollback), *_cells(row.plain, row.rollback))
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
