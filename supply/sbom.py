"""What is in each image, Debian's packages and Python's, as CycloneDX: read from it, not from the lock."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from supply.scanners import REPOSITORY, Failed
from testbed import scanners
from testbed.images import embedded, project
from testbed.settings import cache_dir

IMAGES = ("operator", "runtime")


def write(folder: Path) -> Iterator[Path]:
    """Write `operator.cdx.json` and `runtime.cdx.json`; gives each as it is there.

    Raises:
        TestbedError: an image or syft cannot be built.
        Failed: syft cannot read an image.
    """
    folder.mkdir(parents=True, exist_ok=True)
    syft = scanners.syft()
    for image in project.images(REPOSITORY, IMAGES):
        archive = embedded.archived(image, REPOSITORY, cache_dir() / "images")
        path = folder / f"{image.target}.cdx.json"
        name, _, version = image.reference.rpartition(":")
        source = [f"docker-archive:{archive}", f"--source-name={name}", f"--source-version={version}"]
        command = [str(syft), "scan", "--quiet", *source, f"--output=cyclonedx-json={path}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"syft: {done.stderr}")
        yield path
