"""What the pages that no test runs as a whole tell a reader to apply is taken by the API server."""

from collections.abc import Iterator

import pytest

from tests.support.cluster import Kubectl
from tests.support.console import File, steps
from tests.support.gateway import definitions
from tests.support.schemas import REPOSITORY

PAGES = ("aws.md", "move-in.md", "move-in-from-kserve.md")
FILES = [
    pytest.param(step.text, id=f"{page}/{step.name}")
    for page in PAGES
    for step in steps((REPOSITORY / "docs/how-to" / page).read_text())
    if isinstance(step, File)
]


@pytest.fixture(scope="module")
def kinds(kubectl: Kubectl, crds: None) -> Iterator[None]:  # noqa: ARG001 - installs ours
    """Those of the Gateway API, beside ours."""
    with definitions(kubectl):
        yield


@pytest.fixture
def apply(kubectl: Kubectl, namespace: str, kinds: None) -> Kubectl:  # noqa: ARG001 - installs them
    """Applies a text on the API server, without storing it."""

    def run(*_: str, stdin: str | None = None) -> str:
        return kubectl("apply", "-n", namespace, "--dry-run=server", "-f", "-", stdin=stdin)

    return run


@pytest.mark.parametrize("text", FILES)
def test_a_documented_manifest_is_accepted(apply: Kubectl, text: str) -> None:
    assert "created (server dry run)" in apply(stdin=text)


def test_a_mistake_in_one_is_noticed(apply: Kubectl) -> None:
    """The control: the route of the page with a filter's member misspelt."""
    (text,) = (p.values[0] for p in FILES if p.id == "move-in-from-kserve.md/after.yaml")
    wrong = str(text).replace("replaceFullPath: /invocations", "replacePrefixMatch: /invocations")
    assert wrong != text
    with pytest.raises(AssertionError, match="replaceFullPath"):
        apply(stdin=wrong)
