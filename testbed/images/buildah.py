"""Building images with buildah: no daemon, no registry, and a store of the test bed's own."""

import subprocess
from pathlib import Path

from testbed.commands import run, succeeds
from testbed.components import tail
from testbed.errors import TestbedError


class Buildah:
    """buildah with its storage in `folder`."""

    def __init__(self, folder: Path) -> None:
        # In a mount namespace of its own: buildah leaves its storage mounted over itself.
        self._command = [
            "unshare",
            "--mount",
            "--",
            "buildah",
            f"--root={folder}/store",
            f"--runroot={folder}/run",
        ]
        self._log = folder / "build.log"

    def image_id(self, reference: str) -> str | None:
        """The ID of a stored image; None when there is none of that name."""
        inspect = [*self._command, "inspect", "--type=image", "--format={{.FromImageID}}", reference]
        return run(inspect).strip() if succeeds(inspect) else None

    def build(self, context: Path, target: str, reference: str, ca_bundle: Path) -> str:
        """Builds a target of the Dockerfile in `context`, the CA bundle being the build secret `ca`; its ID.

        Raises:
            TestbedError: the build failed; its last words are in the message.
        """
        command = [
            *(*self._command, "build", "--isolation=chroot", "--layers", "--format=docker"),
            *(f"--target={target}", f"--tag={reference}", f"--secret=id=ca,src={ca_bundle}"),
            *(f"--file={context}/Dockerfile", str(context)),
        ]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as log:
            done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
        built = self.image_id(reference) if done.returncode == 0 else None
        if built is None:
            raise TestbedError(f"building {reference} failed; {self._log} ends with:\n{tail(self._log, 30)}")
        return built

    def save(self, reference: str, archive: Path) -> None:
        """Writes the image as a Docker archive."""
        archive.parent.mkdir(parents=True, exist_ok=True)
        unfinished = archive.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        run([*self._command, "push", "--quiet", reference, f"docker-archive:{unfinished}:{reference}"])
        unfinished.rename(archive)

    def from_tar(self, layer: Path, reference: str) -> None:
        """Stores an image whose one layer is a tar file."""
        container = run([*self._command, "from", "scratch"]).strip()
        try:
            run([*self._command, "add", "--quiet", container, str(layer), "/"])
            run([*self._command, "config", "--cmd", "/bin/bash", container])
            run([*self._command, "commit", "--quiet", "--format=docker", container, reference])
        finally:
            run([*self._command, "rm", container])
