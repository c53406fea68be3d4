"""The health checks for Argo CD, run in Lua over what the operator writes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pintle.conditions import RECONCILING, STALLED, Reason
from tests.support.gitops.lua import Health, LuaError, health
from tests.support.gitops.reasons import HELD, with_reason
from tests.support.gitops.shape import differences
from tests.support.gitops.states import STATES
from tests.support.gitops.testdata import ARGO_CD, CUSTOMIZATIONS, files, path_of

CHECK = (CUSTOMIZATIONS / "pintle.dev/ModelDeployment/health.lua").read_text()
CHECKS = sorted(CUSTOMIZATIONS.glob("*/*/health.lua"))


def _load(path: Path) -> Any:  # noqa: ANN401 -- YAML
    return yaml.safe_load(path.read_text())


def _cases() -> list[Any]:
    """Every test of every health_test.yaml, as argo-cd/util/lua/health_test.go collects them."""
    return [
        pytest.param(check.parent, test, id=f"{check.parent.name}/{test['inputPath']}")
        for check in CHECKS
        for test in _load(check.parent / "health_test.yaml")["tests"]
    ]


@pytest.mark.parametrize(("folder", "test"), _cases())
def test_a_check_says_what_its_health_test_says(folder: Path, test: dict[str, Any]) -> None:
    found = health((folder / "health.lua").read_text(), _load(folder / test["inputPath"]))
    assert found == Health(**test["healthStatus"])


@pytest.mark.parametrize("check", CHECKS, ids=lambda path: path.parent.name)
def test_every_testdata_is_tested(check: Path) -> None:
    tested = {test["inputPath"] for test in _load(check.parent / "health_test.yaml")["tests"]}
    assert tested == {f"testdata/{path.name}" for path in (check.parent / "testdata").iterdir()}


def test_what_is_generated_is_up_to_date() -> None:
    stale = [path.name for path, text in files().items() if path.read_text() != text]
    assert not stale, "run `.venv/bin/python -m tests.support.gitops.testdata` and look at the difference"


@pytest.mark.parametrize("name", STATES)
def test_the_testdata_have_the_shape_that_the_operator_gives(name: str) -> None:
    captured = _load(path_of("ModelDeployment", name))
    found = differences(STATES[name].body(), captured)
    assert found == {}, (
        f"run `.venv/bin/python -m tests.support.gitops.capture {name}`, which needs a cluster"
    )


def test_the_config_map_holds_the_checks() -> None:
    data = _load(ARGO_CD / "argocd-cm.yaml")["data"]
    wanted = {f"resource.customizations.health.pintle.dev_{c.parent.name}": c.read_text() for c in CHECKS}
    assert data == wanted


def test_argo_cd_makes_of_each_state_what_the_table_says() -> None:
    found = {name: health(CHECK, state.body()).status for name, state in STATES.items()}
    assert found == {name: state.argo for name, state in STATES.items()}


@pytest.mark.parametrize("reason", sorted(RECONCILING))
def test_what_goes_on_by_itself_is_progressing(reason: Reason) -> None:
    assert health(CHECK, with_reason(reason)) == Health("Progressing", "the message")


@pytest.mark.parametrize("reason", sorted(STALLED))
def test_what_needs_somebody_is_degraded(reason: Reason) -> None:
    assert health(CHECK, with_reason(reason)) == Health("Degraded", "the message")


@pytest.mark.parametrize("reason", sorted(HELD))
def test_what_somebody_chose_is_suspended(reason: Reason) -> None:
    assert health(CHECK, with_reason(reason)) == Health("Suspended", "the message")


def test_a_status_without_conditions_is_progressing() -> None:
    obj = {"metadata": {"generation": 1}, "status": {"observedGeneration": 1}}
    assert health(CHECK, obj).status == "Progressing"
    assert health(CHECK, {"metadata": {"generation": 1}}).status == "Progressing"


def test_libraries_that_argo_cd_does_not_give_to_a_check_are_not_there() -> None:
    with pytest.raises(LuaError, match="string"):
        health("return {status = string.upper('healthy')}", {})
    with pytest.raises(LuaError):
        health("return {status = ('healthy'):upper()}", {})
    assert health("return {status = table.concat({'Heal', 'thy'})}", {}).status == "Healthy"
