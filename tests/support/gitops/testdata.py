"""Writes what is generated for Argo CD: `.venv/bin/python -m tests.support.gitops.testdata`.

`health_test.yaml` of the health checks, in Argo CD's own layout, so that the folder can be proposed to
argoproj/argo-cd as it is; and `argocd-cm.yaml`, for those who do not wait for that. The testdata of
ModelDeployment come from a real cluster (`capture`); those of RegistryConnection from the operator's code.
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


def path_of(kind: str, state: str) -> Path:
    """The file that holds an object of a kind in a state."""
    return CUSTOMIZATIONS / "pintle.dev" / kind / "testdata" / f"{state}.yaml"


def files() -> dict[Path, str]:
    """Every generated file and its text."""
    connections = {name: state.body() for name, state in CONNECTION_STATES.items()}
    captured = {name: yaml.safe_load(path_of("ModelDeployment", name).read_text()) for name in STATES}
    return {
        **{path_of("RegistryConnection", name): _yaml(body) for name, body in connections.items()},
        **_tests("RegistryConnection", CONNECTION_STATES, connections),
        **_tests("ModelDeployment", STATES, captured),
        ARGO_CD / "argocd-cm.yaml": _config_map(),
    }


def _tests(
    kind: str, states: Mapping[str, State | ConnectionState], bodies: Mapping[str, dict[str, Any]]
) -> dict[Path, str]:
    """`health_test.yaml` of a kind."""
    tests = [_test(name, state, bodies[name]) for name, state in states.items()]
    return {CUSTOMIZATIONS / "pintle.dev" / kind / "health_test.yaml": _yaml({"tests": tests})}


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
