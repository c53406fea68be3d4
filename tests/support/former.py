"""The release before this one: an earlier state of this project, from its history.

No release was made yet, so it is a commit: the last before autoscaling, adoption and analysis. Its kinds, its
roles and its operator all differ from those of today.
"""

import subprocess
import tarfile
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

from pintle.domain.resources import DEPLOYMENTS
from testbed.images import embedded, project
from testbed.settings import cache_dir
from tests.support import install
from tests.support.kube import Kube
from tests.support.schemas import REPOSITORY
from tests.support.waiting import until

COMMIT = "959415634026635c752bff804b99a61d5b015934"
TAG = "former"


@dataclass(frozen=True)
class Former:
    """Its files, and with which image its operator runs."""

    tree: Path
    overlay: Path
    image: str

    def apply(self, kube: Kube) -> None:
        """Install it over whatever release there is, as its own page says, and wait for its operator."""
        kube.kubectl(*install.APPLY, str(self.tree / "crds"))
        kube.kubectl(*install.APPLY, str(self.overlay))
        assert installed(kube) == self.image


def installed(kube: Kube) -> str:
    """Wait until the operator's image is that of its Deployment alone; says which."""
    install.wait(kube)
    template = kube.get(DEPLOYMENTS, install.SYSTEM, install.OPERATOR)["spec"]["template"]
    image: str = template["spec"]["containers"][0]["image"]
    until(
        lambda: {pod["spec"]["containers"][0]["image"] for pod in install.operator_pods(kube)} == {image},
        within=120,
        what=f"all operators are of {image}",
    )
    return image


def former(kube: Kube, folder: Path) -> Former:
    """Get it from the history into a folder, and give the cluster its operator's image.

    Raises:
        AssertionError: the history is not in this clone.
    """
    tree = folder / "former"
    _check_out(tree)
    (image,) = project.images(tree, ["operator"])
    name = image.reference.rpartition(":")[0]
    tagged = replace(image, reference=f"{name}:{TAG}")
    archive = embedded.archived(tagged, tree, cache_dir() / "images", name="former-operator")
    kube.cluster.load(archive)
    overlay = folder / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(
        f"resources: [../{tree.name}/manifests/overlays/cluster]\nimages: [{{name: {name}, newTag: {TAG}}}]\n"
    )
    return Former(tree, overlay, tagged.reference)


def _check_out(tree: Path) -> None:
    command = ["git", "-C", str(REPOSITORY), "archive", "--format=tar", COMMIT]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, (
        f"the release before is commit {COMMIT[:7]}, which this clone does not have: get the whole history,"
        f" as with `git fetch --unshallow`\n{done.stderr.decode()}"
    )
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(tree, filter="data")
