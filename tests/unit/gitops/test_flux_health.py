"""What Flux makes of each state, by Flux's own code: kstatus, and the expressions of the documentation."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pintle.conditions import STALLED, Reason
from tests.support.gitops import flux
from tests.support.gitops.connection_states import CONNECTION_STATES
from tests.support.gitops.reasons import OF_READY, with_reason
from tests.support.gitops.states import STATES
from tests.support.schemas import REPOSITORY

# The first run on a machine compiles Flux's code, on a slow one for minutes.
pytestmark = pytest.mark.timeout(1800)

KUSTOMIZATION = REPOSITORY / "docs/gitops/flux/kustomization.yaml"
SERVING = STATES["serving"]


def _expressions() -> dict[str, str]:
    (checks,) = yaml.safe_load(KUSTOMIZATION.read_text())["spec"]["healthCheckExprs"]
    assert (checks["apiVersion"], checks["kind"]) == ("pintle.dev/v1alpha1", "ModelDeployment")
    return {key: checks[key] for key in ("inProgress", "failed", "current")}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, flux.Health]:
    bodies = [state.body() for state in STATES.values()]
    answers = flux.health(bodies, _expressions(), tmp_path_factory.mktemp("flux"))
    return dict(zip(STATES, answers, strict=True))


def test_kstatus_says_what_the_table_says(judged: dict[str, flux.Health]) -> None:
    found = {name: health.kstatus for name, health in judged.items()}
    assert found == {name: state.kstatus for name, state in STATES.items()}


def test_the_expressions_say_what_the_table_says(judged: dict[str, flux.Health]) -> None:
    found = {name: health.expressions for name, health in judged.items()}
    assert found == {name: state.expressions or state.kstatus for name, state in STATES.items()}


def test_kstatus_of_every_reason(tmp_path: Path) -> None:
    answers = flux.health(list(map(with_reason, OF_READY)), {"current": "false"}, tmp_path)
    found = {reason.value: health.kstatus for reason, health in zip(OF_READY, answers, strict=True)}
    wanted = dict.fromkeys(OF_READY, "InProgress") | dict.fromkeys(STALLED, "Failed")
    assert found == wanted | {Reason.SERVING: "Current"}


def test_kstatus_of_a_registry_connection(tmp_path: Path) -> None:
    bodies = [state.body() for state in CONNECTION_STATES.values()]
    answers = flux.health(bodies, {"current": "false"}, tmp_path)
    found = {name: health.kstatus for name, health in zip(CONNECTION_STATES, answers, strict=True)}
    assert found == {name: state.kstatus for name, state in CONNECTION_STATES.items()}


def test_a_failure_is_told_in_the_operators_words(judged: dict[str, flux.Health]) -> None:
    assert "prediction[0] is NaN" in judged["proof-failed"].message


def test_without_the_default_status_a_new_object_would_pass_for_current(tmp_path: Path) -> None:
    created = STATES["created"].body()
    del created["status"]
    (health,) = flux.health([created], {"current": "false"}, tmp_path)
    assert health.kstatus == "Current"


@pytest.mark.parametrize("member", ["conditions", "observedGeneration"])
def test_the_expressions_bear_a_status_that_lacks_members(tmp_path: Path, member: str) -> None:
    body: dict[str, Any] = SERVING.body()
    del body["status"][member]
    (health,) = flux.health([body], _expressions(), tmp_path)
    assert health.expressions == {"conditions": "InProgress", "observedGeneration": "Current"}[member]
