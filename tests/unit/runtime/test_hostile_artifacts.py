"""Artifacts that attack `fetch` and `install`; each attack succeeds where its guard is taken away."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv
from typing_extensions import override

from pintle_runtime.fetch import download, listing
from pintle_runtime.fetch.object_store import ObjectStore
from pintle_runtime.fetch.source import Changed, Entry
from pintle_runtime.install import _attempt, _variables
from pintle_runtime.retry import Transient
from pintle_runtime.revision import Index
from pintle_runtime.termination import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MODEL = {"MLmodel": b"flavors: {}\n"}
LIMIT = 10_000


@dataclass
class FileInfo:
    """As MLflow's."""

    path: str
    file_size: int | None
    is_dir: bool = False


class Store:
    """An artifact that lies about nothing but its names: what is listed is what comes."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files
        self.read: list[str] = []

    def entries(self, folder: str) -> list[Entry]:
        return [] if folder else [Entry(name, False, len(body)) for name, body in self.files.items()]

    def renew(self) -> None: ...

    def content(self, path: str) -> Iterator[bytes]:
        self.read.append(path)
        yield self.files[path]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The folder that is mounted at /model, with something beside it that is nobody's to write."""
    (tmp_path / "pod/model").mkdir(parents=True)
    (tmp_path / "pod/token").write_text("as it was")
    return tmp_path / "pod/model"


@pytest.mark.parametrize("name", ["../../token", "./../../token", "a/../../../token"])
def test_a_name_that_leads_out_writes_nothing(
    name: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = target.parent / "token"
    store = Store(MODEL | {name: b"owned"})
    if name.startswith("a/"):
        (target / "a").mkdir()
    with pytest.raises(Refused) as caught:
        download.fetch(store, target, max_bytes=LIMIT)
    assert (caught.value.reason, store.read) == (Reason.UNSAFE_ARTIFACT, []), "nothing was asked for"
    assert beside.read_text() == "as it was"
    # The control: without the check of names, this very artifact overwrites it.
    monkeypatch.setattr(listing, "_check_name", lambda *_: None)
    download.fetch(store, target, max_bytes=LIMIT)
    assert beside.read_text() == "owned"


def test_100000_files_are_refused_before_one_is_asked_for(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(MODEL | {f"f{n}": b"" for n in range(100_000)})
    with pytest.raises(Refused, match="more than 10000 files"):
        download.fetch(store, target, max_bytes=LIMIT)
    assert (store.read, list(target.iterdir())) == ([], [])
    # The control: with another limit, as many as it lets through are written.
    store = Store({name: store.files[name] for name in list(store.files)[:200]})
    monkeypatch.setattr(listing, "MAX_FILES", 199)
    with pytest.raises(Refused, match="more than 199 files"):
        download.fetch(store, target, max_bytes=LIMIT)
    monkeypatch.setattr(listing, "MAX_FILES", 200)
    download.fetch(store, target, max_bytes=LIMIT)
    assert len(list(target.iterdir())) == 200


def test_a_listing_that_lies_about_a_size_fills_no_disk(target: Path) -> None:
    """What was listed with a byte and comes without end is cut off at the byte."""
    poured = 0

    class Endless(Store):
        @override
        def content(self, path: str) -> Iterator[bytes]:
            nonlocal poured
            if path != "endless":
                yield from super().content(path)
                return
            while poured < 1 << 30:
                poured += 65536
                yield b"x" * 65536

    store = Endless(MODEL | {"endless": b"x"})
    with pytest.raises(Changed, match="was listed with 1 bytes"):
        download.fetch(store, target, max_bytes=LIMIT)
    assert poured == 65536, "no more than the first piece was taken"
    # The control: the same file of the size that it was listed with is written.
    assert download.fetch(Store(store.files), target, max_bytes=LIMIT)
    assert (target / "endless").read_bytes() == b"x"


def test_a_link_in_an_object_store_shows_no_file_of_the_pod(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = target.parent / "token"

    class Linking:
        """A store's client that writes a link where it was told to write the file."""

        def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
            return [] if path else [FileInfo("MLmodel", None)]

        def download_artifacts(self, artifact_path: str, dst_path: str | None = None) -> str:
            link = Path(str(dst_path), artifact_path)
            link.symlink_to(beside)
            return str(link)

    store = ObjectStore(Linking(), "s3://bucket/m", tmp_path)
    with pytest.raises(Refused, match="MLmodel is a link"):
        download.fetch(store, target, max_bytes=LIMIT)
    assert not (target / "MLmodel").exists()
    # The control: whoever follows it has a file of the pod's among the model's.
    monkeypatch.setattr(Path, "is_symlink", lambda _: False)
    monkeypatch.setattr(Path, "resolve", lambda path: path)
    download.fetch(store, target, max_bytes=LIMIT)
    assert (target / "MLmodel").read_text() == "as it was"


# An alias of an alias of an alias: 10^9 words once it is written out.
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_a_yaml_bomb_is_bytes_to_fetch(target: Path) -> None:
    """Before `serve`, which has the limits of the model's own container, nobody reads the MLmodel file."""
    store = Store({"MLmodel": BOMB.encode()})
    download.fetch(store, target, max_bytes=LIMIT)
    assert (target / "MLmodel").read_text() == BOMB
    loads = "import sys; from pintle_runtime import fetch, install; from pintle_runtime.fetch import proxy; "
    printed = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for code in (
            f"{loads} print('yaml' in sys.modules)",
            "import sys, yaml; print('yaml' in sys.modules)",
        )
    ]
    assert printed == ["False\n", "True\n"], "no parser of YAML is even there"


def _sdist(folder: Path, marker: Path) -> Path:
    """A source distribution whose build says that it was run."""
    files = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n'
        '[project]\nname = "evil"\nversion = "1.0"\n',
        "b.py": f"open({str(marker)!r}, 'w').write('ran')\n",
        "PKG-INFO": "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n",
    }
    path = folder / "evil-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"evil-1.0/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def test_the_build_of_a_source_distribution_is_never_run(tmp_path: Path) -> None:
    """`install` hands uv the option that forbids it; the control is the same command without that option."""
    marker, variables = tmp_path / "marker", _variables(tmp_path, Index())
    venv = tmp_path / "venv"
    subprocess.run([uv.find_uv_bin(), "venv", "-q", str(venv)], check=True, env=variables)
    where = ["--python", str(venv / "bin/python"), "--no-index", "--find-links", str(tmp_path), "evil"]
    _sdist(tmp_path, marker)
    with pytest.raises(Refused, match="has no usable wheels"):
        _attempt(["pip", "install", "--no-build", *where], variables, [])
    assert not marker.exists()
    with pytest.raises(Transient, match="evil"):  # its build does nothing but to say that it ran
        _attempt(["pip", "install", *where], variables, [])
    assert marker.read_text() == "ran"
