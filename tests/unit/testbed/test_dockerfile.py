"""What a target of a Dockerfile is made of."""

from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.images import dockerfile, project

TEXT = """
# COPY in a comment is none
ARG BASE=debian
FROM ${BASE} AS base
RUN apt-get update \\
    # nor is one in the middle of a command
    && apt-get install --yes python3

FROM base AS lock
COPY pyproject.toml uv.lock ./

FROM --platform=linux/amd64 base AS operator
COPY --from=lock /lock /lock
RUN --mount=type=secret,id=ca --mount=type=bind,source=scripts,target=/s true
COPY --chown=1:1 operator/pintle operator/pintle

FROM base AS runtime
COPY runtime/pintle_runtime runtime/
"""


@pytest.mark.parametrize(
    ("target", "sources"),
    [
        ("base", []),
        ("lock", ["pyproject.toml", "uv.lock"]),
        ("operator", ["operator/pintle", "pyproject.toml", "scripts", "uv.lock"]),
        ("runtime", ["runtime/pintle_runtime"]),
    ],
)
def test_sources(target: str, sources: list[str]) -> None:
    assert dockerfile.sources_of(TEXT, target) == sources


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text(TEXT)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "uv.lock").touch()
    for folder in ("operator/pintle", "runtime/pintle_runtime", "scripts"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "main.py").write_text("pass\n")
    return tmp_path


def keys(repository: Path) -> dict[str, str]:
    return {image.target: image.key for image in project.images(repository)}


def test_images_are_those_targets_that_the_test_bed_uses(repository: Path) -> None:
    references = [image.reference for image in project.images(repository)]
    assert references == ["docker.io/pintle/operator:1.2.3", "docker.io/pintle/runtime:1.2.3"]


@pytest.mark.parametrize(
    ("changed", "targets"),
    [
        ("operator/pintle/main.py", {"operator"}),
        ("runtime/pintle_runtime/main.py", {"runtime"}),
        ("uv.lock", {"operator"}),
        ("Dockerfile", {"operator", "runtime"}),
    ],
)
def test_a_change_changes_the_images_that_it_goes_into(
    repository: Path, changed: str, targets: set[str]
) -> None:
    before = keys(repository)
    with (repository / changed).open("a") as file:
        file.write("# changed\n")
    after = keys(repository)
    assert {target for target in before if after[target] != before[target]} == targets


def test_bytecode_is_no_content(repository: Path) -> None:
    before = keys(repository)
    (repository / "operator/pintle/__pycache__").mkdir()
    (repository / "operator/pintle/__pycache__/main.pyc").touch()
    assert keys(repository) == before


def test_a_missing_source_is_named(repository: Path) -> None:
    (repository / "uv.lock").unlink()
    with pytest.raises(TestbedError, match=r"uv\.lock"):
        project.images(repository)


def test_an_unknown_target_is_named(repository: Path) -> None:
    with pytest.raises(TestbedError, match="no target gateway"):
        project.images(repository, ["gateway"])


def test_the_projects_own_dockerfile_has_every_image() -> None:
    images = project.images(Path(__file__).parents[3])
    assert [image.target for image in images] == list(project.TARGETS)
