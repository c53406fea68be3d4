"""The lines of a requirements.txt that the page about models calls allowed and refused are just that."""

import re
import zipfile
from pathlib import Path

import pytest

from pintle_runtime import requirements
from pintle_runtime.fetch.listing import MAX_DEPTH, MAX_FILES, MAX_FOLDERS
from pintle_runtime.revision import DEFAULT_MAX_ARTIFACT_BYTES
from pintle_runtime.serve.app import MAX_BODY_BYTES, TIMEOUT_SECONDS
from pintle_runtime.termination import Reason, Refused
from tests.support.schemas import REPOSITORY

PAGE = (REPOSITORY / "docs/how-to/model-requirements.md").read_text()
LINES = re.findall(r"^\| `(.+)` \| (allowed|refused)", PAGE, re.MULTILINE)
WHEEL = "code/wheels/ours-1.0-py3-none-any.whl"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An artifact with the files that the lines name."""
    (tmp_path / "constraints.txt").write_text("numpy<3\n")
    (tmp_path / "more.txt").write_text("numpy\n")
    (tmp_path / "ours-1.0.tar.gz").touch()
    (tmp_path / WHEEL).parent.mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / WHEEL, "w") as wheel:
        wheel.writestr("ours-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n")
    return tmp_path


def test_the_page_has_both_sorts() -> None:
    assert {verdict for _, verdict in LINES} == {"allowed", "refused"}


@pytest.mark.parametrize("line", [line for line, verdict in LINES if verdict == "allowed"])
def test_what_the_page_allows_is_allowed(model: Path, line: str) -> None:
    (model / "requirements.txt").write_text(f"numpy\n{line}\n")
    requirements.read(model)


@pytest.mark.parametrize("line", [line for line, verdict in LINES if verdict == "refused"])
def test_what_the_page_refuses_is_refused(model: Path, line: str) -> None:
    (model / "requirements.txt").write_text(f"numpy\n{line}\n")
    with pytest.raises(Refused, match="line 2") as refused:
        requirements.read(model)
    assert refused.value.reason is Reason.UNSAFE_REQUIREMENT


@pytest.mark.parametrize(
    ("written", "limit"),
    [
        (r"size of the artifacts \| (\d+) GiB", DEFAULT_MAX_ARTIFACT_BYTES >> 30),
        (r"files, folders, depth \| ([\d ]+),", MAX_FILES),
        (r"files, folders, depth \| [\d ]+, ([\d ]+),", MAX_FOLDERS),
        (r"files, folders, depth \| [\d ]+, [\d ]+, (\d+) \|", MAX_DEPTH),
        (r"a request \| (\d+) MiB", MAX_BODY_BYTES >> 20),
        (r"a prediction \| (\d+) s", TIMEOUT_SECONDS),
    ],
)
def test_limits_are_those_of_the_code(written: str, limit: float) -> None:
    found = re.search(written, PAGE)
    assert found
    assert int(found[1].replace(" ", "")) == limit
