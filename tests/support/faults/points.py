"""Writes by what they are in any run of a workload: names without what is generated, and ordinals."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from typing_extensions import override

from tests.support.faults.rules import Effect, Rule, Target, Verb
from tests.support.witness import Subject

_NAME = re.compile(r"p\d{4}")
_GENERATED = (
    (re.compile(r"-v(\d+)-[0-9a-f]{8}"), r"-v\1-????????"),
    (re.compile(r"(\?{8})-[a-z0-9]+-[a-z0-9]{5}$"), r"\1-*"),
    (re.compile(r"^NAME\.[0-9a-f]{16}$"), "NAME.*"),
)


@dataclass(frozen=True, slots=True)
class Point:
    """A request of a workload: the `ordinal`th of this verb and resource to an object of this name."""

    verb: Verb
    resource: str
    pattern: str
    ordinal: int

    def rule(self, effect: Effect, subject: Subject, times: int = 1) -> Rule:
        name = self.pattern.replace("NAME", subject.name)
        return Rule(self.verb, self.resource, effect, name, subject.namespace, self.ordinal, times)

    @override
    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.pattern} #{self.ordinal}"


def subject_name(number: int) -> str:
    """A name for a subject; none is a part of another one, nor of anything else."""
    return f"p{number:04d}"


def named(text: str) -> str:
    """The subject that an object's name tells, or ""."""
    found = _NAME.search(text)
    return found[0] if found else ""


def about(target: Target, names: Collection[str]) -> bool:
    """Whether a request is about one of these subjects."""
    return named(target.name) in names


def pattern(name: str, subject: Subject) -> str:
    """A name but for what differs from run to run."""
    name = name.replace(subject.name, "NAME")
    for generated, put in _GENERATED:
        name = generated.sub(put, name)
    return name


def points_of(targets: Iterable[Target], subject: Subject) -> tuple[Point, ...]:
    """The requests about a subject as points, in order."""
    counts: Counter[tuple[Verb, str, str]] = Counter()
    found = []
    for target in targets:
        key = (target.verb, target.resource, pattern(target.name, subject))
        counts[key] += 1
        found.append(Point(*key, counts[key]))
    return tuple(found)
