"""Writes what is generated for Argo CD: `.venv/bin/python -m tests.support.gitops.testdata`.

`testdata/` and `health_test.yaml` of the health checks, in Argo CD's own layout, so that the folder can be
proposed to argoproj/argo-cd as it is; and `argocd-cm.yaml`, for those who do not wait for that.
"""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.gitops.connection_states import CONNECTION_STATES, ConnectionState
from tests.support.gitops.states import STATES, State
from tests.support.schemas import REPOSITORY

ARGO_CD = REPOSITORY / "docs/gitops/argo-cd"
CUSTOMIZATIONS = ARGO_CD / "resource_customizations"

CONFIG_MAP_HEAD = """\
# Pintle's health checks for Argo CD:
#
#   kubectl -n argocd patch configmap argocd-cm --patch-file docs/gitops/argo-cd/argocd-cm.yaml
data:
"""


def files() -> dict[Path, str]:
    """Every generated file and its text."""
    return {
        **_tests("ModelDeployment", STATES),
        **_tests("RegistryConnection", CONNECTION_STATES),
        ARGO_CD / "argocd-cm.yaml": _config_map(),
    }


def _tests(kind: str, states: Mapping[str, State | ConnectionState]) -> dict[Path, str]:
    """`testdata/` and `health_test.yaml` of a kind."""
    folder = CUSTOMIZATIONS / "pintle.dev" / kind
    bodies = {name: state.body() for name, state in states.items()}
    written = {folder / f"testdata/{name}.yaml": _yaml(body) for name, body in bodies.items()}
    tests = [_test(name, states[name], body) for name, body in bodies.items()]
    return written | {folder / "health_test.yaml": _yaml({"tests": tests})}


def _test(name: str, state: State | ConnectionState, body: dict[str, Any]) -> dict[str, Any]:
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
