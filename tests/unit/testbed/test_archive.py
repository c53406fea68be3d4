"""Archives of images that are made without a container tool."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from testbed.images import archive, base


def test_an_archive_names_its_layer_by_content(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"\x7fELF")
    content = archive.of_program("localhost/pause:1", program)
    with tarfile.open(fileobj=io.BytesIO(content)) as image:
        members = {name: image.extractfile(name) for name in image.getnames()}
        files = {name: member.read() for name, member in members.items() if member}
    (manifest,) = json.loads(files["manifest.json"])
    configuration = json.loads(files[manifest["Config"]])
    layer = files[manifest["Layers"][0]]
    assert manifest["RepoTags"] == ["localhost/pause:1"]
    assert configuration["config"]["Entrypoint"] == ["/pause"]
    assert configuration["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as rootfs:
        assert rootfs.getmember("pause").mode == 0o755


@pytest.mark.parametrize(
    ("targets", "mirror"),
    [
        (
            "http://security.example/debian-security/\nhttp://deb.example/debian/\n",
            "http://deb.example/debian",
        ),
        ("https://packages.example/tools\n", "http://deb.debian.org/debian"),
        ("", "http://deb.debian.org/debian"),
    ],
)
def test_the_machines_own_mirror_is_used(targets: str, mirror: str) -> None:
    assert base.mirror(targets) == mirror
