"""Building the project's images and giving them to an embedded cluster, neither of them twice."""

import json
from collections.abc import Sequence
from pathlib import Path

from testbed import packages, progress
from testbed.addons import ca_bundle
from testbed.images import base, containerd
from testbed.images.buildah import Buildah
from testbed.images.project import ProjectImage
from testbed.locks import locked


def provide(
    images: Sequence[ProjectImage], *, repository: Path, cache: Path, inside: list[str], record: Path
) -> None:
    """Makes the images available to the pods of the node that `inside` enters.

    `record` is the instance's own file of what it was given; the archives are kept in the cache, so that
    another instance is given them without a build.

    Raises:
        TestbedError: a build failed, or a package for it is missing.
    """
    given = _read(record)
    there = containerd.names(inside)
    for image in images:
        if given.get(image.target) == image.key and image.reference in there:
            continue
        archive = archived(image, repository, cache / "images")
        with progress.step(f"Loading {image.reference}"):
            containerd.load_missing(inside, archive, image.reference)
        given[image.target] = image.key
        _write(record, given)


def archived(image: ProjectImage, repository: Path, folder: Path, *, name: str = "") -> Path:
    """The archive of the image, as `docker save` makes one, built if there is none of this content.

    Those of older content go, of the same `name`, which is the target's if none is given. Archives are named
    by the image's ID too, as other inputs may well give the same image.

    Raises:
        TestbedError: the build failed, or a package for it is missing.
    """
    name = name or image.target
    if found := _archive(image, folder, name):
        return found
    with locked(folder / ".lock", lambda: progress.say("waiting for another build of images")):
        if found := _archive(image, folder, name):
            return found
        packages.ensure(packages.IMAGES)
        buildah = Buildah(folder / "buildah")
        base.ensure(buildah, folder / "scratch")
        with progress.step(f"Building {image.reference}"):
            image_id = buildah.build(repository, image.target, image.reference, ca_bundle())
            archive = folder / f"{name}-{image_id[:16]}.tar"
            if not archive.exists():
                buildah.save(image.reference, archive)
        _write(folder / f"{name}.json", {"key": image.key, "archive": archive.name})
        for old in set(folder.glob(f"{name}-*.tar")) - {archive}:
            old.unlink()
    return archive


def _archive(image: ProjectImage, folder: Path, name: str) -> Path | None:
    latest = _read(folder / f"{name}.json")
    archive = folder / latest.get("archive", "none")
    return archive if latest.get("key") == image.key and archive.is_file() else None


def _read(record: Path) -> dict[str, str]:
    try:
        content: dict[str, str] = json.loads(record.read_text())
    except FileNotFoundError:
        return {}
    return content


def _write(record: Path, given: dict[str, str]) -> None:
    unfinished = record.with_suffix(".tmp")
    unfinished.write_text(json.dumps(given))
    unfinished.rename(record)
