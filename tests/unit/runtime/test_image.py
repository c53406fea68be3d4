"""What the images are built from agrees with the lock."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

from pintle_runtime.serve import cpus

REPOSITORY = Path(__file__).parents[3]
LOCK = tomllib.loads((REPOSITORY / "uv.lock").read_text())
LOCKED = {package["name"]: package for package in LOCK["package"]}


def build_tools() -> dict[str, tuple[str, set[str]]]:
    """Name: version and hashes, of what pip installs first."""
    text = (REPOSITORY / "runtime/build-tools.txt").read_text().replace("\\\n", " ")
    found = {}
    for line in filter(None, text.splitlines()):
        match = re.match(r"([\w.-]+)==(\S+)", line)
        assert match, line
        found[match[1]] = (match[2], set(re.findall(r"--hash=(\S+)", line)))
    return found


def test_the_build_tools_are_those_of_the_lock() -> None:
    """docs/runtime.md has the command that writes the file anew."""
    tools = build_tools()
    assert {"uv", "hatchling"} <= set(tools)
    for name, (version, hashes) in tools.items():
        package = LOCKED[name]
        assert package["version"] == version
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert hashes == {file["hash"] for file in files}


def test_the_dockerfile_names_public_places_only() -> None:
    text = (REPOSITORY / "Dockerfile").read_text()
    hosts = set(re.findall(r"(?:https?://|\b)((?:[a-z0-9-]+\.)+(?:io|org|com|dev|net))\b", text))
    assert hosts <= {"docker.io", "pypi.org"}
    assert "DEBIAN_IMAGE=docker.io/library/debian:trixie-slim" in text


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "6400000000 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "20000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu.max": "nonsense"}, None),
        ({}, None),
    ],
)
def test_cpus_of_a_container(tmp_path: Path, files: dict[str, str], count: int | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cpus.available(tmp_path) == (count or os.cpu_count())


def test_libraries_are_told_unless_somebody_did(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in cpus.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    cpus.tell_libraries(2)
    assert [os.environ[name] for name in cpus.VARIABLES] == ["7", "2", "2"]
    for name in cpus.VARIABLES:
        monkeypatch.delenv(name)
