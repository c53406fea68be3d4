"""The table of states in docs/gitops/README.md is the one that the tests hold the tools to."""

from tests.support.gitops.states import STATES, State
from tests.support.schemas import REPOSITORY

PAGE = REPOSITORY / "docs/gitops/README.md"


def _row(name: str, state: State) -> list[str]:
    wait = " / ".join("yes" if met else "no" for met in (state.wait_ready, state.wait_available))
    return [name, state.kstatus, wait, state.argo, state.expressions or state.kstatus]


def test_the_documented_table_is_the_tested_one() -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert rows == [_row(name, state) for name, state in STATES.items()]
