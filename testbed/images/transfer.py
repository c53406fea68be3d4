"""An image on its way from a Docker archive to a node that has some of its layers already.

`ctr images import` of a Docker archive reads, hashes and stores every layer again. The images of this project
share most of theirs, and an edit of the source changes one small layer. So the archive is sent on as an OCI
image layout with only those blobs that the node lacks; it finds the others in its own store.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_OCI = "application/vnd.oci.image"


@dataclass(frozen=True)
class Blob:
    """A part of an image, by its digest: its content, or where in the archive that is."""

    media_type: str
    digest: str
    size: int
    content: bytes | tarfile.TarInfo

    @property
    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


def send(archive: Path, reference: str, there: Collection[str], out: IO[bytes]) -> None:
    """Writes the archive's image as an OCI layout named `reference`, without the blobs that are `there`.

    Raises:
        OSError: the reader of `out` went away.
    """
    with tarfile.open(archive) as source:
        parts = _parts(source)
        manifest = _manifest(parts)
        name = {"annotations": {"io.containerd.image.name": reference}}
        index = {"schemaVersion": 2, "manifests": [manifest.descriptor | name]}
        with tarfile.open(fileobj=out, mode="w|") as layout:
            _add(layout, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
            for blob in (manifest, *parts):
                if blob.digest not in there:
                    _add_blob(layout, blob, source)
            _add(layout, "index.json", json.dumps(index).encode())


def _manifest(parts: list[Blob]) -> Blob:
    media_type = f"{_OCI}.manifest.v1+json"
    content = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": parts[0].descriptor,
        "layers": [layer.descriptor for layer in parts[1:]],
    }
    return _blob(media_type, json.dumps(content).encode())


def _parts(source: tarfile.TarFile) -> list[Blob]:
    """The configuration, then the layers from the lowest up."""
    (description,) = json.loads(_read(source, "manifest.json"))
    configuration = _read(source, description["Config"])
    layers = zip(description["Layers"], json.loads(configuration)["rootfs"]["diff_ids"], strict=True)
    return [
        _blob(f"{_OCI}.config.v1+json", configuration),
        *(_layer(source.getmember(name), digest) for name, digest in layers),
    ]


def _layer(member: tarfile.TarInfo, digest: str) -> Blob:
    # Layers in such an archive are not compressed, so the digest of the content is the digest of the blob.
    return Blob(f"{_OCI}.layer.v1.tar", digest, member.size, member)


def _blob(media_type: str, content: bytes) -> Blob:
    return Blob(media_type, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content), content)


def _read(source: tarfile.TarFile, name: str) -> bytes:
    member = source.extractfile(name)
    if member is None:
        raise tarfile.ReadError(f"{name} is no file of the archive")
    return member.read()


def _add_blob(layout: tarfile.TarFile, blob: Blob, source: tarfile.TarFile) -> None:
    name = f"blobs/{blob.digest.replace(':', '/')}"
    if isinstance(blob.content, bytes):
        _add(layout, name, blob.content)
        return
    member = tarfile.TarInfo(name)
    member.size = blob.size
    layout.addfile(member, source.extractfile(blob.content))


def _add(layout: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    layout.addfile(member, io.BytesIO(content))
