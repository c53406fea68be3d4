"""Writes what is generated for Argo CD: `.venv/bin/python -m tests.support.gitops.testdata`.

`testdata/` and `health_test.yaml` of the health checks, in Argo CD's own layout, so that the folder can be
proposed to argoproj/argo-cd as it is; and `argocd-cm.yaml`, for those who do not wait for that.
"""

import textwrap
from pathlib import Path
from typing import Any

import yaml

from tests.support.gitops.states import STATES, State
from tests.support.schemas import REPOSITORY

ARGO_CD = REPOSITORY / "docs/gitops/argo-cd"
CUSTOMIZATIONS = ARGO_CD / "resource_customizations"
MODEL_DEPLOYMENT = CUSTOMIZATIONS / "pintle.dev/ModelDeployment"

CONFIG_MAP_HEAD = """\
# Pintle's health checks for Argo CD:
#
#   kubectl -n argocd patch configmap argocd-cm --patch-file docs/gitops/argo-cd/argocd-cm.yaml
data:
"""


def files() -> dict[Path, str]:
    """Every generated file and its text."""
    bodies = {name: state.body() for name, state in STATES.items()}
    written = {MODEL_DEPLOYMENT / f"testdata/{name}.yaml": _yaml(body) for name, body in bodies.items()}
    tests = [_test(name, STATES[name], body) for name, body in bodies.items()]
    written[MODEL_DEPLOYMENT / "health_test.yaml"] = _yaml({"tests": tests})
    return written | {ARGO_CD / "argocd-cm.yaml": _config_map()}


def _test(name: str, state: State, body: dict[str, Any]) -> dict[str, Any]:
    """What Argo CD is to say. Its message is that of `Ready`, but where this tells of another generation."""
    message = state.argo_message
    if not message:
        message = next(c["message"] for c in body["status"]["conditions"] if c["type"] == "Ready")
    return {
        "healthStatus": {"status": state.argo, "message": message},
        "inputPath": f"testdata/{name}.yaml",
    }


def _config_map() -> str:
    entries = []
    for check in sorted(CUSTOMIZATIONS.glob("*/*/health.lua")):
        group, kind = check.parts[-3:-1]
        script = textwrap.indent(check.read_text(), "    ", predicate=lambda line: bool(line.strip()))
        entries.append(f"  resource.customizations.health.{group}_{kind}: |\n{script}")
    return CONFIG_MAP_HEAD + "".join(entries)


def _yaml(content: object) -> str:
    return yaml.safe_dump(content, width=1_000)


def main() -> None:
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
