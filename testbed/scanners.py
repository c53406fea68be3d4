"""Programs that look into images and manifests, for `make sbom` and `make scan`."""

from pathlib import Path

from testbed import gomodule

SYFT = "github.com/anchore/syft@v1.57.1"
KUBECONFORM = "github.com/yannh/kubeconform@v0.8.0"


def syft() -> Path:
    """What lists the packages in an image, built now if no earlier run did; that takes minutes.

    Raises:
        TestbedError: the module cannot be had, or is not built.
    """
    return gomodule.program(SYFT, "./cmd/syft")


def kubeconform() -> Path:
    """What holds manifests to JSON schemas; as above."""
    return gomodule.program(KUBECONFORM, "./cmd/kubeconform")
