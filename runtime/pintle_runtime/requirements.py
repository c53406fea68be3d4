"""Reading a model's requirements.txt: what is safe to hand to an installer, and nothing else.

A requirements file can name any server, run any build script and read any path. Allowed here are requirements
from the index (PEP 508 without a URL), constraints in a file of the artifact, and wheels of the artifact.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from email.parser import Parser
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from pintle_runtime.termination import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "requirements.txt"
MAX_BYTES = 1 << 20
# Such names are valid for packages, and installers take them for files.
ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip", ".egg", ".whl")
MAX_METADATA_BYTES = 10 << 20


@dataclass(frozen=True)
class Requirements:
    """What the model asks for."""

    packages: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    wheels: tuple[Path, ...] = field(default=())


def read(model: Path) -> Requirements:
    """Read the artifact's own requirements.txt; a model that has none asks for nothing.

    Raises:
        Refused: UnsafeRequirement, naming the line.
    """
    packages: list[Requirement] = []
    constraints: list[Requirement] = []
    wheels: list[Path] = []
    for line in _lines(model, NAME) if (model / NAME).exists() else ():
        if (name := _constraint_file(line)) is not None:
            constraints += [_requirement(inner) for inner in _lines(model, _inside(model, name, line))]
        elif line.text.endswith(".whl") and not line.text.startswith("-"):
            wheels.append(_wheel(model, line))
        else:
            packages.append(_requirement(line))
    return Requirements(tuple(packages), tuple(constraints), tuple(wheels))


@dataclass(frozen=True)
class _Line:
    file: str
    number: int
    text: str

    def refused(self, why: str) -> Refused:
        return Refused(
            Reason.UNSAFE_REQUIREMENT, f"{self.file} line {self.number}, {self.text[:200]!r}: {why}"
        )


def _lines(model: Path, name: str) -> Iterator[_Line]:
    """Logical lines, as pip reads them: continued lines joined, comments and empty ones left out."""
    path = model / name
    if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise Refused(
            Reason.UNSAFE_REQUIREMENT, f"{name} is not a file of at most {MAX_BYTES} bytes in the artifact"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(Reason.UNSAFE_REQUIREMENT, f"{name} is not UTF-8") from None
    joined, start = "", 1
    for number, raw in enumerate(text.split("\n"), start=1):
        if not joined:
            start = number
        joined += raw.rstrip("\r")
        if joined.endswith("\\"):
            joined = joined[:-1]
            continue
        line = _without_comment(joined)
        joined = ""
        if line:
            yield _Line(name, start, line)
    if line := _without_comment(joined):
        yield _Line(name, start, line)


def _without_comment(line: str) -> str:
    """A `#` begins a comment at the start of a line or behind a blank."""
    stripped = line.strip()
    if stripped.startswith("#"):
        return ""
    for mark in (" #", "\t#"):
        stripped = stripped.partition(mark)[0]
    return stripped.strip()


def _constraint_file(line: _Line) -> str | None:
    """The file that a constraint line names, or None for another kind of line."""
    option, _, rest = line.text.partition(" ")
    if option in {"-c", "--constraint"}:
        return rest.strip()
    if line.text.startswith("--constraint="):
        return line.text.removeprefix("--constraint=").strip()
    return None


def _inside(model: Path, name: str, line: _Line) -> str:
    """Admit a relative path to a regular file of the artifact."""
    path = PurePosixPath(name)
    plain = (
        bool(name)
        and not path.is_absolute()
        and ".." not in path.parts
        and "\\" not in name
        and ":" not in name
    )
    if not plain:
        raise line.refused("only files of the artifact may be named, by a relative path")
    at = model
    for part in path.parts:
        at /= part
        if at.is_symlink():
            raise line.refused(f"{name} is a link")
    if not at.is_file():
        raise line.refused(f"the artifact has no file {name}")
    return str(path)


def _requirement(line: _Line) -> Requirement:
    if line.text.startswith("-"):
        option = line.text.replace("=", " ").split()[0]
        raise line.refused(f"the option {option} is not allowed; packages come from the runtime's index only")
    try:
        requirement = Requirement(line.text)
    except InvalidRequirement:
        raise line.refused(
            "not a requirement from the index; paths, URLs, archives and options are refused"
        ) from None
    if requirement.url is not None:
        raise line.refused("a package from a URL is not allowed; packages come from the runtime's index only")
    if requirement.name.lower().endswith(ARCHIVES):
        raise line.refused("an archive of the artifact is not built; only wheels are installed from there")
    if "${" in line.text:
        raise line.refused("environment variables are not expanded")
    return requirement


def _wheel(model: Path, line: _Line) -> Path:
    path = model / _inside(model, line.text, line)
    try:
        parse_wheel_filename(path.name)
    except InvalidWheelFilename as error:
        raise line.refused(f"not a wheel: {error}") from None
    try:
        dependencies = _dependencies(path)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise line.refused(f"the wheel cannot be read: {error}") from None
    for dependency in dependencies:
        _requirement(_Line(f"{line.text}, its metadata", line.number, dependency))
    return path


def _dependencies(wheel: Path) -> list[str]:
    """What the wheel itself asks for: an installer would follow a URL there."""
    with zipfile.ZipFile(wheel) as archive:
        names = [
            name
            for name in archive.namelist()
            if name.endswith(".dist-info/METADATA") and name.count("/") == 1
        ]
        if len(names) != 1 or archive.getinfo(names[0]).file_size > MAX_METADATA_BYTES:
            raise ValueError("not exactly one METADATA")
        text = archive.read(names[0]).decode(errors="replace")
    return [str(value) for value in Parser().parsestr(text, headersonly=True).get_all("Requires-Dist") or []]
