"""The runner of documentation pages: what it takes for a step, and what it takes for the same output."""

import time
from pathlib import Path

import pytest

from tests.support.console import Action, Command, Console, File, matches, steps

PAGE = """\
# A page

`thing.yaml`:

```yaml
kind: Thing
name: ml
```

Not a file:

```yaml
kind: Other
```

<!-- test: stop-it -->

```console
$ echo one \\
    two
one two
$ true
$ cat thing.yaml
kind: Thing
…
```
"""


def test_the_steps_of_a_page() -> None:
    assert list(steps(PAGE)) == [
        File("thing.yaml", "kind: Thing\nname: ml\n"),
        Action("stop-it"),
        Command(19, "echo one \\\n    two", ("one two",)),
        Command(22, "true", ()),
        Command(23, "cat thing.yaml", ("kind: Thing", "…")),
    ]


def test_a_fence_has_to_be_closed() -> None:
    with pytest.raises(AssertionError, match="not closed"):
        list(steps("```console\n$ true\n"))


def test_output_has_to_be_below_a_command() -> None:
    with pytest.raises(AssertionError, match="line 2"):
        list(steps("```console\nwithout a command\n```\n"))


def _console(folder: Path, done: list[str]) -> Console:
    return Console(
        folder, {"PATH": "/usr/bin:/bin"}, {"name: ml": "name: test-1"}, {"stop-it": lambda: done.append("x")}
    )


def test_a_page_is_run(tmp_path: Path) -> None:
    page, done = tmp_path / "page.md", list[str]()
    page.write_text(PAGE)
    assert _console(tmp_path, done).run(page) == 3
    assert done == ["x"]
    assert (tmp_path / "thing.yaml").read_text() == "kind: Thing\nname: test-1\n"


def test_what_runs_in_the_background_ends_with_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ sleep 600 &\n$ true\n```\n")
    began = time.monotonic()
    assert _console(tmp_path, []).run(page) == 2
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("command", "says"), [("echo three\nfour", "instead of"), ("exit 3", "exit 3"), ("false | true", "false")]
)
def test_a_command_that_does_something_else_fails_the_page(tmp_path: Path, command: str, says: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"```console\n$ {command}\n```\n")
    with pytest.raises(AssertionError, match=says) as failed:
        _console(tmp_path, []).run(page)
    assert "page.md:2" in str(failed.value)


@pytest.mark.parametrize(
    ("wanted", "printed", "same"),
    [
        (["NAME   AGE", "iris   …"], "NAME       AGE\niris       4d\n", True),
        (["NAME   AGE", "iris   …"], "NAME       AGE\nfraud      4d\n", False),
        (["iris-v1-…   1/1"], "iris-v1-0a1b-x   1/1\n", True),
        (["iris-v1-…   1/1"], "iris-v1-0a1b-x   0/1\n", False),
        (["first", "…", "last"], "first\nsecond\nthird\nlast\n", True),
        (["first", "…", "last"], "first\nsecond\n", False),
        (["first"], "first\nsecond\n", False),
        (["a.b"], "axb", False),
    ],
)
def test_what_counts_as_the_same_output(wanted: list[str], printed: str, *, same: bool) -> None:
    assert matches(wanted, printed) is same
