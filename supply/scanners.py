"""Each scanner, over what it is given, and what it has to say.

None asks a service: pip-audit, for one, answers "no known vulnerabilities" with status 0 where it cannot
reach any, so it is not here. That each can find something is in tests/supply.
"""

import subprocess
import tempfile
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from supply import schemas
from testbed import gobuild, scanners
from testbed.settings import KUBERNETES_VERSION, cache_dir

REPOSITORY = Path(__file__).parents[1]
SUPPLY = REPOSITORY / "supply"
CODE = tuple(
    REPOSITORY / name for name in ("operator/pintle", "runtime/pintle_runtime", "plugin/kubectl_pintle")
)
OVERLAYS = tuple(REPOSITORY / "manifests/overlays" / name for name in ("cluster", "namespaced", "dev"))
TEMPLATE = REPOSITORY / "docs/how-to/aws/bucket-and-role.yaml"
# Schemas are published for the first patch of each minor release.
SCHEMAS = f"{KUBERNETES_VERSION.rpartition('.')[0]}.0"
# Errors are 2, warnings 4, remarks 8, and what there is of them is added up. 1 is a crash.
CFN_LINT_FOUND = range(2, 16, 2)


class Failed(Exception):
    """A scanner could not do its work; the text is its own."""


@dataclass(frozen=True, slots=True)
class Result:
    """Whether a scanner has nothing to say, and what it says."""

    clean: bool
    words: str


def hadolint(dockerfile: Path) -> Result:
    """The Dockerfile. What is accepted of it stands in hadolint.yaml with the reason."""
    return _locked("hadolint", "--no-color", f"--config={SUPPLY / 'hadolint.yaml'}", str(dockerfile))


def bandit(folders: Sequence[Path]) -> Result:
    """Python that is shipped, from medium severity on; ruff has the other rules, and reasons beside them."""
    config = f"--configfile={SUPPLY / 'bandit.yaml'}"
    return _locked("bandit", config, "--quiet", "--recursive", "-ll", *map(str, folders))


def checkov(*files: Path) -> Result:
    """Rendered manifests and CloudFormation templates. What is accepted stands in checkov.yaml, and why."""
    config = f"--config-file={SUPPLY / 'checkov.yaml'}"
    frameworks = ["--framework", "kubernetes", "cloudformation"]
    return _locked("checkov", config, *frameworks, "--compact", "--quiet", *(f"--file={f}" for f in files))


def cfn_lint(*templates: Path) -> Result:
    """CloudFormation templates, by the schemas of AWS' resources that come with it."""
    return _locked("cfn-lint", "--format=parseable", *map(str, templates), found=CFN_LINT_FOUND)


def kubeconform(*manifests: Path) -> Result:
    """Rendered manifests: fields that no schema has, missing ones, wrong types; ours included."""
    found = _run(
        ["python", "-c", "import kubernetes_validate; print(kubernetes_validate.__path__[0])"], locked=True
    )
    core = Path(found.stdout.strip()) / f"kubernetes-json-schema/{SCHEMAS}-local-strict"
    if found.returncode or not core.is_dir():
        raise Failed(f"there are no schemas of Kubernetes {SCHEMAS}: {core} {found.stderr}")
    with tempfile.TemporaryDirectory() as folder:
        schemas.write_core(core, Path(folder))
        schemas.write(Path(folder))
        location = f"-schema-location={folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
        return _result(
            _run([str(scanners.kubeconform()), "-strict", "-summary", location, *map(str, manifests)])
        )


def rendered(overlay: Path) -> str:
    """What `kubectl kustomize` makes of an overlay, with the kinds themselves."""
    kubectl = [str(gobuild.ensure(cache_dir()).kube), "kubectl"]
    texts = [_run([*kubectl, "kustomize", str(place)]) for place in (REPOSITORY / "crds", overlay)]
    for text in texts:
        if text.returncode:
            raise Failed(text.stderr)
    return "---\n".join(text.stdout for text in texts)


def _of_overlays(scan: Callable[..., Result]) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{overlay.name}.yaml" for overlay in OVERLAYS]
        for file, overlay in zip(files, OVERLAYS, strict=True):
            file.write_text(rendered(overlay))
        return scan(*files)


OURS: Mapping[str, Callable[[], Result]] = {
    "hadolint": lambda: hadolint(REPOSITORY / "Dockerfile"),
    "bandit": lambda: bandit(CODE),
    "checkov": lambda: _of_overlays(lambda *files: checkov(*files, TEMPLATE)),
    "cfn-lint": lambda: cfn_lint(TEMPLATE),
    "kubeconform": lambda: _of_overlays(kubeconform),
}
"""What `make scan` runs, by name."""


def _locked(*command: str, found: Container[int] = (1,)) -> Result:
    return _result(_run(list(command), locked=True), found)


def _result(done: "subprocess.CompletedProcess[str]", found: Container[int] = (1,)) -> Result:
    words = f"{done.stdout}{done.stderr}".strip()
    if done.returncode and done.returncode not in found:
        raise Failed(f"{done.args[-1]}: ended with {done.returncode}: {words}")
    return Result(done.returncode == 0, words)


def _run(command: Sequence[str], *, locked: bool = False) -> "subprocess.CompletedProcess[str]":
    uv = [str(REPOSITORY / ".tools/bin/uv"), "run", "--quiet", "--project", str(SUPPLY), "--locked"]
    whole = [*(uv if locked else ()), *command]
    return subprocess.run(whole, cwd=REPOSITORY, capture_output=True, text=True, check=False)
