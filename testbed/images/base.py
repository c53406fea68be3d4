"""A Debian base image for machines that reach no image registry: made from Debian's packages."""

import http
import shutil
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from testbed import progress
from testbed.commands import run
from testbed.images.buildah import Buildah
from testbed.images.project import BASE_IMAGE

_SUITE = "trixie"
_REGISTRY = "https://registry-1.docker.io/v2/"
_DEFAULT_MIRROR = "http://deb.debian.org/debian"
_NOT_NEEDED = (
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/log",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
)


def ensure(buildah: Buildah, scratch: Path) -> None:
    """Sees that the base image can be had: from the store, from the registry, or made here in `scratch`.

    Raises:
        TestbedError: debootstrap failed.
    """
    if buildah.image_id(BASE_IMAGE) or registry_answers():
        return
    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="base-", dir=scratch))
    try:
        with progress.step(f"Making {BASE_IMAGE} from Debian packages (once)"):
            _bootstrap(folder / "root")
            layer = folder / "layer.tar"
            run(["tar", "--create", "--one-file-system", "--numeric-owner", f"--file={layer}",
                 f"--directory={folder}/root", "."])  # fmt: skip
            buildah.from_tar(layer, BASE_IMAGE)
    finally:
        shutil.rmtree(folder)


def registry_answers() -> bool:
    """Whether Docker Hub answers as a registry does; a proxy's refusal is no answer."""
    try:
        with urllib.request.urlopen(_REGISTRY, timeout=5) as answer:
            return bool(answer.status == http.HTTPStatus.OK)
    except urllib.error.HTTPError as error:
        return error.code == http.HTTPStatus.UNAUTHORIZED and "www-authenticate" in error.headers
    except OSError:
        return False


def mirror(index_targets: str) -> str:
    """The Debian mirror of this machine, from `apt-get indextargets --format '$(REPO_URI)'`.

    The first repository whose address ends in /debian: the others are for updates or not Debian's.
    """
    for line in index_targets.splitlines():
        address = line.strip().rstrip("/")
        if address.endswith("/debian"):
            return address
    return _DEFAULT_MIRROR


def _bootstrap(root: Path) -> None:
    address = mirror(run(["apt-get", "indextargets", "--format=$(REPO_URI)"]))
    # apt in the new image cannot check an HTTPS mirror without certificates.
    extra = ["--include=ca-certificates"] if address.startswith("https:") else []
    run(["debootstrap", "--variant=minbase", *extra, _SUITE, str(root), address])
    for folder in _NOT_NEEDED:
        for entry in (root / folder).iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
