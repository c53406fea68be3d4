"""The key under which built programs are kept."""

from pathlib import Path

import pytest

from testbed import gobuild
from testbed.settings import KUBERNETES_VERSION


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    (tmp_path / "cmd").mkdir()
    (tmp_path / "cmd/main.go").write_text("package main\n")
    (tmp_path / "go.mod").write_text("module x\n")
    (tmp_path / "go.sum").write_text("")
    return tmp_path


@pytest.mark.parametrize("name", ["cmd/main.go", "go.mod", "go.sum"])
def test_the_key_changes_with_every_source(sources: Path, name: str) -> None:
    before = gobuild.content_key(sources, "go1.26", ["-trimpath"])
    (sources / name).write_text("changed\n")
    assert gobuild.content_key(sources, "go1.26", ["-trimpath"]) != before


def test_the_key_changes_with_go_and_arguments_and_with_nothing_else(sources: Path) -> None:
    before = gobuild.content_key(sources, "go1.26", ["-trimpath"])
    assert gobuild.content_key(sources, "go1.27", ["-trimpath"]) != before
    assert gobuild.content_key(sources, "go1.26", []) != before
    (sources / "notes.txt").write_text("no source")
    assert gobuild.content_key(sources, "go1.26", ["-trimpath"]) == before


def test_the_programs_say_which_kubernetes_they_are() -> None:
    flags = gobuild.build_arguments("v1.34.4")[-1]
    assert "k8s.io/component-base/version.gitVersion=v1.34.4" in flags
    assert "k8s.io/component-base/version.gitMinor=34" in flags


def test_the_module_list_names_the_version_that_the_programs_report() -> None:
    assert f"k8s.io/kubernetes {KUBERNETES_VERSION}\n" in (gobuild.SOURCES / "go.mod").read_text()
