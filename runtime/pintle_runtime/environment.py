"""The packages that a Python environment holds: what satisfies a model, and how two of them differ."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pintle_runtime.requirements import Requirements

# MLflow is the runtime's own: its scoring code serves models that any version saved, as MLflow promises.
# A model's requirements always name the version that saved it, and nearly always the full package.
PROVIDED = frozenset({"mlflow", "mlflow-skinny", "mlflow-tracing"})
# What our package lists for models' sake: a model may bring its own version of these.
MODEL_PACKAGES = frozenset({"pandas", "scikit-learn", "skops"})
RUNTIME = "pintle-runtime"
MAX_EXTRAS_DEPTH = 5  # extras may name each other


@dataclass(frozen=True)
class Package:
    name: str
    """Canonical: lower case, with dashes."""
    version: str
    requires: tuple[Requirement, ...]


Environment = Mapping[str, Package]


def inspect(path: Iterable[str]) -> dict[str, Package]:
    """The packages on an import path; the first of a name wins, as it does for `import`."""
    found: dict[str, Package] = {}
    for distribution in metadata.distributions(path=list(path)):
        try:
            name = canonicalize_name(distribution.metadata["Name"])
            if name not in found:
                found[name] = Package(name, distribution.version, tuple(_requires(distribution)))
        except (KeyError, TypeError, AttributeError, OSError):
            continue  # the remains of an uninstalled package
    return found


def site_path() -> list[str]:
    """The folders with packages on this interpreter's import path, in its order."""
    return [entry for entry in sys.path if entry.rstrip("/").endswith(("site-packages", "dist-packages"))]


def digest(environment: Environment) -> str:
    """`sha256:` of the sorted lines `name==version`."""
    lines = sorted(f"{package.name}=={package.version}\n" for package in environment.values())
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


def missing(environment: Environment, wanted: Requirements) -> list[str]:
    """What of the model's requirements this environment does not satisfy, in words; empty when it does."""
    lacks = [f"{wheel.name} is the artifact's own" for wheel in wanted.wheels]
    for requirement in wanted.packages:
        if _is_ours(requirement) or not _applies(requirement):
            continue
        lacks += _lacks(environment, requirement)
    for constraint in wanted.constraints:
        package = environment.get(canonicalize_name(constraint.name))
        if package is not None and not _is_ours(constraint) and _applies(constraint):
            lacks += _lacks(environment, constraint)
    return list(dict.fromkeys(lacks))


def to_install(wanted: Requirements) -> Requirements:
    """What is handed to the installer: everything but MLflow."""
    return Requirements(
        tuple(requirement for requirement in wanted.packages if not _is_ours(requirement)),
        tuple(constraint for constraint in wanted.constraints if not _is_ours(constraint)),
        wanted.wheels,
    )


def provided(wanted: Requirements, environment: Environment) -> list[str]:
    """Lines for MLflow that the runtime answers with another version than they ask for."""
    package = environment["mlflow-skinny"]
    return [
        str(line)
        for line in wanted.packages
        if _is_ours(line) and not line.specifier.contains(package.version, True)
    ]


def runtime_constraints(environment: Environment) -> list[str]:
    """What the runtime's own packages ask of others: a model's packages must not break the server."""
    lines: set[str] = set()
    pending, seen = [RUNTIME], {RUNTIME}
    while pending:
        package = environment.get(pending.pop())
        for requirement in package.requires if package else ():
            name = canonicalize_name(requirement.name)
            ours = package is not None and package.name == RUNTIME and name in MODEL_PACKAGES
            if ours or not _applies(requirement):
                continue
            if requirement.specifier and name not in PROVIDED:
                lines.add(f"{name}{requirement.specifier}")
            if name not in seen:
                seen.add(name)
                pending.append(name)
    return sorted(lines)


def _requires(distribution: metadata.Distribution) -> Iterable[Requirement]:
    for line in distribution.requires or ():
        try:
            yield Requirement(line)
        except InvalidRequirement:
            continue  # written before PEP 508; installers ignore such lines too


def _lacks(environment: Environment, requirement: Requirement, depth: int = 0) -> list[str]:
    package = environment.get(canonicalize_name(requirement.name))
    if package is None:
        return [f"{requirement.name} is not installed"]
    if not requirement.specifier.contains(package.version, prereleases=True):
        return [f"{requirement.name}{requirement.specifier} is wanted, {package.version} is there"]
    lacks: list[str] = []
    for extra in requirement.extras if depth < MAX_EXTRAS_DEPTH else ():
        for inner in package.requires:
            if inner.marker is not None and not _applies(inner) and inner.marker.evaluate({"extra": extra}):
                lacks += _lacks(environment, inner, depth + 1)
    return lacks


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _is_ours(requirement: Requirement) -> bool:
    return canonicalize_name(requirement.name) in PROVIDED
