"""What the lists of the images' contents say, beside the lock and beside the images."""

import json
import tomllib

import pytest

from supply import sbom
from supply.scanners import REPOSITORY

# syft is built first, and images where there are none of these sources.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

Packages = dict[str, str]


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Packages]:
    """Image -> purl type and name -> version."""
    found = {}
    for path in sbom.write(tmp_path_factory.mktemp("sbom")):
        document = json.loads(path.read_text())
        assert document["bomFormat"] == "CycloneDX"
        image = path.name.partition(".")[0]
        assert document["metadata"]["component"]["name"] == f"docker.io/pintle/{image}"
        components = [c for c in document["components"] if c.get("purl")]
        found[image] = {c["purl"].partition("@")[0].partition(":")[2]: c["version"] for c in components}
    return found


def test_python_packages_are_those_of_the_lock(listed: dict[str, Packages]) -> None:
    lock = tomllib.loads((REPOSITORY / "uv.lock").read_text())
    # Of a package that the images have in two versions there are two lines.
    locked = {(package["name"], package["version"]) for package in lock["package"]}
    for image, wanted in {
        "operator": ("kopf", "kubernetes"),
        "runtime": ("boto3", "mlflow-skinny", "scikit-learn"),
    }.items():
        python = {k.removeprefix("pypi/"): v for k, v in listed[image].items() if k.startswith("pypi/")}
        assert python.keys() >= {*wanted}, f"{image}: {sorted(python)}"
        assert python.items() - locked == set(), image


def test_debian_packages_are_in_it(listed: dict[str, Packages]) -> None:
    for image in sbom.IMAGES:
        assert "deb/debian/ca-certificates" in listed[image]
        assert "deb/debian/git" not in listed[image], "nothing to build with"


def test_an_image_does_not_have_what_only_the_other_needs(listed: dict[str, Packages]) -> None:
    assert "pypi/scikit-learn" not in listed["operator"]
    assert "pypi/kopf" not in listed["runtime"]
