"""What a target of a Dockerfile is made of. Pure.

Understands what this project's Dockerfile uses: stages, COPY and ADD of files and from stages, RUN with
mounts. No heredocs and no JSON form of COPY.
"""

import re
import shlex
from dataclasses import dataclass

_CONTINUED = re.compile(r"\\\s*\n")
_COMMENT = re.compile(r"^\s*#.*\n?", re.MULTILINE)


@dataclass(frozen=True)
class Stage:
    """A `FROM ... AS name`: the stages (or images) that it takes from, and its paths in the build context."""

    name: str
    takes_from: tuple[str, ...]
    sources: tuple[str, ...]


def stages(text: str) -> dict[str, Stage]:
    """The stages by name, in the order of the file; one without a name goes by its number."""
    found: dict[str, Stage] = {}
    for words in _instructions(text):
        if words[0] == "FROM":
            name = words[-1] if len(words) > 3 and words[-2].upper() == "AS" else str(len(found))  # noqa: PLR2004
            base = next(word for word in words[1:] if not word.startswith("--"))
            current = Stage(name, (base,), ())
        elif found:
            last = next(reversed(found.values()))
            current = Stage(last.name, last.takes_from + _origins(words), last.sources + _sources(words))
        else:
            continue  # an ARG before the first FROM
        found[current.name] = current
    return found


def sources_of(text: str, target: str) -> list[str]:
    """Paths in the build context that the target, or a stage that it builds on, copies from.

    Raises:
        KeyError: there is no such target.
    """
    known = stages(text)
    pending, seen, sources = [known[target]], {target}, set[str]()
    while pending:
        stage = pending.pop()
        sources.update(stage.sources)
        for name in stage.takes_from:
            if name in known and name not in seen:
                seen.add(name)
                pending.append(known[name])
    return sorted(sources)


def _instructions(text: str) -> list[list[str]]:
    joined = _CONTINUED.sub(" ", _COMMENT.sub("", text))
    lines = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [[name.upper(), *_words(name.upper(), rest)] for name, rest in lines]


def _words(name: str, rest: str) -> list[str]:
    # A RUN's command is the shell's to read; only the options before it matter here.
    return rest.split() if name == "RUN" else shlex.split(rest)


def _options(words: list[str]) -> list[str]:
    options = []
    for word in words[1:]:
        if not word.startswith("--"):
            break
        options.append(word)
    return options


def _origins(words: list[str]) -> tuple[str, ...]:
    found = []
    for option in _options(words):
        if words[0] in {"COPY", "ADD"} and option.startswith("--from="):
            found.append(option.removeprefix("--from="))
        if words[0] == "RUN" and (mount := _mount(option)):
            found.append(mount.get("from", ""))
    return tuple(filter(None, found))


def _sources(words: list[str]) -> tuple[str, ...]:
    options = _options(words)
    if words[0] in {"COPY", "ADD"} and not _origins(words):
        return tuple(words[1 + len(options) : -1])
    if words[0] == "RUN":
        mounts = [mount for option in options if (mount := _mount(option))]
        binds = [mount for mount in mounts if mount.get("type", "bind") == "bind" and "from" not in mount]
        return tuple(mount.get("source", mount.get("src", ".")) for mount in binds)
    return ()


def _mount(option: str) -> dict[str, str] | None:
    if not option.startswith("--mount="):
        return None
    fields = option.removeprefix("--mount=").split(",")
    return {name: value for name, _, value in (field.partition("=") for field in fields)}
