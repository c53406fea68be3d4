"""What of a requirements.txt is handed to an installer, and what is refused."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from pintle_runtime import requirements
from pintle_runtime.termination import Reason, Refused

if TYPE_CHECKING:
    from pathlib import Path

WHEEL = "helper-1.0-py3-none-any.whl"


def make_wheel(path: Path, *requires: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    name, version = path.name.split("-")[:2]
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {line}\n" for line in requires)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{name}-{version}.dist-info/METADATA", metadata)
        archive.writestr(
            f"{name}-{version}.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{name}-{version}.dist-info/RECORD", "")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An artifact with something of everything that a line could name."""
    folder = tmp_path / "model"
    make_wheel(folder / "wheels" / WHEEL, "numpy>=1")
    make_wheel(
        folder / "wheels/fetches-1.0-py3-none-any.whl", "evil @ https://example.com/evil-1-py3-none-any.whl"
    )
    make_wheel(folder / "not-a-wheels-name.whl", "numpy")
    make_wheel(tmp_path / "outside" / WHEEL)
    (folder / "broken-1.0-py3-none-any.whl").write_bytes(b"not a zip file")
    (folder / "helper-1.0.tar.gz").write_bytes(b"an sdist")
    (folder / "constraints.txt").write_text("# pins\nscipy<2\nnumpy==2.0.0 ; python_version > '3'\n")
    (folder / "bad-constraints.txt").write_text("scipy<2\n--index-url https://example.com/simple\n")
    (folder / "nested-constraints.txt").write_text("-c constraints.txt\n")
    (folder / "code").mkdir()
    (folder / "link.txt").symlink_to(tmp_path / "outside")
    (folder / "linked").symlink_to(tmp_path / "outside")
    return folder


def read(model: Path, text: str | bytes) -> requirements.Requirements:
    (model / requirements.NAME).write_bytes(text if isinstance(text, bytes) else text.encode())
    return requirements.read(model)


@pytest.mark.parametrize(
    ("text", "packages"),
    [
        ("", []),
        ("\n\n  \n# nothing\n   # at all\n", []),
        ("numpy", ["numpy"]),
        ("numpy==2.0.0\r\npandas>=2,<3\r\n", ["numpy==2.0.0", "pandas<3,>=2"]),
        ("\ufeffnumpy==1.0", ["numpy==1.0"]),
        ("scikit-learn == 1.6.1  # as trained", ["scikit-learn==1.6.1"]),
        ("torch==2.5.0+cpu", ["torch==2.5.0+cpu"]),
        ("uvicorn[standard]>=0.30", ["uvicorn[standard]>=0.30"]),
        ("tomli; python_version < '3'", ['tomli; python_version < "3"']),
        ("numpy \\\n  == 2.0.0", ["numpy==2.0.0"]),
        ("numpy==2.0.0 \\", ["numpy==2.0.0"]),
        ("numpy~=2.0\nnumpy!=2.0.3\nnumpy===2.0.1", ["numpy~=2.0", "numpy!=2.0.3", "numpy===2.0.1"]),
        ("numpy\t# with a tab", ["numpy"]),
    ],
)
def test_plain_requirements(model: Path, text: str, packages: list[str]) -> None:
    assert [str(package) for package in read(model, text).packages] == packages


@pytest.mark.parametrize(
    "option",
    [
        "-c constraints.txt",
        "--constraint constraints.txt",
        "--constraint=constraints.txt",
        "-c ./constraints.txt",
    ],
)
def test_constraints_of_the_artifact(model: Path, option: str) -> None:
    found = read(model, f"numpy\n{option}\n")
    assert [str(line) for line in found.constraints] == ["scipy<2", 'numpy==2.0.0; python_version > "3"']


@pytest.mark.parametrize("line", [f"wheels/{WHEEL}", f"./wheels/{WHEEL}", f"wheels/{WHEEL}  # ours"])
def test_wheels_of_the_artifact(model: Path, line: str) -> None:
    assert read(model, line).wheels == (model / "wheels" / WHEEL,)


