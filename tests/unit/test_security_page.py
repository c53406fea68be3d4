"""The threat model names tests that there are: a control without one would be a claim."""

import ast
import re
from functools import cache
from typing import NamedTuple

import pytest

from tests.support.schemas import REPOSITORY

PAGE = REPOSITORY / "docs/security.md"
TESTS = REPOSITORY / "tests"
LEAST = 40
SAME = "the same"

_TEST = re.compile(r"`(?P<file>[\w/]+\.py)::(?P<function>test_\w+)(?:\[(?P<case>.+)\])?`")


class Attack(NamedTuple):
    """A row of the page."""

    attack: str
    control: str
    test: str
    positive: str


def _rows() -> list[Attack]:
    lines = PAGE.read_text().partition("## Attacks")[2].partition("\n## ")[0].splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")
    ]
    return [Attack(*row) for row in cells if row[0] != "attack"]


ROWS = _rows()


@cache
def _functions(file: str) -> dict[str, str]:
    """Each test of a file, with its text and that of its decorators."""
    text = (TESTS / file).read_text()
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            found[node.name] = "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    return found


def _missing(cell: str) -> str:
    """What of a cell is not there, if anything."""
    named = _TEST.fullmatch(cell)
    if named is None:
        return f"{cell} names no test"
    file, function, case = named.group("file", "function", "case")
    if not (TESTS / file).is_file():
        return f"there is no tests/{file}"
    text = _functions(file).get(function)
    if text is None:
        return f"tests/{file} has no {function}"
    return f"{function} has no case {case}" if case and f'"{case}"' not in text else ""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.attack)
def test_every_attack_has_a_test_and_a_positive_control(row: Attack) -> None:
    assert row.control
    assert _missing(row.test) == ""
    assert row.positive == SAME or (row.positive != row.test and _missing(row.positive) == "")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("a promise", "names no test"),
        ("`unit/test_absent.py::test_x`", "there is no tests/unit/test_absent.py"),
        ("`unit/test_security_page.py::test_absent`", "has no test_absent"),
        ("`unit/test_manifests.py::test_an_upgrade_is_seamless[never]`", "has no case never"),
        ("`unit/test_manifests.py::test_an_upgrade_is_seamless`", ""),
    ],
)
def test_what_is_not_there_is_noticed(cell: str, words: str) -> None:
    """The control of the test before."""
    assert words in _missing(cell)
    assert bool(words) == bool(_missing(cell))


def test_there_are_as_many_as_were_promised() -> None:
    assert len(ROWS) >= LEAST
    assert len({row.attack for row in ROWS}) >= LEAST
    assert len({(row.test, row.attack) for row in ROWS}) == len(ROWS)
    assert len({row.test for row in ROWS}) >= LEAST, "cases of their own, not names of one"
