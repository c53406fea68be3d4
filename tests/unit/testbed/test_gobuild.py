"""Which Kubernetes is built of what, and the key under which built programs are kept."""

import re
from pathlib import Path

import pytest

from testbed import gobuild
from testbed.errors import TestbedError
from testbed.settings import KUBERNETES_VERSION, OLDEST_KUBERNETES_VERSION


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    (tmp_path / "cmd").mkdir()
    (tmp_path / "cmd/main.go").write_text("package main\n")
    for name, version in (("go", "v1.34.4"), ("oldest", "v1.32.13")):
        (tmp_path / f"{name}.mod").write_text(f"module x\n\nrequire (\n\tk8s.io/kubernetes {version}\n)\n")
        (tmp_path / f"{name}.sum").write_text("")
    return tmp_path


def key(sources: Path, modules: str = "go.mod", go: str = "go1.26", argument: str = "-trimpath") -> str:
    return gobuild.content_key(sources, modules, go, [argument])


@pytest.mark.parametrize("modules", ["go", "oldest"])
@pytest.mark.parametrize("name", ["cmd/main.go", "{}.mod", "{}.sum"])
def test_the_key_changes_with_every_source(sources: Path, modules: str, name: str) -> None:
    before = key(sources, f"{modules}.mod")
    (sources / name.format(modules)).write_text("changed\n")
    assert key(sources, f"{modules}.mod") != before


def test_the_key_changes_with_go_and_arguments_and_with_nothing_else(sources: Path) -> None:
    before = key(sources)
    assert key(sources, go="go1.27") != before
    assert key(sources, argument="-race") != before
    assert key(sources, "oldest.mod") != before
    (sources / "notes.txt").write_text("no source")
    for name in ("oldest.mod", "oldest.sum"):  # of another Kubernetes
        (sources / name).write_text("changed\n")
    assert key(sources) == before


def test_the_programs_say_which_kubernetes_they_are() -> None:
    flags = gobuild.build_arguments("v1.34.4", "go.mod")[-1]
    assert "k8s.io/component-base/version.gitVersion=v1.34.4" in flags
    assert "k8s.io/component-base/version.gitMinor=34" in flags


def test_each_kubernetes_is_built_of_its_own_modules(sources: Path) -> None:
    assert gobuild.module_file(sources, "v1.34.4") == "go.mod"
    assert gobuild.module_file(sources, "v1.32.13") == "oldest.mod"
    usual, oldest = (gobuild.build_arguments("v1.34.4", name) for name in ("go.mod", "oldest.mod"))
    assert set(oldest) - set(usual) == {"-modfile=oldest.mod"}


@pytest.mark.parametrize("version", ["v1.33.6", "1.34.4", "v1.34", "v1.34.40"])
def test_an_unknown_kubernetes_is_refused_with_those_that_there_are(
    sources: Path, tmp_path_factory: pytest.TempPathFactory, version: str
) -> None:
    with pytest.raises(TestbedError, match=r"TESTBED_KUBERNETES .* v1\.32\.13 and v1\.34\.4,"):
        gobuild.module_file(sources, version)
    cache = tmp_path_factory.mktemp("cache")
    with pytest.raises(TestbedError, match="TESTBED_KUBERNETES"):
        gobuild.ensure(cache, version)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("version", [KUBERNETES_VERSION, OLDEST_KUBERNETES_VERSION])
def test_modules_are_those_of_the_version_that_the_programs_report(version: str) -> None:
    """Of one Kubernetes throughout: `staging` modules have its minor and patch release under v0."""
    modules = gobuild.SOURCES / gobuild.module_file(gobuild.SOURCES, version)
    assert modules.with_suffix(".sum").read_text().count(f"k8s.io/kubernetes {version} ") == 1
    staging = re.findall(
        r"^\tk8s\.io/\S+ => k8s\.io/(\S+) v0(\.\d+\.\d+)$", modules.read_text(), re.MULTILINE
    )
    others = {name for name, release in staging if f"v1{release}" != version}
    assert len(staging) == 29
    assert others == ({"endpointslice"} if version == OLDEST_KUBERNETES_VERSION else set())
