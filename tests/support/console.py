"""Runs the commands of a documentation page as a reader would, and compares what they print.

A page is a story from top to bottom. What counts in it:

- a fence ``console``: lines behind `$ ` are commands, the lines below are what it prints. A `\\` at the end
  continues a command, a `&` leaves it running until the page ends. `…` stands for any text, and how wide
  columns are is not compared. A command without lines below it may print anything.
- any other fence below a line that ends with a file's name and a colon, as in `` `iris.yaml`: ``: that file.
- `<!-- test: NAME -->` has the test do something that a reader would not, such as stopping a registry.
"""

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(\w*)$")
_FILE = re.compile(r"`([\w.-]+\.(?:yaml|json))`:$")
_ACTION = re.compile(r"^<!-- test: ([\w-]+) -->$")
ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class File:
    """A file that the reader is told to write."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and the lines that it is shown to print. `line` is where it stands in the page."""

    line: int
    text: str
    printed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """What the test does in between."""

    name: str


Step = File | Command | Action


def steps(page: str) -> Iterator[Step]:
    """The steps of a page, in order."""
    lines = list(enumerate(page.splitlines(), start=1))
    language, before = "", ""
    inside: list[tuple[int, str]] = []
    for number, line in lines:
        fence = _FENCE.match(line)
        if fence and not language:
            language, inside = fence[1] or "text", []
        elif line == "```":
            if language == "console":
                yield from _commands(inside)
            elif name := _FILE.search(before):
                yield File(name[1], "".join(f"{text}\n" for _, text in inside))
            language, before = "", ""
        elif language:
            inside.append((number, line))
        elif action := _ACTION.match(line):
            yield Action(action[1])
        elif line:
            before = line
    assert not language, "a fence is not closed"


def _commands(lines: list[tuple[int, str]]) -> Iterator[Command]:
    number, text = 0, ""
    printed: list[str] = []
    for at, line in lines:
        if text.endswith("\\"):
            text += f"\n{line}"
        elif line.startswith("$ "):
            if text:
                yield Command(number, text, tuple(printed))
            number, text, printed = at, line[2:], []
        elif line:
            assert text, f"line {at} is not below a command"
            printed.append(line)
    if text:
        yield Command(number, text, tuple(printed))


@dataclass(frozen=True)
class Console:
    """Where the steps are run: a folder, an environment, and names of the page that are others here."""

    folder: Path
    environment: Mapping[str, str]
    renamed: Mapping[str, str]
    actions: Mapping[str, Callable[[], object]]

    def run(self, page: Path) -> int:
        """Run a page; returns the number of its commands.

        Raises:
            AssertionError: a command failed, or printed something else; names the page and the line.
        """
        count = 0
        with ExitStack() as running:
            for step in steps(page.read_text()):
                match step:
                    case File(name, text):
                        (self.folder / name).write_text(self._here(text))
                    case Action(name):
                        self.actions[name]()
                    case Command(_, text) if text.endswith(" &"):
                        running.enter_context(self._background(text.removesuffix(" &")))
                        count += 1
                    case Command():
                        self._command(page.name, step)
                        count += 1
        return count

    @contextmanager
    def _background(self, text: str) -> Iterator[None]:
        """Leave a command running; `exec`, so that it is the process that is ended."""
        command = ["bash", "-c", f"exec {self._here(text)}"]
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as begun:
            try:
                yield
            finally:
                begun.terminate()

    def _command(self, page: str, command: Command) -> None:
        text = self._here(command.text)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        where = f"{page}:{command.line}: {text}"
        assert done.returncode == 0, f"{where}\n{done.stdout}{done.stderr}"
        wanted = [self._here(line) for line in command.printed]
        if wanted and not matches(wanted, done.stdout):
            shown = "\n".join(wanted)
            raise AssertionError(f"{where}\nprints\n{done.stdout}\ninstead of\n{shown}")

    def _here(self, text: str) -> str:
        for name, other in self.renamed.items():
            text = text.replace(name, other)
        return text


def matches(wanted: list[str], printed: str) -> bool:
    """Whether the printed lines are those that were wanted, but for blanks and what `…` stands for."""
    found = [line for line in printed.splitlines() if line.strip()]
    pattern = "\n".join(_pattern(line) for line in wanted)
    return re.fullmatch(pattern, "\n".join(" ".join(line.split()) for line in found)) is not None


def _pattern(line: str) -> str:
    if line.strip() == ELLIPSIS:
        return r"(?s:.*)"
    return ".*".join(re.escape(" ".join(part.split())) for part in re.split(f" *{ELLIPSIS} *", line))
