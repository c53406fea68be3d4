"""One cluster, one operator and one MLflow for all end-to-end tests; a namespace for each module.

The test bed's instance is not the demo's: `pintle-test`, unless TESTBED_NAME says otherwise.
"""

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from tests.support import diagnosis
from tests.support import rig as rigs
from tests.support.rig import Rig

os.environ.setdefault("TESTBED_NAME", "pintle-test")

FIRST, LAST = "test_first_model", "test_least_privilege"
# A machine that has nothing yet builds Kubernetes and three images before the first test.
COLD_START_SECONDS = 2400

_figures = pytest.StashKey[list[str]]()
_rig = pytest.StashKey[Rig]()

Figure = Callable[[str], None]


@pytest.fixture(scope="session")
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """The cluster with Pintle and MLflow."""
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")

    def say(text: str) -> None:
        if reporter:
            reporter.ensure_newline()
            reporter.write_line(f"e2e: {text}")

    with rigs.raised(say) as raised:
        request.config.stash[_rig] = raised
        yield raised


@pytest.fixture(scope="module")
def namespace(request: pytest.FixtureRequest, rig: Rig) -> Iterator[str]:
    """A namespace for the tests of one module."""
    purpose = request.module.__name__.rpartition("test_")[2].replace("_", "-")
    with rig.namespace(purpose) as name:
        yield name


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Takes what a test measured, for the list at the end of the run."""

    def take(text: str) -> None:
        request.config.stash.setdefault(_figures, []).append(f"{request.node.name}: {text}")
        print(text)

    return take


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the figures, of tests that passed too."""
    if figures := config.stash.get(_figures, []):
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put these tests last, as their operator acts on all of the cluster, and the first model first.

    What is asked of all of them together is asked only where all of them run.
    """
    mine = sorted(
        (i for i in items if "e2e" in i.path.parts), key=lambda i: (i.path.stem == LAST, i.path.stem != FIRST)
    )
    if not _whole(config):
        config.hook.pytest_deselected(items=[i for i in mine if i.path.stem == LAST])
        mine = [i for i in mine if i.path.stem != LAST]
    items[:] = [i for i in items if "e2e" not in i.path.parts] + mine
    for item in mine[:1]:
        item.add_marker(pytest.mark.timeout(COLD_START_SECONDS))


def _whole(config: pytest.Config) -> bool:
    """Whether all tests of this folder run, or all that are slow, or all that are not."""
    here = Path(__file__).parent
    asked = [Path(config.invocation_params.dir, arg).resolve() for arg in config.args if "::" not in arg]
    marks = config.getoption("markexpr")
    narrowed = config.getoption("keyword") or config.getoption("deselect") or config.getoption("lf", False)
    return any(here.is_relative_to(a) for a in asked) and marks in {"", "slow", "not slow"} and not narrowed


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the cluster beside a failure."""
    report = yield
    raised = item.config.stash.get(_rig, None)
    place = getattr(item, "funcargs", {}).get("namespace")
    if report.failed and call.excinfo and raised and place:
        report.sections += list(diagnosis.report(raised.kube, place).items())
    return report
