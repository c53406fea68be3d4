"""Sending on only those parts of an image that a node lacks."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from testbed.images import archive, transfer


@pytest.fixture
def image(tmp_path: Path) -> Path:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    saved = tmp_path / "image.tar"
    saved.write_bytes(archive.of_program("anything:1", program))
    return saved


def sent(image: Path, there: set[str]) -> dict[str, bytes]:
    out = io.BytesIO()
    transfer.send(image, "docker.io/pintle/operator:0.1.0", there, out)
    out.seek(0)
    with tarfile.open(fileobj=out) as layout:
        members = {name: layout.extractfile(name) for name in layout.getnames()}
        return {name: member.read() for name, member in members.items() if member}


def blob(files: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    content = files[f"blobs/{descriptor['digest'].replace(':', '/')}"]
    assert len(content) == descriptor["size"]
    return content


def test_a_whole_image(image: Path) -> None:
    files = sent(image, set())
    (entry,) = json.loads(files["index.json"])["manifests"]
    assert entry["annotations"] == {"io.containerd.image.name": "docker.io/pintle/operator:0.1.0"}
    manifest = json.loads(blob(files, entry))
    assert json.loads(blob(files, manifest["config"]))["config"]["Entrypoint"] == ["/program"]
    (layer,) = manifest["layers"]
    with tarfile.open(fileobj=io.BytesIO(blob(files, layer))) as rootfs:
        assert rootfs.getnames() == ["program"]


def test_what_is_there_is_named_and_not_sent(image: Path) -> None:
    whole = sent(image, set())
    (entry,) = json.loads(whole["index.json"])["manifests"]
    layer = json.loads(blob(whole, entry))["layers"][0]["digest"]
    rest = sent(image, {layer})
    assert set(whole) - set(rest) == {f"blobs/{layer.replace(':', '/')}"}
    assert rest["index.json"] == whole["index.json"]
