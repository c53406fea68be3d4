"""Builds the cluster's programs from Go modules, once for each content on each machine."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed import progress
from testbed.errors import TestbedError
from testbed.locks import locked
from testbed.settings import KUBERNETES_VERSION

SOURCES = Path(__file__).resolve().parent / "go"
_PROGRAMS = ("kube", "coredns", "pause")
_REQUIRED = re.compile(r"^\tk8s\.io/kubernetes (v\S+)$", re.MULTILINE)  # in a module file
_TAIL = 30  # lines of the compiler's words in an error


@dataclass(frozen=True)
class Programs:
    """The folder of the built programs."""

    directory: Path

    @property
    def kube(self) -> Path:
        """etcd, the Kubernetes components and kubectl, chosen by the first argument."""
        return self.directory / "kube"

    @property
    def coredns(self) -> Path:
        return self.directory / "coredns"

    @property
    def pause(self) -> Path:
        return self.directory / "pause"


def ensure(cache: Path, version: str = KUBERNETES_VERSION) -> Programs:
    """The programs of one Kubernetes, built now if no earlier run did.

    Raises:
        TestbedError: there is no module file for that version, there is no Go, or the build failed.
    """
    modules = module_file(SOURCES, version)
    arguments = build_arguments(version, modules)
    directory = cache / "programs" / content_key(SOURCES, modules, _go_version(), arguments)
    if not directory.exists():
        with locked(
            cache / "programs.lock", lambda: progress.say("waiting for another build of the programs")
        ):
            if not directory.exists():
                _build(directory, version, arguments)
    return Programs(directory)


def module_file(sources: Path, version: str) -> str:
    """The module file that requires this Kubernetes. A further version is a further file and its sums.

    Raises:
        TestbedError: there is none.
    """
    known = {}
    for path in sorted(sources.glob("*.mod")):
        if required := _REQUIRED.search(path.read_text()):
            known[required[1]] = path.name
    if version not in known:
        raise TestbedError(
            f"TESTBED_KUBERNETES is {version!r}: the test bed has {' and '.join(sorted(known))},"
            f" of which each has a module file in {sources}"
        )
    return known[version]


def build_arguments(version: str, modules: str) -> list[str]:
    """Arguments of `go build`: reproducible, stripped, and saying which Kubernetes this is."""
    major, minor, _ = version.removeprefix("v").split(".")
    stamps = {
        "k8s.io/component-base/version.gitVersion": version,
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
    }
    flags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in stamps.items())])
    chosen = [] if modules == "go.mod" else [f"-modfile={modules}"]
    return ["-mod=readonly", *chosen, "-trimpath", "-ldflags", flags]


def content_key(sources: Path, modules: str, go_version: str, arguments: list[str]) -> str:
    """A name for what a build would give: changes with any source, its module list, Go or the arguments."""
    digest = hashlib.sha256("\0".join([go_version, *arguments]).encode())
    lists = {modules, Path(modules).with_suffix(".sum").name}
    files = [path for path in sources.rglob("*") if path.suffix == ".go" or path.name in lists]
    for path in sorted(files):
        digest.update(f"\0{path.relative_to(sources)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _go_version() -> str:
    # In the module's folder, where Go picks the toolchain that go.mod asks for.
    go = shutil.which("go")
    if go is None:
        raise TestbedError(
            "Go is not installed, and the test bed builds Kubernetes with it: install Go 1.25 or later"
            " (https://go.dev/doc/install) and see that `go version` works"
        )
    answer = subprocess.run(
        [go, "env", "GOVERSION"], cwd=SOURCES, capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise TestbedError(f"`go env GOVERSION` failed in {SOURCES}: {answer.stderr.strip()}")
    return answer.stdout.strip()


def _build(directory: Path, version: str, arguments: list[str]) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    _remove_unfinished(directory.parent)
    unfinished = Path(tempfile.mkdtemp(prefix=".building-", dir=directory.parent))
    command = ["go", "build", "-v", *arguments, "-o", f"{unfinished}/", "./cmd/..."]
    environ = static(os.environ)
    title = f"Building Kubernetes {version}, etcd and CoreDNS (minutes, once)"
    with progress.step(title, _package_count(arguments, environ)) as step:
        _run(command, environ, step)
    unfinished.chmod(0o755)
    unfinished.rename(directory)  # whole or not at all


def static(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables for static programs: they run in any image, and the build needs no C compiler."""
    return {**environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}


def _run(command: list[str], environ: dict[str, str], step: progress.Step) -> None:
    lines: list[str] = []
    with subprocess.Popen(
        command, cwd=SOURCES, env=environ, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as build:
        for line in build.stderr or ():
            lines.append(line)
            if re.fullmatch(r"[\w.~/-]+\n", line):  # `go build -v` prints each package that it compiled
                step.advance()
    if build.returncode != 0:
        raise TestbedError(
            f"`{' '.join(command[:2])}` failed in {SOURCES}; its last words:\n{''.join(lines[-_TAIL:])}"
        )


def _package_count(arguments: list[str], environ: dict[str, str]) -> int:
    command = ["go", "list", *arguments, "-deps", "./cmd/..."]
    listing = subprocess.run(command, cwd=SOURCES, env=environ, capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        raise TestbedError(
            f"`{' '.join(command)}` failed in {SOURCES}; does the module proxy answer (`go env GOPROXY`)?\n"
            f"{listing.stderr.strip()[-2000:]}"
        )
    return listing.stdout.count("\n")


def _remove_unfinished(folder: Path) -> None:
    """Clears what killed builds left; the lock is held, so none of them is alive."""
    for left in folder.glob(".building-*"):
        shutil.rmtree(left)
