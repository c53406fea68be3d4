"""`make demo-down`: nothing of the demo is left."""

from demo.kube import Kube
from demo.setup import CRDS, OVERLAY, installed_by_demo, is_ours
from testbed import progress
from testbed.providers import choose
from testbed.settings import cache_dir

NAMESPACES = ("demo", "demo-mlflow")


def down() -> None:
    """Remove the cluster; of a cluster that is not the test bed's, what the demo put into it."""
    provider = choose()
    if is_ours():
        provider.down()
        progress.say(f"Removed. What was built stays in {cache_dir()}, so that the next run is quick.")
        return
    with Kube(provider.kubectl()) as kube, progress.step("Removing the demo from the cluster"):
        kube.run("delete", "namespace", *NAMESPACES, "--ignore-not-found")
        if installed_by_demo(kube):
            kube.run("delete", f"--kustomize={OVERLAY}", "--ignore-not-found")
            kube.run("delete", f"--kustomize={CRDS}", "--ignore-not-found")
