"""Docker archives (`docker save`'s format) of images with one layer, made without a container tool."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Sequence
from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def single_layer(name: str, layer: bytes, entrypoint: Sequence[str]) -> bytes:
    """An archive holding the image `name`, whose one layer is the tar file `layer`."""
    diff_id = hashlib.sha256(layer).hexdigest()
    machine = platform.machine()
    configuration = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(machine, machine),
            "os": "linux",
            "config": {"Entrypoint": list(entrypoint)},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]},
        }
    ).encode()
    image_id = hashlib.sha256(configuration).hexdigest()
    manifest = [{"Config": f"{image_id}.json", "RepoTags": [name], "Layers": [f"{diff_id}.tar"]}]
    return _tar(
        {
            f"{image_id}.json": configuration,
            f"{diff_id}.tar": layer,
            "manifest.json": json.dumps(manifest).encode(),
        }
    )


def of_program(name: str, program: Path) -> bytes:
    """An archive holding the image `name`, which consists of one static program and runs it."""
    return single_layer(name, _tar({program.name: program.read_bytes()}, mode=0o755), [f"/{program.name}"])


def _tar(files: dict[str, bytes], mode: int = 0o644) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