def test_a_model_without_the_file_asks_for_nothing(model: Path) -> None:
    assert requirements.read(model) == requirements.Requirements()


REFUSED = [
    "--index-url https://example.com/simple",
    "--index-url=https://example.com/simple",
    "-i https://example.com/simple",
    "--extra-index-url https://example.com/simple",
    "--find-links https://example.com/wheels",
    "--find-links wheels",
    "-f .",
    "--no-index",
    "--trusted-host example.com",
    "--pre",
    "--no-binary :all:",
    "--use-feature fast-deps",
    "-r more.txt",
    "--requirement more.txt",
    "-r https://example.com/requirements.txt",
    "-e .",
    "-e ./code",
    "--editable=git+https://example.com/x.git#egg=x",
    f"-e wheels/{WHEEL}",
    "git+https://example.com/x.git",
    "git+ssh://git@example.com/x.git@main#egg=x",
    "https://example.com/x-1.0.tar.gz",
    f"https://example.com/{WHEEL}",
    "x @ https://example.com/x-1.0.tar.gz",
    f"helper @ https://example.com/{WHEEL}",
    "x @ git+https://example.com/x.git",
    f"helper @ file:///model/wheels/{WHEEL}",
    "file:///etc/passwd",
    ".",
    "./code",
    "code/",
    "helper-1.0.tar.gz",
    "./helper-1.0.tar.gz",
    f"/model/wheels/{WHEEL}",
    f"../outside/{WHEEL}",
    f"wheels/../../outside/{WHEEL}",
    f"linked/{WHEEL}",
    "wheels/absent-1.0-py3-none-any.whl",
    "not-a-wheels-name.whl",
    "broken-1.0-py3-none-any.whl",
    "wheels/fetches-1.0-py3-none-any.whl",
    "C:\\wheels\\helper-1.0-py3-none-any.whl",
    "-c",
    "-c absent.txt",
    "-c https://example.com/constraints.txt",
    "-c /etc/passwd",
    "-c ../outside/constraints.txt",
    "-c link.txt",
    "-c code",
    "-c bad-constraints.txt",
    "-c nested-constraints.txt",
    "--constraint=https://example.com/constraints.txt",
    "numpy==2.0.0 --hash=sha256:0000",
    "numpy --config-settings=x=y",
    "numpy==${VERSION}",
    'numpy; python_version < "${X}"',
    "numpy pandas",
    "numpy==2.0.0, https://example.com",
    "$(touch /tmp/owned)",
    "numpy; touch /tmp/owned",
]


@pytest.mark.parametrize("line", REFUSED)
def test_refused_with_the_line_named(model: Path, line: str) -> None:
    with pytest.raises(Refused) as caught:
        read(model, f"pandas\n{line}\n")
    assert caught.value.reason is Reason.UNSAFE_REQUIREMENT
    named = (
        "requirements.txt line 2",
        "bad-constraints.txt line 2",
        "nested-constraints.txt line 1",
        "its metadata line 2",
    )
    assert any(words in caught.value.message for words in named)


def test_continued_lines_are_counted_from_their_start(model: Path) -> None:
    with pytest.raises(Refused, match=r"requirements\.txt line 2"):
        read(model, "pandas\n--index-url \\\n https://example.com/simple\n")


@pytest.mark.parametrize("content", [b"\xff\xfen\x00", b"#" * (requirements.MAX_BYTES + 1)])
def test_files_that_are_not_read_at_all(model: Path, content: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read(model, content)
    assert caught.value.reason is Reason.UNSAFE_REQUIREMENT


def test_the_file_itself_may_not_be_a_link(model: Path) -> None:
    (model / requirements.NAME).symlink_to("/etc/hostname")
    with pytest.raises(Refused):
        requirements.read(model)
